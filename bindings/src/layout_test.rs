//! The structures that device code and Rust share, compared field by field. The build links the
//! C++ side, so this test sees the layout that the compiler really made.

use crate::ffi::device_layout;
use gpuio_memory::layout::*;
use std::mem::offset_of;

macro_rules! layout_of {
    ($type:ty: $($field:ident),+) => {
        [size_of::<$type>() as u64, $(offset_of!($type, $field) as u64),+].as_slice()
    };
}

#[test]
fn rust_and_cpp_agree() {
    let rust = [
        layout_of!(Completion: status, source, acknowledged),
        layout_of!(
            StickyError: state, code, os_error, array, page, byte_offset, count, stalled
        ),
        layout_of!(
            StatisticsShard: misses, joined, evictions, write_backs, prefetches, filled_bytes,
            hits, direct_hits
        ),
        layout_of!(SharedControl: service_sleeping, service_alive, doorbell_fd),
        layout_of!(FrameFill: slot, partner, tickets, done),
        layout_of!(ArrayDescriptor: table, mapped, page_count, length_bytes, directory),
        layout_of!(
            Cache: frames, frame_owners, fills, clock_hand, queue_tail, queue_served, slot_bitmap,
            slot_generation, ring_tail, ring, completions, control, error, statistics, arrays,
            l2_frames, l2_marks, io_timeout_us, frame_count, slot_count, page_shift, ahead_pages,
            queue_limit
        ),
        layout_of!(
            ArrayView: cache, table, frames, direct, origin, element_count, quick_count,
            direct_count, page_shift, array, counts_hits
        ),
    ]
    .concat();
    assert_eq!(device_layout(), rust);
}

#[test]
fn a_moved_field_is_noticed() {
    let mut moved = device_layout();
    moved.swap(1, 2);
    assert_ne!(device_layout(), moved);
}
