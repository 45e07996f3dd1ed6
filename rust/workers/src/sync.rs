//! Threads and what they wait on, by one name for the real ones, loom's and shuttle's: `--cfg loom`
//! and `--cfg shuttle` switch.

#[cfg(loom)]
pub use loom::{
    sync::{atomic, Condvar, Mutex, MutexGuard},
    thread,
};
#[cfg(shuttle)]
pub use shuttle::{
    sync::{atomic, Condvar, Mutex, MutexGuard},
    thread,
};
#[cfg(not(any(loom, shuttle)))]
pub use std::{
    sync::{atomic, Condvar, Mutex, MutexGuard},
    thread,
};

/// Locks. No lock of this crate is held while foreign code runs, so a poisoned one is whole.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
