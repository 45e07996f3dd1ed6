//! Which frame of the L2 cache gives way when room is needed.
//!
//! A policy sees dense frame numbers, never data, locks or time, and belongs to one thread.
//! `docs/decisions/0001-l2-replacement.md` has the measurement behind the default.

mod clock;
mod ghost;
mod lru;
mod s3fifo;
mod sieve;

pub use clock::Clock;
pub use ghost::Ghost;
pub use lru::Lru;
pub use s3fifo::S3Fifo;
pub use sieve::Sieve;

use crate::config::PolicyKind;

/// Most calls of `evictable` that one [`ReplacementPolicy::victim`] makes for each frame.
pub const MAX_VICTIM_PASSES: usize = 8;

/// Chooses victims among the resident frames.
///
/// A frame is resident from [`inserted`](Self::inserted) until it is [`removed`](Self::removed) or
/// comes out of [`victim`](Self::victim). All memory is allocated when the policy is made. Frame
/// numbers are below the `frame_count` it was made for; a larger one is a defect of the caller and
/// panics.
pub trait ReplacementPolicy: Send {
    /// The frame now holds the page with this hash. A resident frame is removed first.
    fn inserted(&mut self, frame: u32, key_hash: u64);

    /// The frame's page was used again. Nothing happens if it is not resident.
    fn touched(&mut self, frame: u32);

    /// The frame holds no page any more. Nothing happens if it is not resident.
    fn removed(&mut self, frame: u32);

    /// Takes out the frame that is to give way: resident before the call, not after it.
    ///
    /// `evictable` says whether a frame may be taken now (not pinned, not being filled or written
    /// back). It is asked at most [`MAX_VICTIM_PASSES`] times a frame, and about resident frames
    /// only. `None` if it says no for every resident frame.
    fn victim(&mut self, evictable: &mut dyn FnMut(u32) -> bool) -> Option<u32>;
}

/// A policy of this kind for frames 0 to `frame_count - 1`.
///
/// # Panics
/// If `frame_count` is `u32::MAX`, which means "no frame".
pub fn new_policy(kind: PolicyKind, frame_count: u32) -> Box<dyn ReplacementPolicy> {
    match kind {
        PolicyKind::Lru => Box::new(Lru::new(frame_count)),
        PolicyKind::Clock => Box::new(Clock::new(frame_count)),
        PolicyKind::Sieve => Box::new(Sieve::new(frame_count)),
        PolicyKind::S3Fifo => Box::new(S3Fifo::new(frame_count)),
    }
}
