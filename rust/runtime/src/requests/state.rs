//! What a handle and the service share of a request.

use super::order::Order;
use super::{look, RequestHandle, Shared};
use crate::traffic::Errand;
use gpuio_core::scheduling::RequestStatus;
use gpuio_core::{Error, Result};
use gpuio_workers::progress::Progress;
use std::collections::VecDeque;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

type Callback = Box<dyn FnOnce(&RequestHandle) + Send>;

/// What few requests have beside their status.
#[derive(Default)]
struct Rest {
    /// The scheduler has it.
    is_accepted: bool,
    error: Option<Error>,
    parts: Vec<Result<()>>,
    /// Not begun. After the end somebody calls them, or is about to, until there are none.
    callbacks: VecDeque<Callback>,
}

/// How a request ended.
pub struct End {
    pub state: Arc<RequestState>,
    pub status: RequestStatus,
    pub error: Option<Error>,
    /// Of a batch: each part's result.
    pub parts: Vec<Result<()>>,
}

impl End {
    /// Tells whoever waits; regions and place are free already. For the service's thread, once for
    /// each request. Returns whether somebody watched.
    pub fn tell(self) -> bool {
        let state = self.state;
        if self.error.is_some() || !self.parts.is_empty() {
            state.progress.with(|rest| {
                let rest = rest.get_or_insert_default();
                (rest.error, rest.parts) = (self.error, self.parts);
            });
        }
        let is_watched = state.progress.advance(self.status as u32);
        if is_watched {
            let has_callbacks = |rest: &mut Option<Box<Rest>>| {
                let rest = rest.as_ref();
                rest.is_some_and(|it| !it.callbacks.is_empty())
            };
            if state.progress.tell(has_callbacks) {
                state.shared.crew.call(&state);
            }
        }
        is_watched
    }
}

/// See the module's comment. At most one allocation, unless it fails, is a batch, or has a deadline
/// or a callback: what the last handle lets go of serves for another request of the context.
pub struct RequestState {
    pub id: u64,
    pub order: Order,
    pub shared: Arc<Shared>,
    /// The service has it under this name.
    pub errand: OnceLock<Errand>,
    pub is_cancelled: AtomicBool,
    bytes: AtomicU64,
    old_value: AtomicU64,
    /// Its stages are the statuses.
    progress: Progress<Option<Box<Rest>>>,
}

impl RequestState {
    /// A new one; in the place of `spare`, which nobody else knows.
    pub fn new(spare: Option<Arc<Self>>, id: u64, order: Order, shared: &Arc<Shared>) -> Arc<Self> {
        if let Some(mut state) = spare {
            if let Some(place) = Arc::get_mut(&mut state) {
                place.renew(id, order);
                return state;
            }
        }
        Arc::new(Self {
            id,
            order,
            shared: Arc::clone(shared),
            errand: OnceLock::new(),
            is_cancelled: AtomicBool::new(false),
            bytes: AtomicU64::new(0),
            old_value: AtomicU64::new(0),
            progress: Progress::new(RequestStatus::Pending as u32, None),
        })
    }

    fn renew(&mut self, id: u64, order: Order) {
        self.id = id;
        self.order = order;
        self.errand = OnceLock::new();
        self.is_cancelled = AtomicBool::new(false);
        self.bytes = AtomicU64::new(0);
        self.old_value = AtomicU64::new(0);
        self.progress = Progress::new(RequestStatus::Pending as u32, None);
    }

    /// The last handle keeps it for another request, if nobody else has it.
    pub fn let_go(mut state: Arc<Self>) {
        if let Some(last) = Arc::get_mut(&mut state) {
            // What few requests have is not kept for others.
            if last.order.extras.is_none() && last.progress.get_mut().is_none() {
                let shared = Arc::clone(&state.shared);
                shared.inbox.keep(state);
            }
        }
    }

    pub fn status(&self) -> RequestStatus {
        status_of(self.progress.stage())
    }

    /// It goes on to another status; never back. The service alone calls this.
    pub fn become_status(&self, next: RequestStatus) {
        if next > self.status() {
            self.progress.advance(next as u32);
        }
    }

    pub fn began(&self) {
        self.become_status(RequestStatus::InProgress);
    }

