//! How the pool's owner is told that something has ended: a hook that is called once each time the
//! owner has asked for it.
//!
//! The same handshake as in [`sleep`](crate::sleep): the owner arms the bell, then looks whether
//! anything is there; a worker puts a completion there, then looks whether the bell is armed.

use crate::sync::atomic::{fence, AtomicBool, Ordering};
use std::fmt;

/// A hook and whether it may be called.
pub struct Bell {
    is_armed: AtomicBool,
    ring: Box<dyn Fn() + Send + Sync>,
}

impl Bell {
    /// An armed bell. `ring` is called by whoever finds it armed; it must not wait.
    pub fn new(ring: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            is_armed: AtomicBool::new(true),
            ring: Box::new(ring),
        }
    }

    /// Rings if it is armed, and disarms it. Call it after the news is visible.
    pub fn announce_news(&self) {
        // Pairs with the one in `arm_unless`.
        fence(Ordering::SeqCst);
        if self.is_armed.load(Ordering::Relaxed) && self.is_armed.swap(false, Ordering::Relaxed) {
            (self.ring)();
        }
    }

    /// Arms it and returns true, unless there is news already. After true, what becomes visible
    /// rings it. (It may have rung by then; and after false it may ring once without news.)
    pub fn arm_unless(&self, is_news_there: impl FnOnce() -> bool) -> bool {
        // Exchanges, so that each comes right after the value that it replaces: with plain stores
        // loom reports a ring that an older exchange has swallowed.
        self.is_armed.swap(true, Ordering::Relaxed);
        // Pairs with the one in `announce_news`.
        fence(Ordering::SeqCst);
        let is_silent = !is_news_there();
        if !is_silent {
            self.is_armed.swap(false, Ordering::Relaxed);
        }
        is_silent
    }
}

impl fmt::Debug for Bell {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Bell")
            .field("is_armed", &self.is_armed)
            .finish_non_exhaustive()
    }
}
