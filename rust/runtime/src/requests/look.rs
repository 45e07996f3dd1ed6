//! Looking for a moment before sleeping.

use std::time::{Duration, Instant};

/// How long a thread looks whether what it waits for has come before it sleeps. What takes no
/// engine comes sooner than a thread that sleeps is awake again; what takes longer costs this once.
const MOMENT: Duration = Duration::from_micros(20);

/// Between two looks.
const PAUSES: u32 = 4;

/// What `look` finds, now or within a moment, which is no longer than `timeout`.
pub fn for_a_moment<T>(timeout: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    if let Some(found) = look() {
        return Some(found);
    }
    let started = Instant::now();
    while started.elapsed() < timeout.min(MOMENT) {
        // Not `yield_now`: another process might keep the core for milliseconds.
        (0..PAUSES).for_each(|_| std::hint::spin_loop());
        if let Some(found) = look() {
            return Some(found);
        }
    }
    None
}
