//! The structures that device code and the host share: the mirror of
//! `cpp/include/gpuio/device/layout.hpp`, where they are explained. A C++ test compares sizes and
//! offsets with what this crate reports.

/// What a fault asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum FaultOperation {
    /// Bring the page; someone waits.
    Read = 1,
    /// Bring the page; nobody waits yet.
    Prefetch = 2,
    /// Take the frame's bytes into the cache below.
    WriteBack = 3,
}

/// How the host answers a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Outcome {
    /// Copy a page from the source (of a write-back: to it), then acknowledge.
    Copy = 1,
    /// Done: the frame holds the page, or the write-back is made.
    Done = 2,
    /// Failed; the source word holds the code and errno.
    Failed = 3,
    /// Of a prefetch: as `Copy`, if the answer is still the same afterwards.
    Offer = 4,
    /// Of an offer: no longer.
    Withdrawn = 5,
}

/// Arrays a context can hold.
pub const MAX_ARRAYS: u32 = 1 << 12;
/// Pages an array can have.
pub const MAX_PAGES: u64 = 1 << 48;
/// Shards of the statistics.
pub const STATISTICS_SHARDS: usize = 64;
/// Owner word of a frame that is free.
pub const FRAME_FREE: u64 = 0;
/// Set in the owner word of a frame that holds a page.
pub const FRAME_OWNED: u64 = 1 << 63;

/// The owner word of a frame that holds this page.
pub const fn owner_word(array: u32, page: u64) -> u64 {
    FRAME_OWNED | (array as u64) << 48 | page
}

/// The array and page of an owner word, if a page owns the frame.
pub const fn owner_page(owner: u64) -> Option<(u32, u64)> {
    if owner & FRAME_OWNED == 0 {
        return None;
    }
    Some((
        (owner >> 48) as u32 & (MAX_ARRAYS - 1),
        owner & (MAX_PAGES - 1),
    ))
}

/// The slot that fills a frame, and its generation, from [`FrameFill::slot`]. The word's
/// highest bit is the CLOCK hand's.
pub const fn unpack_slot(word: u64) -> (u32, u32) {
    ((word >> 16) as u32 & 0x7fff, word as u32 & 0xffff)
}

/// The answer to the fault in one slot.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(32))]
pub struct Completion {
    /// Generation and outcome; written last.
    pub status: u64,
    /// Where the bytes are, or what failed.
    pub source: u64,
    /// The generation whose source is no longer read.
    pub acknowledged: u64,
    /// Zero.
    pub reserved: u64,
}

/// The first failure since the host last asked.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct StickyError {
    /// 0 none, 1 being written, 2 there.
    pub state: u64,
    /// The specification's code, negated.
    pub code: u64,
    /// `errno`, or 0.
    pub os_error: u64,
    /// The array's id.
    pub array: u64,
    /// The page.
    pub page: u64,
    /// The byte in the array.
    pub byte_offset: u64,
    /// Failures since the host last asked.
    pub count: u64,
    /// A deadline has passed: waits fail at once.
    pub stalled: u64,
}

/// Counters of one shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct StatisticsShard {
    /// Pages brought from below: asked for, direct hits, mapped ones.
    pub misses: u64,
    /// Accesses that waited for another thread's fault.
    pub joined: u64,
    /// Pages evicted.
    pub evictions: u64,
    /// Dirty pages written back to make room.
    pub write_backs: u64,
    /// Prefetches issued by kernels.
    pub prefetches: u64,
    /// Bytes copied into frames.
    pub filled_bytes: u64,
    /// Page accesses that found the page, where they are counted.
    pub hits: u64,
    /// Of the misses, pages that were copied without asking the host.
    pub direct_hits: u64,
}

/// What the service and waiting kernels tell each other.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub struct SharedControl {
    /// The service wants a wake-up.
    pub service_sleeping: u64,
    /// 0 once the service has stopped.
    pub service_alive: u64,
    /// Host device: the eventfd that wakes the service.
    pub doorbell_fd: u64,
    /// Zero.
    pub reserved: [u64; 5],
}

