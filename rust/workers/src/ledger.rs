//! Who is in: counts of tasks accepted, ended and taken away, and the door.
//!
//! The counts only grow, and each has one place where it is written: no counter bounces between
//! submitters and workers for every task.

use crate::sync::atomic::{AtomicU64, AtomicU8, Ordering};
use crate::task::Refusal;
use crossbeam_utils::CachePadded;

/// In `accepted`: no more will be.
const CLOSED: u64 = 1 << 63;

/// What becomes of tasks that have not begun when the pool is shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Rest {
    /// They are run.
    Drain = 1,
    /// They are handed back as [`Outcome::Discarded`](crate::Outcome::Discarded).
    Discard = 2,
}

/// See the module's comment.
pub(crate) struct Ledger {
    capacity: u64,
    door: CachePadded<Door>,
    /// 0, or a [`Rest`]. Read for every task, written twice at most: a cache line of its own.
    closing: CachePadded<AtomicU8>,
}

/// What submitters and the owner write.
struct Door {
    accepted: AtomicU64,
    taken: AtomicU64,
}

impl Ledger {
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity as u64,
            door: CachePadded::new(Door {
                accepted: AtomicU64::new(0),
                taken: AtomicU64::new(0),
            }),
            closing: CachePadded::new(AtomicU8::new(0)),
        }
    }

    /// Lets one task in. From then on the workers stay until it has ended.
    pub fn accept(&self) -> Result<(), Refusal> {
        let mut accepted = self.door.accepted.load(Ordering::Relaxed);
        loop {
            if accepted & CLOSED != 0 {
                return Err(Refusal::Closed);
            }
            // May be newer than `accepted`, and then even above it; the exchange fails in that
            // case.
            let taken = self.door.taken.load(Ordering::Acquire);
            if accepted.saturating_sub(taken) >= self.capacity {
                return Err(Refusal::Full);
            }
            match self.door.accepted.compare_exchange_weak(
                accepted,
                accepted + 1,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok(()),
                Err(now) => accepted = now,
            }
        }
    }

    /// The owner has taken `count` completions.
    pub fn take(&self, count: usize) {
        self.door.taken.fetch_add(count as u64, Ordering::AcqRel);
    }

    /// Lets no more in. A second call can only turn Drain into Discard.
    pub fn close(&self, rest: Rest) {
        self.door.accepted.fetch_or(CLOSED, Ordering::AcqRel);
        self.closing.fetch_max(rest as u8, Ordering::AcqRel);
    }

    /// Whether tasks that have not begun are to be handed back.
    pub fn discards(&self) -> bool {
        self.closing.load(Ordering::Acquire) == Rest::Discard as u8
    }

    /// Whether the door is closed.
    pub fn is_closed(&self) -> bool {
        self.door.accepted.load(Ordering::Acquire) & CLOSED != 0
    }

    /// How many were accepted so far.
    pub fn accepted(&self) -> u64 {
        self.door.accepted.load(Ordering::Acquire) & !CLOSED
    }

    /// How many are accepted and not yet taken away.
    pub fn in_flight(&self) -> u64 {
        let taken = self.door.taken.load(Ordering::Acquire);
        self.accepted().saturating_sub(taken)
    }
}
