//! The numbers that bound what a caller may ask for. One place, so that a message, a check and a
//! document cannot disagree.

/// Longest resource URI in bytes; the specification's `GPUIO_MAX_URI_LEN`.
pub const GPUIO_MAX_URI_LEN: usize = 4096;

/// Smallest page in bytes: the logical block of the storage that gpuio meets.
pub const MIN_PAGE_BYTES: u64 = 512;

/// Largest page in bytes: one huge page.
pub const MAX_PAGE_BYTES: u64 = 2 << 20;

/// Fewest L1 frames: each lane of a warp can hold a page of its own, so a warp always progresses.
pub const MIN_L1_FRAMES: u64 = 32;

/// Fewest L2 frames: enough that reads into some overlap with write-back of others.
pub const MIN_L2_FRAMES: u64 = 8;

/// Most frames of a tier: frame numbers are `u32`, and the last one means "no frame".
pub const MAX_FRAMES: u64 = u32::MAX as u64 - 1;

/// Deepest I/O queue of one file.
pub const MAX_QUEUE_DEPTH: u32 = 4096;

/// Largest byte offset in a file: offsets are signed 64-bit numbers for the operating system.
pub const MAX_FILE_OFFSET: u64 = i64::MAX as u64;

/// Whether a page of this many bytes is legal: a power of two within the two limits.
pub const fn is_page_size(bytes: u64) -> bool {
    bytes.is_power_of_two() && bytes >= MIN_PAGE_BYTES && bytes <= MAX_PAGE_BYTES
}

/// Most device queues of one scheduler.
pub const MAX_SCHEDULED_DEVICES: usize = 256;

/// Most requests that one scheduler holds: slot numbers are `u32`, and the last one means "none".
pub const MAX_QUEUED_REQUESTS: usize = 1 << 24;

/// Most parts of one batch.
pub const MAX_BATCH_PARTS: usize = 1 << 16;
