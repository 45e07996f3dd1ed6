/// \file
/// How many logical threads of a grid run side by side on one worker.
///
/// Many is good: with the usual grid-stride loop all threads of the grid then move through the array
/// together, and it is read once. With few, every few threads read it all again. Few is safe: a
/// thread may hold pages by guards while it waits for one more, and when all frames are held by
/// threads that wait for frames, their accesses end with a timeout. Which of the two a kernel needs
/// cannot be known before it runs, so the window opens step by step (docs/decisions/ has figures).
#pragma once

#include <cstddef>
#include <cstdint>

#include "gpuio/device/layout.hpp"

namespace gpuio::detail {

/// L1 frames that cannot be given to another page now: pinned, or being filled.
std::uint32_t frames_in_use(const device::Cache& cache);

/// The bound on the fibers of one worker. It starts so small that every fiber can have
/// `kSafeFramesEach` frames and half of L1 stays free. Whenever every fiber has got over
/// `kWaitsBeforeGrowth` waits on average and only `1 / kFreeShare` of the frames is in use, it is
/// doubled: even if the new fibers hold as many frames as those before, half of L1 is free.
class FiberWindow {
public:
    /// Frames that a fiber may hold or wait for, as long as nothing is known about the kernel:
    /// three guards and an access.
    static constexpr std::uint32_t kSafeFramesEach = 4;
    static constexpr std::uint32_t kWaitsBeforeGrowth = 2;
    static constexpr std::uint32_t kFreeShare = 4;
    /// Fibers side by side on one worker. ThreadSanitizer can follow some thousand in a process.
#if defined(__SANITIZE_THREAD__)
    static constexpr std::size_t kMost = 64;
#else
    static constexpr std::size_t kMost = 4096;
#endif

    /// The window of a grid's beginning.
    /// \param cache null if there is no array yet, and so nothing to wait for
    /// \param workers how many share the cache
    FiberWindow(const device::Cache* cache, unsigned workers);

    /// How many fibers may be alive.
    std::size_t limit() const { return limit_; }

    /// A fiber begins to wait: what it waited for before, if anything, has come.
    void wait_began() {
        if (++waits_ >= kWaitsBeforeGrowth * limit_ && limit_ < most_) consider_growth();
    }

    /// No more fibers than these can be had.
    void set_most(std::size_t count);

private:
    void consider_growth();

    const device::Cache* cache_;
    std::size_t most_ = kMost;
    std::size_t limit_ = kMost;
    std::size_t waits_ = 0;  ///< begun since the window grew
};

}  // namespace gpuio::detail
