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

std::byte* map_with_guard() {
    const std::size_t guard = guard_bytes();
    void* memory = mmap(nullptr, guard + FiberStack::kBytes, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
    std::byte* bottom = static_cast<std::byte*>(memory) + guard;
    if (mprotect(bottom, FiberStack::kBytes, PROT_READ | PROT_WRITE) != 0) {
        munmap(memory, guard + FiberStack::kBytes);
        return nullptr;
    }
    return bottom;
}

}  // namespace

std::optional<FiberStack> FiberStack::map() {
    if (stacks.fetch_add(1, std::memory_order_relaxed) < kMost) {
        if (std::byte* bottom = map_with_guard()) return FiberStack(bottom);
    }
    stacks.fetch_sub(1, std::memory_order_relaxed);
    return std::nullopt;
}

FiberStack::~FiberStack() {
    if (bottom_ == nullptr) return;
    munmap(bottom_ - guard_bytes(), guard_bytes() + kBytes);
    stacks.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace gpuio::detail
