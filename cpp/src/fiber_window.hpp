/// \file
/// How many logical threads of a grid run side by side on one worker.
///
/// Many is good: with the usual grid-stride loop all threads of the grid then move through the
/// array together, and it is read once. With few, every few threads read it all again. Few is safe:
/// a thread may hold pages by guards while it waits for one more, and when all frames are held by
/// threads that wait for frames, their accesses end with a timeout. Which of the two a kernel needs
/// cannot be known before it runs, so the window opens step by step. Figures are in
/// docs/decisions/0002-host-device-fibers.md.
#pragma once

#include <cstddef>
#include <cstdint>

#include "fiber_sanitizers.hpp"
#include "gpuio/device/layout.hpp"

namespace gpuio::detail {

/// L1 frames that cannot be given to another page now: pinned, or being filled.
std::uint32_t frames_in_use(const device::Cache& cache);

/// The bound on the fibers of one worker. It starts so small that every fiber of the context can
/// have `kSafeFramesEach` frames while half of L1 stays free. Frames in use are counted once a wait
/// of every fiber, and after `kWaitsBeforeGrowth` the window grows by as much as would still leave
/// half of L1 free if the new fibers used as many as those before ever did.
class FiberWindow {
public:
    /// Frames that a fiber may hold or wait for, as long as nothing is known about the kernel:
    /// three guards and an access.
    static constexpr std::uint32_t kSafeFramesEach = 4;
    /// Waits of each fiber, on average. Guards are mostly made first, and count from then on.
    static constexpr std::uint32_t kWaitsBeforeGrowth = 8;
    static constexpr std::size_t kMostGrowth = 16;
    /// Fibers side by side on one worker. ThreadSanitizer can follow some thousand in a process.
#if defined(GPUIO_FIBER_TSAN)
    static constexpr std::size_t kMost = 64;
#else
    static constexpr std::size_t kMost = 4096;
#endif

    /// The window of a grid's beginning.
    /// \param cache null if there is no array yet, and so nothing to wait for
    /// \param workers how many share the cache; `worker` is this one's number
    FiberWindow(const device::Cache* cache, unsigned workers, unsigned worker);

    /// How many fibers may be alive. 0 if the cache is too small for one on every worker.
    std::size_t limit() const { return limit_; }

    /// A fiber begins to wait: what it waited for before, if anything, has come.
    void wait_began() {
        if (++waits_ >= limit_ && limit_ < most_) look();
    }

    /// No more fibers than these can be had.
    void set_most(std::size_t count);

private:
    void look();

    const device::Cache* cache_;
    std::size_t most_ = kMost;
    std::size_t limit_ = kMost;
    std::size_t waits_ = 0;            ///< begun since the last look
    std::uint32_t looks_ = 0;          ///< since the window grew
    std::uint32_t most_in_use_ = 1;    ///< frames, of all looks
};

}  // namespace gpuio::detail
