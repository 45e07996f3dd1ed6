#include "layout.hpp"

#include <cstddef>

#include "gpuio/device/array_view.hpp"
#include "gpuio/device/layout.hpp"

namespace gpuio::bridge {

using namespace gpuio::device;

rust::Vec<std::uint64_t> device_layout() {
    return {
        sizeof(Completion), offsetof(Completion, status), offsetof(Completion, source),
        offsetof(Completion, acknowledged),

        sizeof(StickyError), offsetof(StickyError, state), offsetof(StickyError, code),
        offsetof(StickyError, os_error), offsetof(StickyError, array), offsetof(StickyError, page),
        offsetof(StickyError, byte_offset), offsetof(StickyError, count),
        offsetof(StickyError, stalled),

        sizeof(StatisticsShard), offsetof(StatisticsShard, misses),
        offsetof(StatisticsShard, joined), offsetof(StatisticsShard, evictions),
        offsetof(StatisticsShard, write_backs), offsetof(StatisticsShard, prefetches),
        offsetof(StatisticsShard, filled_bytes), offsetof(StatisticsShard, hits),
        offsetof(StatisticsShard, direct_hits),

        sizeof(SharedControl), offsetof(SharedControl, service_sleeping),
        offsetof(SharedControl, service_alive), offsetof(SharedControl, doorbell_fd),

        sizeof(FrameFill), offsetof(FrameFill, slot), offsetof(FrameFill, partner),
        offsetof(FrameFill, tickets), offsetof(FrameFill, done),

        sizeof(ArrayDescriptor), offsetof(ArrayDescriptor, table),
        offsetof(ArrayDescriptor, mapped), offsetof(ArrayDescriptor, page_count),
        offsetof(ArrayDescriptor, length_bytes), offsetof(ArrayDescriptor, directory),

        sizeof(Cache), offsetof(Cache, frames), offsetof(Cache, frame_owners),
        offsetof(Cache, fills), offsetof(Cache, clock_hand), offsetof(Cache, queue_tail),
        offsetof(Cache, queue_served), offsetof(Cache, slot_bitmap),
        offsetof(Cache, slot_generation), offsetof(Cache, ring_tail), offsetof(Cache, ring),
        offsetof(Cache, completions), offsetof(Cache, control), offsetof(Cache, error),
        offsetof(Cache, statistics), offsetof(Cache, arrays), offsetof(Cache, l2_frames),
        offsetof(Cache, l2_marks), offsetof(Cache, io_timeout_us),
        offsetof(Cache, frame_count), offsetof(Cache, slot_count), offsetof(Cache, page_shift),
        offsetof(Cache, ahead_pages), offsetof(Cache, queue_limit),

        sizeof(ArrayView), offsetof(ArrayView, cache), offsetof(ArrayView, table),
        offsetof(ArrayView, frames), offsetof(ArrayView, direct), offsetof(ArrayView, origin),
        offsetof(ArrayView, element_count), offsetof(ArrayView, quick_count),
        offsetof(ArrayView, direct_count), offsetof(ArrayView, page_shift),
        offsetof(ArrayView, array), offsetof(ArrayView, counts_hits),
    };
}

}  // namespace gpuio::bridge