    pub fn moved(&self, bytes: u64) {
        // The service alone writes it.
        let sum = self.bytes.load(Ordering::Relaxed) + bytes;
        self.bytes.store(sum, Ordering::Relaxed);
    }

    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub fn set_old_value(&self, value: u64) {
        self.old_value.store(value, Ordering::Relaxed);
    }

    pub fn old_value(&self) -> Option<u64> {
        let is_done = self.status() == RequestStatus::Completed;
        let is_atomic = self.order.kind.is_atomic();
        (is_done && is_atomic).then(|| self.old_value.load(Ordering::Relaxed))
    }

    pub fn error(&self) -> Option<Error> {
        let status = self.status();
        // Most end well, and have nothing to lock for.
        if !status.is_end() || status == RequestStatus::Completed {
            return None;
        }
        self.progress.with(|rest| rest.as_ref()?.error.clone())
    }

    pub fn parts(&self) -> Vec<Result<()>> {
        if !self.status().is_end() {
            return Vec::new();
        }
        let parts = |rest: &mut Option<Box<Rest>>| Some(rest.as_ref()?.parts.clone());
        self.progress.with(parts).unwrap_or_default()
    }

    /// The scheduler has taken it. Tells who waits for that: only a deadline makes anyone wait.
    pub fn accepted(&self) {
        if self.order.qos().is_some() {
            self.progress
                .tell(|rest| rest.get_or_insert_default().is_accepted = true);
        }
    }

    /// Waits until the scheduler has said whether the deadline can be met, at most `timeout`, and
    /// not in a completion callback.
    ///
    /// # Errors
    /// What the request ended with before it was accepted.
    pub fn wait_for_admission(&self, timeout: Duration) -> Result<()> {
        if self.shared.line.signals.is_service_thread() {
            return Ok(());
        }
        let answer = self.progress.wait(timeout, |stage, rest| {
            let rest = rest.as_ref();
            let is_accepted = rest.is_some_and(|it| it.is_accepted);
            let error = rest.and_then(|it| it.error.clone());
            match error.filter(|_| !is_accepted && status_of(stage).is_end()) {
                Some(error) => Some(Err(error)),
                None => (is_accepted || status_of(stage).is_end()).then_some(Ok(())),
            }
        });
        answer.unwrap_or(Ok(()))
    }

    /// Waits until it has ended, at most `timeout`.
    pub fn wait(&self, timeout: Duration) -> Option<RequestStatus> {
        let ended = |stage| Some(status_of(stage)).filter(|status| status.is_end());
        if let Some(end) = ended(self.progress.stage()) {
            return Some(end);
        }
        // Only the service's thread could end what that waits for.
        if self.shared.line.signals.is_service_thread() {
            return None;
        }
        let soon = look::for_a_moment(timeout, || ended(self.progress.stage()));
        soon.or_else(|| self.progress.wait(timeout, |stage, _| ended(stage)))
    }

    /// From now on [`End::tell`] says that somebody watches. Whether it has ended already.
    pub fn watch(&self) -> bool {
        let (is_watched, stage) = self.progress.is_watched();
        let stage = match is_watched {
            true => stage,
            false => self.progress.watch(),
        };
        status_of(stage).is_end()
    }

    /// Calls the callbacks, one after the other, also those that come behind them meanwhile.
    pub fn call_back(self: &Arc<Self>) {
        let handle = RequestHandle::new(Arc::clone(self));
        let next = |rest: &mut Option<Box<Rest>>| rest.as_mut()?.callbacks.pop_front();
        while let Some(callback) = self.progress.with(next) {
            call(callback, &handle);
        }
    }

    /// Has a callback called after those that were given before have begun: at the end, or now.
    pub fn on_complete(self: &Arc<Self>, callback: Callback) {
        let now = self.progress.with(|rest| {
            let rest = rest.get_or_insert_default();
            if status_of(self.progress.watch()).is_end() && rest.callbacks.is_empty() {
                return Some(callback);
            }
            rest.callbacks.push_back(callback);
            None
        });
        if let Some(callback) = now {
            call(callback, &RequestHandle::new(Arc::clone(self)));
        }
    }
}

/// Only statuses are stages.
fn status_of(stage: u32) -> RequestStatus {
    RequestStatus::ALL[stage as usize]
}

/// A panic in it is reported by the hook, and ends here.
fn call(callback: Callback, handle: &RequestHandle) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| callback(handle))) {
        // Foreign as well; one that panics again is left alone.
        if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(again);
        }
    }
}