/// How a BUSY frame is being filled. The host only reads `slot`, and zeroes the rest at birth.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(32))]
pub struct FrameFill {
    /// The fault's slot.
    pub slot: u64,
    /// The other end of a copy.
    pub partner: u64,
    /// Generation and pieces given out.
    pub tickets: u64,
    /// Pieces copied.
    pub done: u64,
}

/// What a kernel knows of one array, by its id.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct ArrayDescriptor {
    /// Device address of the page table.
    pub table: u64,
    /// Device address of the bytes, where they can be addressed; else 0.
    pub mapped: u64,
    /// Pages.
    pub page_count: u64,
    /// Bytes from byte 0 of page 0 to the array's end.
    pub length_bytes: u64,
    /// Device address of the L2 directory's words; 0 for none.
    pub directory: u64,
}

/// A context as kernels see it. Every address is a device address.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Cache {
    /// Frames.
    pub frames: u64,
    /// Owner words.
    pub frame_owners: u64,
    /// How BUSY frames are being filled.
    pub fills: u64,
    /// The CLOCK hand.
    pub clock_hand: u64,
    /// Places given out in the queue for frames.
    pub queue_tail: u64,
    /// Places given back.
    pub queue_served: u64,
    /// Slots in use.
    pub slot_bitmap: u64,
    /// Generations of the slots.
    pub slot_generation: u64,
    /// Tickets given out for the ring.
    pub ring_tail: u64,
    /// The ring (shared memory).
    pub ring: u64,
    /// The completions (shared memory).
    pub completions: u64,
    /// The control block (shared memory).
    pub control: u64,
    /// The sticky error.
    pub error: u64,
    /// The statistics.
    pub statistics: u64,
    /// The array descriptors.
    pub arrays: u64,
    /// The frames of L2 (shared memory).
    pub l2_frames: u64,
    /// Their marks (shared memory).
    pub l2_marks: u64,
    /// Longest wait of an access.
    pub io_timeout_us: u64,
    /// Frames.
    pub frame_count: u32,
    /// Slots, and ring entries.
    pub slot_count: u32,
    /// log2 of the page size.
    pub page_shift: u32,
    /// Pages that all cursors together may have brought ahead; 0 for none.
    pub ahead_pages: u32,
    /// Faults that may seek and fill frames at a time.
    pub queue_limit: u32,
    /// Zero.
    pub reserved: u32,
}

/// An array as a kernel's argument.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct ArrayView {
    /// Device address of the [`Cache`].
    pub cache: u64,
    /// Device address of the page table; 0 for direct access.
    pub table: u64,
    /// Device address of the frames.
    pub frames: u64,
    /// Device address of the array's byte 0 for direct access; else 0.
    pub direct: u64,
    /// Bytes from the start of page 0 to the array's byte 0.
    pub origin: u64,
    /// Elements.
    pub element_count: u64,
    /// The same if accesses need nothing but the page table; else 0.
    pub quick_count: u64,
    /// The same if elements are plain, aligned memory; else 0.
    pub direct_count: u64,
    /// log2 of the page size.
    pub page_shift: u32,
    /// The array's id.
    pub array: u16,
    /// 1: hits are counted.
    pub counts_hits: u16,
}

const _: () = assert!(size_of::<Completion>() == 32);
const _: () = assert!(size_of::<StickyError>() == 64);
const _: () = assert!(size_of::<StatisticsShard>() == 64);
const _: () = assert!(size_of::<SharedControl>() == 64);
const _: () = assert!(size_of::<ArrayDescriptor>() == 40);
const _: () = assert!(size_of::<FrameFill>() == 32);
const _: () = assert!(size_of::<Cache>() == 168);
const _: () = assert!(size_of::<ArrayView>() == 72);
