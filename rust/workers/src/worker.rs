//! One worker: what it takes next, how it does it, when it sleeps and when it leaves.

use crate::figures::{Tally, LEVEL_COUNT};
use crate::guard::guarded;
use crate::planted::Planted;
use crate::queue::{Chosen, StealQueue};
use crate::shared::{Local, Running, Shared, BATCHED};
use crate::task::{Completion, Entry, Outcome, Task};
use std::sync::Arc;

/// Of this many tasks that a worker takes, one is looked for at the low level first, and one, half
/// way between, at the medium level first. So neither level ever gets less than this share of a
/// worker.
pub const FAIR_EVERY: u32 = 16;

/// Tasks that a worker takes at once from the medium and low levels, most of them to keep for next.
pub(crate) const BATCH: usize = 16;

/// How long a worker looks for work before it sleeps, in nanoseconds: about what a sleep and a
/// wake-up cost.
#[cfg(not(shuttle))]
const SPIN_NS: u128 = 5_000;

/// See the module's comment.
pub(crate) struct Worker<T: Task> {
    pub shared: Arc<Shared<T>>,
    pub id: usize,
    pub locals: [Local<Entry<T>>; BATCHED],
    /// Tasks taken, for [`FAIR_EVERY`].
    pub turn: u32,
    /// It was idle until now, and may have used up a wake-up that was meant for more than it takes.
    pub was_idle: bool,
    /// Dropped last, and with it the shared half.
    pub _running: Running<T>,
}

impl<T: Task> Worker<T> {
    /// Works until the pool is shut down and nothing is left to do.
    pub fn run(mut self) {
        loop {
            match self.next() {
                Some((level, entry)) => self.handle(level, entry),
                None if self.wait() => {}
                None => return,
            }
        }
    }

    fn tally(&self) -> &Tally {
        &self.shared.seats[self.id].tally
    }

    /// What to do next, and its level.
    fn next(&mut self) -> Option<(usize, Entry<T>)> {
        let found = self
            .favoured_level()
            .and_then(|level| self.take_fairly(level))
            .or_else(|| (0..LEVEL_COUNT).find_map(|level| self.take(level)));
        if found.is_some() {
            self.turn = (self.turn + 1) % FAIR_EVERY;
            self.tally().picked.bump();
            if std::mem::take(&mut self.was_idle) && self.shared.sees_work() {
                self.wake_another();
            }
        }
        found
    }

    /// The level whose turn it is to be looked at first, unless that is the first anyway.
    fn favoured_level(&self) -> Option<usize> {
        match self.turn + 1 {
            FAIR_EVERY => Some(LEVEL_COUNT - 1),
            turn if turn == FAIR_EVERY / 2 => Some(1),
            _ => None,
        }
    }

    /// From this level: its own first, then what was submitted, then the others'.
    fn take(&self, level: usize) -> Option<(usize, Entry<T>)> {
        let queue = &self.shared.queues[level];
        let entry = match self.local(level) {
            None if Chosen::is_empty(queue) => None,
            None => Chosen::take(queue),
            Some(local) => Chosen::pop(local)
                .or_else(|| self.take_batch(level))
                .or_else(|| self.steal(level, BATCH)),
        };
        entry.map(|entry| (level, entry))
    }

    /// The other way round, so that what waits behind another worker's long task is not forgotten
    /// while there are always new ones.
    fn take_fairly(&self, level: usize) -> Option<(usize, Entry<T>)> {
        let stolen = self.steal(level, 1).map(|entry| (level, entry));
        stolen.or_else(|| self.take(level))
    }

    fn local(&self, level: usize) -> Option<&Local<Entry<T>>> {
        self.locals.get(level.checked_sub(1)?)
    }

    fn take_batch(&self, level: usize) -> Option<Entry<T>> {
        let queue = &self.shared.queues[level];
        if Chosen::is_empty(queue) {
            return None;
        }
        let entry = Chosen::take_batch(queue, self.local(level)?, BATCH)?;
        self.share_what_is_left(level);
        Some(entry)
    }

    /// At most `limit` from one of the others, beginning with another one each time.
    fn steal(&self, level: usize, limit: usize) -> Option<Entry<T>> {
        let local = self.local(level)?;
        let count = self.shared.seats.len();
        let first = self.id + 1 + self.turn as usize;
        let victims = (first..first + count).map(|number| number % count);
        for victim in victims.filter(|&number| number != self.id) {
            let peer = &self.shared.seats[victim].peers[level - 1];
            if Chosen::is_peer_empty(peer) {
                continue;
            }
            if let Some(entry) = Chosen::steal_batch(peer, local, limit) {
                self.tally().steals.bump();
                self.share_what_is_left(level);
                let drops = self.shared.planted.is(Planted::DropsStolenAtClose);
                if drops && self.shared.ledger.is_closed() {
                    return None;
                }
                return Some(entry);
            }
        }
        None
    }

    /// What this worker has taken along, and cannot do now, another should come and steal: whoever
    /// looked for it while it was moved has seen it in nobody's queue.
    fn share_what_is_left(&self, level: usize) {
        let mut locals = self.local(level).into_iter();
        if locals.any(|it| !Chosen::is_local_empty(it)) {
            self.wake_another();
        }
    }

    fn wake_another(&self) {
        if !self.shared.planted.is(Planted::SharesNothing) {
            self.shared.sleepers.wake_one();
        }
    }

    /// Brings a task to its end.
    fn handle(&self, level: usize, entry: Entry<T>) {
        let Entry {
            token,
            ticket,
            task,
        } = entry;
        let tally = self.tally();
        let may_begin = ticket.is_none_or(|it| it.begin(self.shared.planted));
        let outcome = if !may_begin {
            tally.withdrawn.bump();
            Outcome::Withdrawn(task)
        } else if self.shared.ledger.discards() {
            tally.discarded.bump();
            Outcome::Discarded(task)
        } else {
            let result = guarded(|| task.run());
            tally.executed[level].bump();
            result.map_or_else(
                |message| {
                    tally.panicked.bump();
                    Outcome::Panicked(message)
                },
                Outcome::Done,
            )
        };
        self.shared.complete(Completion { token, outcome });
        // Last: when all have ended, all completions are there to be taken.
        tally.ended.bump();
    }

    /// Waits for something to do. False: there will be nothing any more.
    fn wait(&mut self) -> bool {
        if self.finds_work_soon() {
            return true;
        }
        self.was_idle = true;
        let shared = &self.shared;
        let ready = || shared.sees_work() || shared.is_over();
        shared.sleepers.sleep_unless(self.id, ready);
        if !shared.is_over() {
            return true;
        }
        // Those who fell asleep while this one still worked.
        if !shared.planted.is(Planted::TellsNobody) {
            shared.sleepers.wake_all();
        }
        false
    }

    #[cfg(not(shuttle))]
    fn finds_work_soon(&self) -> bool {
        let started = std::time::Instant::now();
        loop {
            for _ in 0..16 {
                if self.shared.sees_submitted() {
                    return true;
                }
                std::hint::spin_loop();
            }
            if started.elapsed().as_nanos() > SPIN_NS {
                return false;
            }
        }
    }

    #[cfg(shuttle)]
    fn finds_work_soon(&self) -> bool {
        false
    }
}
