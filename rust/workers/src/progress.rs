//! How far something has come, and who waits for it.
//!
//! One word has the *stage*, which only grows, and a mark that somebody *watches*. Its owner
//! advances in one atomic step, which also tells whether anyone has to be told; who wants to be
//! told sets the mark in one atomic step, which also tells how far it is. One of the two comes
//! first, so either the watcher sees the new stage or the owner the mark. While nobody watches, an
//! owner takes no lock and does not enter the system. `tests/loom_progress.rs` explores every
//! interleaving.

use crate::sync::atomic::{AtomicU32, Ordering};
use crate::sync::{lock, Condvar, Mutex};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// The mark; the stage lies above it.
const WATCHED: u32 = 1;
const STAGE_SHIFT: u32 = 1;

/// See the [module](self). `R` is what else those who watch share with the owner.
#[derive(Debug, Default)]
pub struct Progress<R> {
    word: AtomicU32,
    rest: Mutex<Rest<R>>,
    told: Condvar,
}

#[derive(Debug, Default)]
struct Rest<R> {
    shared: R,
    /// Threads in [`Progress::wait`]; so that nobody enters the system to wake none.
    waiting: u32,
}

impl<R> Progress<R> {
    /// At a stage, with nobody watching.
    pub fn new(stage: u32, shared: R) -> Self {
        let rest = Rest { shared, waiting: 0 };
        Self {
            word: AtomicU32::new(stage << STAGE_SHIFT),
            rest: Mutex::new(rest),
            told: Condvar::new(),
        }
    }

    /// How far it is. What the owner did before it advanced there is visible.
    pub fn stage(&self) -> u32 {
        // Pairs with the release in `advance`.
        self.word.load(Ordering::Acquire) >> STAGE_SHIFT
    }

    /// Goes on to a later stage. `true`: somebody watches, and if this stage is one that is waited
    /// for, [`Progress::tell`] has to follow. For one thread at a time, the owner's.
    pub fn advance(&self, stage: u32) -> bool {
        // Nobody else changes the stage, so this reads the latest.
        let now = self.word.load(Ordering::Relaxed) >> STAGE_SHIFT;
        debug_assert!(stage > now, "{now} cannot become {stage}");
        let step = stage.wrapping_sub(now) << STAGE_SHIFT;
        // Release: who sees the stage sees what was done before. The mark itself orders nothing:
        // what watchers left in `rest` is read under its lock.
        self.word.fetch_add(step, Ordering::Release) & WATCHED != 0
    }

    /// From now on the owner tells of the stages it comes to. How far it is now: of that nobody may
    /// have been told.
    pub fn watch(&self) -> u32 {
        // Acquire: as in `stage`.
        self.word.fetch_or(WATCHED, Ordering::Acquire) >> STAGE_SHIFT
    }

    /// Whether somebody watches already, and how far it is; in place of [`Progress::watch`], which
    /// writes.
    pub fn is_watched(&self) -> (bool, u32) {
        let word = self.word.load(Ordering::Acquire);
        (word & WATCHED != 0, word >> STAGE_SHIFT)
    }

    /// What is shared, for who knows that nobody else has this.
    pub fn get_mut(&mut self) -> &mut R {
        let rest = self.rest.get_mut();
        &mut rest.unwrap_or_else(PoisonError::into_inner).shared
    }

    /// Looks at or changes what is shared. Tells nobody.
    pub fn with<T>(&self, change: impl FnOnce(&mut R) -> T) -> T {
        change(&mut lock(&self.rest).shared)
    }

    /// Changes what is shared, and has all who wait look again.
    pub fn tell<T>(&self, change: impl FnOnce(&mut R) -> T) -> T {
        // Who waits looks under the lock and lets go of it only when it sleeps: so it either looks
        // after this, or is woken.
        let mut rest = lock(&self.rest);
        let answer = change(&mut rest.shared);
        let is_awaited = rest.waiting > 0;
        drop(rest);
        if is_awaited {
            self.told.notify_all();
        }
        answer
    }

    /// Watches until `look` finds something, at most `timeout`. It looks at the stage and at what
    /// is shared: now, and whenever it is told.
    pub fn wait<T>(
        &self,
        timeout: Duration,
        mut look: impl FnMut(u32, &mut R) -> Option<T>,
    ) -> Option<T> {
        let deadline = Instant::now().checked_add(timeout);
        let mut rest = lock(&self.rest);
        // Before the first look: an advance after that look has to be told of.
        let mut stage = self.watch();
        loop {
            if let Some(found) = look(stage, &mut rest.shared) {
                return Some(found);
            }
            let left = deadline.map_or(timeout, |it| it.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return None;
            }
            rest.waiting += 1;
            let waited = self.told.wait_timeout(rest, left);
            rest = waited.unwrap_or_else(PoisonError::into_inner).0;
            rest.waiting -= 1;
            stage = self.stage();
        }
    }
}
