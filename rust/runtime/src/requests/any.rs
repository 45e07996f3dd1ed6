//! Waiting for whichever of several requests ends first.

use super::RequestHandle;
use gpuio_core::{Error, ErrorCode, Result};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Counts, for a context, how often requests have ended that somebody watches. Who waits for one of
/// several notes the count, looks at all of them, and sleeps until the count is another.
#[derive(Default)]
pub struct Turnstile {
    state: Mutex<State>,
    turned: Condvar,
}

#[derive(Default)]
struct State {
    count: u64,
    /// Threads that sleep and have not been woken: who has been may take long to come to its core,
    /// and waking it once more enters the system for nothing.
    asleep: usize,
}

impl Turnstile {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn count(&self) -> u64 {
        self.lock().count
    }

    /// Requests that somebody watches have ended. Whether this has woken threads.
    pub fn turn(&self) -> bool {
        let mut state = self.lock();
        state.count += 1;
        let asleep = std::mem::take(&mut state.asleep);
        drop(state);
        if asleep > 0 {
            self.turned.notify_all();
        }
        asleep > 0
    }

    /// Waits until the count is no longer `seen`, at most `timeout`.
    pub fn wait(&self, seen: u64, timeout: Duration) {
        let mut state = self.lock();
        let is_same = |state: &mut State| state.count == seen;
        if is_same(&mut state) {
            state.asleep += 1;
            let waited = self.turned.wait_timeout_while(state, timeout, is_same);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if is_same(&mut state) {
                state.asleep -= 1; // the time is over, and nobody has woken it
            }
        }
    }
}

impl RequestHandle {
    /// Waits until one of these requests has ended, at most `timeout`: its place, the first one's
    /// if several have. `None` when the time is over, or there are none. On the service thread it
    /// does not wait, see [`RequestHandle::on_complete`]. Looks at each of them whenever one that
    /// is waited for so has ended.
    ///
    /// # Errors
    /// `InvalidArgument` if they are of several contexts.
    pub fn wait_any<'a>(
        requests: impl Iterator<Item = &'a Self> + Clone,
        timeout: Duration,
    ) -> Result<Option<usize>> {
        let Some(first) = requests.clone().next() else {
            return Ok(None);
        };
        let shared = &first.state().shared;
        let is_same = |it: &Self| Arc::ptr_eq(&it.state().shared, shared);
        if !requests.clone().all(is_same) {
            let message = "the requests are of several contexts";
            let code = ErrorCode::InvalidArgument;
            return Err(Error::new(
                code,
                "wait for any of several requests",
                message,
            ));
        }
        let timeout = match shared.line.signals.is_service_thread() {
            true => Duration::ZERO, // only this thread could end them
            false => timeout,
        };
        let deadline = Instant::now().checked_add(timeout);
        loop {
            // Before the look: an end after it turns the count.
            let seen = shared.turnstile.count();
            if let Some(place) = requests.clone().position(|it| it.state().watch()) {
                return Ok(Some(place));
            }
            let left = deadline.map_or(timeout, |it| it.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Ok(None);
            }
            shared.turnstile.wait(seen, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn each_sleeper_is_woken_once() {
        let stile = Turnstile::default();
        std::thread::scope(|scope| {
            for _ in 0..100 {
                let sleeper = || scope.spawn(|| stile.wait(stile.count(), LONG));
                let sleepers = [sleeper(), sleeper()];
                while stile.lock().asleep < 2 {
                    std::thread::yield_now();
                }
                // Whether they are back on a core or not.
                assert!(stile.turn());
                assert_eq!(stile.lock().asleep, 0);
                sleepers.into_iter().for_each(|it| it.join().unwrap());
            }
        });
        assert!(!stile.turn(), "nobody is left");
    }

    #[test]
    fn who_gives_up_is_not_woken() {
        let stile = Turnstile::default();
        stile.wait(stile.count(), Duration::from_millis(1));
        assert!(!stile.turn());
    }

    #[test]
    fn what_has_turned_is_not_waited_for() {
        let stile = Turnstile::default();
        let seen = stile.count();
        stile.turn();
        stile.wait(seen, LONG);
        assert!(!stile.turn());
    }
}
