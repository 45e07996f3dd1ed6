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
    /// So that nobody enters the system to wake none.
    waiting: usize,
}

impl Turnstile {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn count(&self) -> u64 {
        self.lock().count
    }

    /// Requests that somebody watches have ended.
    pub fn turn(&self) {
        let mut state = self.lock();
        state.count += 1;
        let is_awaited = state.waiting > 0;
        drop(state);
        if is_awaited {
            self.turned.notify_all();
        }
    }

    /// Waits until the count is no longer `seen`, at most `timeout`.
    pub fn wait(&self, seen: u64, timeout: Duration) {
        let mut state = self.lock();
        state.waiting += 1;
        let is_same = |state: &mut State| state.count == seen;
        let waited = self.turned.wait_timeout_while(state, timeout, is_same);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.waiting -= 1;
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
