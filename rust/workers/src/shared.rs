//! What a pool's workers and its owner share.

use crate::bell::Bell;
use crate::figures::{Tally, WorkerFigures, LEVEL_COUNT};
use crate::guard::guarded;
use crate::ledger::Ledger;
use crate::planted::Planted;
use crate::queue::{Chosen, StealQueue};
use crate::sleep::Sleepers;
use crate::sync::{lock, Condvar, Mutex};
use crate::task::{Completion, Entry, Task};
use crossbeam_utils::CachePadded;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

pub(crate) type Global<T> = <Chosen as StealQueue>::Global<T>;
pub(crate) type Local<T> = <Chosen as StealQueue>::Local<T>;
pub(crate) type Peer<T> = <Chosen as StealQueue>::Peer<T>;

/// Levels whose tasks move in batches: all but the first, so that no urgent task ever lies in one
/// worker's queue behind another one's work.
pub(crate) const BATCHED: usize = LEVEL_COUNT - 1;

/// What one worker shows to the others.
pub(crate) struct Seat<T: Send> {
    pub peers: [Peer<Entry<T>>; BATCHED],
    pub tally: Tally,
}

/// See the module's comment.
pub(crate) struct Shared<T: Task> {
    pub ledger: Ledger,
    pub sleepers: Sleepers,
    /// One for each level, open to submitters.
    pub queues: [CachePadded<Global<Entry<T>>>; LEVEL_COUNT],
    /// One for each worker that was asked for, whether it got a thread or not.
    pub seats: Box<[CachePadded<Seat<T>>]>,
    pub planted: Planted,
    outbox: CachePadded<Global<Completion<T>>>,
    bell: Bell,
    threads: Threads,
}

/// How many threads run.
struct Threads {
    running: Mutex<usize>,
    ended: Condvar,
}

impl<T: Task> Shared<T> {
    pub fn new(
        capacity: usize,
        seats: Box<[CachePadded<Seat<T>>]>,
        bell: Bell,
        planted: Planted,
    ) -> Self {
        Self {
            ledger: Ledger::new(capacity),
            sleepers: Sleepers::new(seats.len()),
            queues: std::array::from_fn(|_| CachePadded::new(Chosen::global())),
            seats,
            planted,
            outbox: CachePadded::new(Chosen::global()),
            bell,
            threads: Threads {
                running: Mutex::new(0),
                ended: Condvar::new(),
            },
        }
    }

    /// A task has ended.
    pub fn complete(&self, completion: Completion<T>) {
        Chosen::push(&self.outbox, completion);
        // The hook is the owner's. A panic of it has nowhere to go, and must not end a worker.
        let _ = guarded(|| self.bell.announce_news());
    }

    /// The oldest completion.
    pub fn take(&self) -> Option<Completion<T>> {
        Chosen::take(&self.outbox)
    }

    /// Arms the bell unless a completion is there.
    pub fn arm(&self) -> bool {
        self.bell.arm_unless(|| !Chosen::is_empty(&self.outbox))
    }

    /// Whether submitters have left anything.
    pub fn sees_submitted(&self) -> bool {
        self.queues.iter().any(|queue| !Chosen::is_empty(queue))
    }

    /// Whether there is anything to take, anywhere.
    pub fn sees_work(&self) -> bool {
        self.sees_submitted()
            || self.seats.iter().any(|seat| {
                let mut peers = seat.peers.iter();
                peers.any(|peer| !Chosen::is_peer_empty(peer))
            })
    }

    /// Whether the door is closed and all that came in has ended. Stays true.
    pub fn is_over(&self) -> bool {
        if !self.ledger.is_closed() {
            return false;
        }
        if self.planted.is(Planted::LeavesBySight) {
            return !self.sees_work();
        }
        let ended: u64 = self.seats.iter().map(|seat| seat.tally.ended.get()).sum();
        ended == self.ledger.accepted()
    }

    /// A thread is about to be made. What comes back must live as long as the thread.
    pub fn enter(self: &Arc<Self>) -> Running<T> {
        *lock(&self.threads.running) += 1;
        Running(Arc::clone(self))
    }

    /// How many threads run.
    pub fn running(&self) -> usize {
        *lock(&self.threads.running)
    }

    /// Waits until no thread runs, at most that long. Returns whether none does.
    pub fn wait_ended(&self, patience: Duration) -> bool {
        let running = lock(&self.threads.running);
        let (running, _) = self
            .threads
            .ended
            .wait_timeout_while(running, patience, |running| *running > 0)
            .unwrap_or_else(PoisonError::into_inner);
        *running == 0
    }

    pub fn figures(&self) -> WorkerFigures {
        let (sleeps, wakes) = self.sleepers.figures();
        let mut sum = WorkerFigures {
            sleeps,
            wakes,
            ..WorkerFigures::default()
        };
        let mut picked = 0;
        for seat in &self.seats {
            picked += seat.tally.picked.get();
            seat.tally.add_to(&mut sum);
        }
        sum.queued = self.ledger.accepted().saturating_sub(picked);
        sum.in_flight = self.ledger.in_flight();
        sum
    }
}

/// A thread that runs, or is about to.
pub(crate) struct Running<T: Task>(Arc<Shared<T>>);

impl<T: Task> Drop for Running<T> {
    fn drop(&mut self) {
        *lock(&self.0.threads.running) -= 1;
        self.0.threads.ended.notify_all();
    }
}
