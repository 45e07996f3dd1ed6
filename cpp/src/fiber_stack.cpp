#include "fiber_stack.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>

namespace gpuio::detail {

namespace {

std::atomic<std::size_t> stacks{0};

std::size_t guard_bytes() {
    static const auto bytes = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    return bytes;
}

/// Room for the stacks' different beginnings.
constexpr std::size_t kColorsBytes = 4096;
constexpr std::size_t kLineBytes = 64;
constexpr std::size_t kMappedBytes = FiberStack::kBytes + kColorsBytes;

std::byte* map_with_guard() {
    const std::size_t guard = guard_bytes();
    void* memory = mmap(nullptr, guard + kMappedBytes, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
    std::byte* bottom = static_cast<std::byte*>(memory) + guard;
    if (mprotect(bottom, kMappedBytes, PROT_READ | PROT_WRITE) != 0) {
        munmap(memory, guard + kMappedBytes);
        return nullptr;
    }
    return bottom;
}

}  // namespace

std::optional<FiberStack> FiberStack::map() {
    const std::size_t number = stacks.fetch_add(1, std::memory_order_relaxed);
    if (number < kMost) {
        const std::size_t color = number % (kColorsBytes / kLineBytes) * kLineBytes;
        if (std::byte* bottom = map_with_guard()) return FiberStack(bottom, kMappedBytes - color);
    }
    stacks.fetch_sub(1, std::memory_order_relaxed);
    return std::nullopt;
}

FiberStack::~FiberStack() {
    if (bottom_ == nullptr) return;
    munmap(bottom_ - guard_bytes(), guard_bytes() + kMappedBytes);
    stacks.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace gpuio::detail
