//! Copies whose device side is made of relaxed atomic accesses.
//!
//! A kernel of the host device may read a frame while it is being filled (it then finds the page
//! state changed and throws the element away), so the frame's side of a copy must consist of
//! atomic accesses: with plain ones the race would be undefined behaviour on both sides. The
//! other side belongs to the caller for the duration of the call and is accessed plainly, which
//! lets it be unaligned.
//!
//! The body moves 64 bytes a turn. Compilers do not merge or vectorise atomic accesses, so 8-byte
//! words are the best that portable code gets: about a third of `memcpy`'s speed inside the
//! caches. On x86-64 a turn is therefore four 16-byte vector moves (`vector`).

use std::ptr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, AtomicU8};

#[cfg(all(target_arch = "x86_64", not(miri)))]
mod vector;

const WORD_BYTES: usize = 8;
const TURN_BYTES: usize = 64;

/// Copies `length_bytes` from plain memory at `plain` to shared memory at `shared`.
///
/// # Safety
/// Both ranges are mapped and do not overlap; nobody writes the plain range during the call, and
/// concurrent accesses to the shared range are atomic.
pub(super) unsafe fn store_words(shared: usize, plain: usize, length_bytes: usize) {
    // SAFETY: `Store` puts what it reads from the plain side into the shared side.
    unsafe { walk::<Store>(shared, plain, length_bytes) }
}

/// Copies `length_bytes` from shared memory at `shared` to plain memory at `plain`.
///
/// # Safety
/// Both ranges are mapped and do not overlap; nobody else accesses the plain range during the
/// call, and concurrent accesses to the shared range are atomic.
pub(super) unsafe fn load_words(plain: usize, shared: usize, length_bytes: usize) {
    // SAFETY: `Load` puts what it reads from the shared side into the plain side.
    unsafe { walk::<Load>(shared, plain, length_bytes) }
}

/// One direction of a copy: how a piece of each width moves. `shared` is aligned to the width, for
/// `move_turn` to 16 bytes.
trait Direction {
    unsafe fn move_1(shared: *mut u8, plain: *mut u8);
    unsafe fn move_2(shared: *mut u8, plain: *mut u8);
    unsafe fn move_4(shared: *mut u8, plain: *mut u8);
    unsafe fn move_8(shared: *mut u8, plain: *mut u8);

    #[inline(always)]
    unsafe fn move_turn(shared: *mut u8, plain: *mut u8) {
        for offset_bytes in (0..TURN_BYTES).step_by(WORD_BYTES) {
            // SAFETY: a turn is this many words, and the caller has both ranges hold a turn.
            unsafe { Self::move_8(shared.add(offset_bytes), plain.add(offset_bytes)) };
        }
    }
}

struct Store;
struct Load;

macro_rules! store_one {
    ($name:ident, $atomic:ty, $word:ty) => {
        #[inline(always)]
        unsafe fn $name(shared: *mut u8, plain: *mut u8) {
            // SAFETY: `walk` keeps both pieces inside their ranges and the shared one aligned.
            unsafe {
                let word = plain.cast::<$word>().read_unaligned();
                <$atomic>::from_ptr(shared.cast()).store(word, Relaxed);
            }
        }
    };
}

macro_rules! load_one {
    ($name:ident, $atomic:ty, $word:ty) => {
        #[inline(always)]
        unsafe fn $name(shared: *mut u8, plain: *mut u8) {
            // SAFETY: `walk` keeps both pieces inside their ranges and the shared one aligned.
            unsafe {
                let word = <$atomic>::from_ptr(shared.cast()).load(Relaxed);
                plain.cast::<$word>().write_unaligned(word);
            }
        }
    };
}

impl Direction for Store {
    store_one!(move_1, AtomicU8, u8);
    store_one!(move_2, AtomicU16, u16);
    store_one!(move_4, AtomicU32, u32);
    store_one!(move_8, AtomicU64, u64);

    #[cfg(all(target_arch = "x86_64", not(miri)))]
    #[inline(always)]
    unsafe fn move_turn(shared: *mut u8, plain: *mut u8) {
        // SAFETY: `walk` keeps both pieces inside their ranges and the shared one aligned.
        unsafe { vector::move_64(shared, plain) };
    }
}

impl Direction for Load {
    load_one!(move_1, AtomicU8, u8);
    load_one!(move_2, AtomicU16, u16);
    load_one!(move_4, AtomicU32, u32);
    load_one!(move_8, AtomicU64, u64);

    #[cfg(all(target_arch = "x86_64", not(miri)))]
    #[inline(always)]
    unsafe fn move_turn(shared: *mut u8, plain: *mut u8) {
        // SAFETY: `walk` keeps both pieces inside their ranges and the shared one aligned.
        unsafe { vector::move_64(plain, shared) };
    }
}

/// Moves the range in pieces that are aligned on the shared side: a head up to the first 16-byte
/// boundary, the turns and words, a tail. An element that is aligned to its size is never torn by
/// a head or a tail step, because these too are as wide as the alignment allows.
///
/// # Safety
/// As for `store_words` and `load_words`.
#[inline(always)]
unsafe fn walk<D: Direction>(shared: usize, plain: usize, length_bytes: usize) {
    let mut shared = ptr::with_exposed_provenance_mut::<u8>(shared);
    let mut plain = ptr::with_exposed_provenance_mut::<u8>(plain);
    let mut left_bytes = length_bytes;
    macro_rules! step {
        ($name:ident, $bytes:expr) => {
            // SAFETY: at least this many bytes are left of both ranges, and the steps before
            // have aligned the shared side to this width.
            unsafe {
                D::$name(shared, plain);
                shared = shared.add($bytes);
                plain = plain.add($bytes);
            }
            left_bytes -= $bytes;
        };
    }
    if shared.addr() & 1 != 0 && left_bytes >= 1 {
        step!(move_1, 1);
    }
    if shared.addr() & 2 != 0 && left_bytes >= 2 {
        step!(move_2, 2);
    }
    if shared.addr() & 4 != 0 && left_bytes >= 4 {
        step!(move_4, 4);
    }
    if shared.addr() & 8 != 0 && left_bytes >= WORD_BYTES {
        step!(move_8, WORD_BYTES);
    }
    // A head step is left out only when fewer bytes are left than its width; then so are all
    // wider steps below, and the narrower ones are aligned.
    while left_bytes >= TURN_BYTES {
        step!(move_turn, TURN_BYTES);
    }
    while left_bytes >= WORD_BYTES {
        step!(move_8, WORD_BYTES);
    }
    if left_bytes >= 4 {
        step!(move_4, 4);
    }
    if left_bytes >= 2 {
        step!(move_2, 2);
    }
    if left_bytes >= 1 {
        // SAFETY: one byte is left of both ranges.
        unsafe { D::move_1(shared, plain) };
    }
}

#[cfg(test)]
mod tests;
