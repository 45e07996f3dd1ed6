/// \file
/// The queue of faults that need a frame: who comes first gets one first.
///
/// Only `queue_limit` faults at a time seek frames and fill them, at most half as many as there are
/// frames. Were there no limit, a hundred thousand threads would push the CLOCK hand around over
/// frames that are all being filled, and whoever is unlucky would starve until its deadline. The
/// others look at one word now and then.
#pragma once

#include <cstdint>

#include "gpuio/device/layout.hpp"
#include "gpuio/device/macros.hpp"
#include "gpuio/device/platform.hpp"

namespace gpuio::device {

/// A fault's place in the queue. Whoever enters must leave, also when it gives up.
class QueuePlace {
public:
    /// Whether it is this fault's turn; takes a place first if it has none. Does not wait.
    GPUIO_DEVICE bool admitted(const Cache& cache) {
        if (!queued_) {
            ticket_ = platform::fetch_add_relaxed(cache.queue_tail, 1);
            queued_ = true;
        }
        return ticket_ < platform::load_relaxed(cache.queue_served) + cache.queue_limit;
    }

    /// Lets the next one in, if this fault was queued.
    GPUIO_DEVICE void leave(const Cache& cache) {
        if (queued_) platform::fetch_add_relaxed(cache.queue_served, 1);
        queued_ = false;
    }

private:
    std::uint64_t ticket_ = 0;
    bool queued_ = false;
};

}  // namespace gpuio::device
