//! Where idle workers sleep, and how they are woken without losing a wake-up.
//!
//! A worker *announces* that it is about to sleep, then looks once more for work, then parks. Who
//! brings work makes it visible first and looks for announced workers after. Between the two steps
//! of either side stands a sequentially consistent fence, so at least one of them sees the other:
//! the worker the work, or the bringer the worker. `tests/loom_sleep.rs` explores every
//! interleaving, and finds what happens if the worker looks before it announces.

use crate::sync::atomic::{fence, AtomicUsize, Ordering};
use crate::sync::thread::{self, Thread};
use crate::sync::{lock, Mutex};

/// The sleeping workers of a pool.
#[derive(Debug)]
pub struct Sleepers {
    /// Length of the list, so that bringing work takes no lock while everyone is awake.
    count: AtomicUsize,
    list: Mutex<List>,
}

#[derive(Debug, Default)]
struct List {
    /// Announced and not woken. Being in here is the truth; a thread's token may be stale.
    asleep: Vec<(usize, Thread)>,
    sleeps: u64,
    wakes: u64,
}

impl Sleepers {
    /// Nobody sleeps. Allocates what `workers` of them take, so that going to sleep does not.
    pub fn new(workers: usize) -> Self {
        let list = List {
            asleep: Vec::with_capacity(workers),
            ..List::default()
        };
        Self {
            count: AtomicUsize::new(0),
            list: Mutex::new(list),
        }
    }

    /// Puts the calling thread, worker `id`, to sleep until someone wakes it, unless `ready` says
    /// that there is something to do. Returns whether it slept. `ready` must see what was made
    /// visible before a call of [`wake_one`](Self::wake_one) or [`wake_all`](Self::wake_all).
    pub fn sleep_unless(&self, id: usize, ready: impl FnOnce() -> bool) -> bool {
        self.announce(id);
        if ready() {
            self.retract(id);
            return false;
        }
        self.park(id);
        true
    }

    /// First step of [`sleep_unless`](Self::sleep_unless): from now on worker `id` may be woken.
    /// A part of its own for the model's sake.
    pub fn announce(&self, id: usize) {
        let mut list = lock(&self.list);
        list.asleep.push((id, thread::current()));
        self.count.store(list.asleep.len(), Ordering::Relaxed);
        drop(list);
        // Pairs with the one in `wake_one`.
        fence(Ordering::SeqCst);
    }

    /// Last step: sleeps until someone has taken worker `id` off the list.
    pub fn park(&self, id: usize) {
        let mut is_counted = false;
        loop {
            let mut list = lock(&self.list);
            if !list.asleep.iter().any(|(other, _)| *other == id) {
                return;
            }
            list.sleeps += u64::from(!is_counted);
            is_counted = true;
            drop(list);
            // May return at once, because of a wake-up that came after `retract`, or because a
            // task used the token for something else: hence the loop.
            thread::park();
        }
    }

    /// Instead of the last step: it does not sleep after all.
    fn retract(&self, id: usize) {
        let mut list = lock(&self.list);
        list.asleep.retain(|(other, _)| *other != id);
        self.count.store(list.asleep.len(), Ordering::Relaxed);
    }

    /// Whether anyone seems to sleep. A hint: orders nothing.
    pub fn any(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    /// Wakes the worker that fell asleep last, if one sleeps. Call it after the work is visible.
    /// Returns whether it woke one; does not enter the system if it did not. Does not wait.
    pub fn wake_one(&self) -> bool {
        // Pairs with the one in `announce`.
        fence(Ordering::SeqCst);
        if !self.any() {
            return false;
        }
        let mut list = lock(&self.list);
        let Some((_, thread)) = list.asleep.pop() else {
            return false;
        };
        list.wakes += 1;
        self.count.store(list.asleep.len(), Ordering::Relaxed);
        drop(list);
        thread.unpark();
        true
    }

    /// Wakes everyone, for good news that all must hear.
    pub fn wake_all(&self) {
        fence(Ordering::SeqCst);
        if !self.any() {
            return;
        }
        let mut list = lock(&self.list);
        // All at once: one by one, those woken first could be back before the last is.
        let threads: Vec<_> = list.asleep.drain(..).collect();
        list.wakes += threads.len() as u64;
        self.count.store(0, Ordering::Relaxed);
        drop(list);
        threads.iter().for_each(|(_, thread)| thread.unpark());
    }

    /// How often a worker fell asleep, and how often one was woken.
    pub fn figures(&self) -> (u64, u64) {
        let list = lock(&self.list);
        (list.sleeps, list.wakes)
    }
}
