//! What the pool counts.

use crate::sync::atomic::{AtomicU64, Ordering};
use gpuio_core::scheduling::PriorityLevel;

/// How many priority levels there are.
pub const LEVEL_COUNT: usize = PriorityLevel::Low as usize + 1;

/// Figures of a pool. Each is exact; taken while tasks move, they may differ from one another by
/// the tasks that moved meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerFigures {
    /// Tasks run, by [`PriorityLevel`]; those that panicked included.
    pub executed: [u64; LEVEL_COUNT],
    /// Of these, those that panicked.
    pub panicked: u64,
    /// Tasks withdrawn before they began.
    pub withdrawn: u64,
    /// Tasks handed back at shutdown.
    pub discarded: u64,
    /// Times that a worker took from another worker's queue, one task or several.
    pub steals: u64,
    /// Times that a worker fell asleep.
    pub sleeps: u64,
    /// Times that a worker was woken.
    pub wakes: u64,
    /// Tasks that wait in a queue.
    pub queued: u64,
    /// Tasks accepted whose completion was not taken yet: what the capacity bounds.
    pub in_flight: u64,
}

/// What one worker counts. Only that worker writes it.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Taken out of the queues for good.
    pub picked: Count,
    /// Ended, the completion being in the outbox.
    pub ended: Count,
    pub executed: [Count; LEVEL_COUNT],
    pub panicked: Count,
    pub withdrawn: Count,
    pub discarded: Count,
    pub steals: Count,
}

/// A counter with one writer.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    /// Adds one. Whoever reads it sees what was done before.
    pub fn bump(&self) {
        self.0
            .store(self.0.load(Ordering::Relaxed) + 1, Ordering::Release);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

impl Tally {
    /// Adds this worker's to the sum.
    pub fn add_to(&self, sum: &mut WorkerFigures) {
        for (total, own) in sum.executed.iter_mut().zip(&self.executed) {
            *total += own.get();
        }
        sum.panicked += self.panicked.get();
        sum.withdrawn += self.withdrawn.get();
        sum.discarded += self.discarded.get();
        sum.steals += self.steals.get();
    }
}
