/// \file
/// The memory that a fiber runs on.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>

#include "fiber_sanitizers.hpp"

namespace gpuio::detail {

/// A stack with an inaccessible page below it: a kernel that needs more ends with SIGSEGV instead
/// of writing into its neighbour. Memory is used only where the stack has been touched.
class FiberStack {
public:
    /// What a kernel may use, and up to 4 KiB more. Sanitizers make frames several times larger.
#if defined(GPUIO_FIBER_ASAN) || defined(GPUIO_FIBER_TSAN)
    static constexpr std::size_t kBytes = 256 * 1024;
#else
    static constexpr std::size_t kBytes = 64 * 1024;
#endif
    /// Stacks of the whole process. Each is two entries of the kernel's table of mappings, which
    /// holds 65530 by default and which malloc needs as well.
    static constexpr std::size_t kMost = 16 * 1024;

    /// Maps a stack. Nothing if there is no memory for it, or `kMost` exist.
    static std::optional<FiberStack> map();

    FiberStack(FiberStack&& other) noexcept
        : bottom_(std::exchange(other.bottom_, nullptr)), bytes_(other.bytes_) {}
    FiberStack& operator=(FiberStack&&) = delete;
    ~FiberStack();

    /// The lowest usable address, aligned to a page of the machine.
    std::byte* bottom() const { return bottom_; }

    /// From there, a multiple of 64. Differs: if all stacks began at the same offset in a page,
    /// they would compete for the same few sets of the processor's cache.
    std::size_t bytes() const { return bytes_; }

private:
    FiberStack(std::byte* bottom, std::size_t bytes) : bottom_(bottom), bytes_(bytes) {}

    std::byte* bottom_;
    std::size_t bytes_;
};

}  // namespace gpuio::detail
