//! What a handle and the service share of a request.

use super::region::RegionState;
use super::{RequestHandle, Shared};
use gpuio_core::scheduling::{InferenceQos, RequestClass, RequestKind, RequestStatus, StreamId};
use gpuio_core::{Error, Result};
use std::collections::VecDeque;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::traffic::Errand;

type Callback = Box<dyn FnOnce(&RequestHandle) + Send>;

/// One side of a request, or of a part of a batch.
#[derive(Clone)]
pub struct Side {
    pub region: Arc<RegionState>,
    /// First byte, counted from the region's first.
    pub offset: u64,
}

/// One read or write of a batch.
pub struct Part {
    pub kind: RequestKind,
    pub src: Side,
    pub dst: Side,
    pub length_bytes: u64,
}

/// What is to be done, checked.
pub struct Order {
    pub kind: RequestKind,
    pub src: Side,
    pub dst: Side,
    pub length_bytes: u64,
    pub stream: StreamId,
    pub class: RequestClass,
    pub qos: Option<InferenceQos>,
    pub operand: u64,
    pub compare: u64,
    /// Of a batch.
    pub parts: Vec<Part>,
}

impl Order {
    /// The regions it uses, some perhaps several times.
    pub fn regions(&self) -> impl Iterator<Item = &Arc<RegionState>> {
        let own = [&self.src.region, &self.dst.region];
        let parts = self.parts.iter();
        own.into_iter()
            .chain(parts.flat_map(|it| [&it.src.region, &it.dst.region]))
    }
}

/// How it ended.
struct End {
    error: Option<Error>,
    parts: Vec<Result<()>>,
}

#[derive(Default)]
struct Ending {
    /// The scheduler has it.
    is_accepted: bool,
    end: Option<End>,
    /// Not begun. After the end somebody calls them, or is about to, until there are none.
    callbacks: VecDeque<Callback>,
}

/// See the module's comment.
pub struct RequestState {
    pub id: u64,
    pub order: Order,
    pub shared: Arc<Shared>,
    /// The service has it under this name.
    pub errand: OnceLock<Errand>,
    pub is_cancelled: AtomicBool,
    status: AtomicI32,
    bytes: AtomicU64,
    old_value: AtomicU64,
    ending: Mutex<Ending>,
    ended: Condvar,
}

impl RequestState {
    pub fn new(id: u64, order: Order, shared: Arc<Shared>) -> Self {
        Self {
            id,
            order,
            shared,
            errand: OnceLock::new(),
            is_cancelled: AtomicBool::new(false),
            status: AtomicI32::new(RequestStatus::Pending as i32),
            bytes: AtomicU64::new(0),
            old_value: AtomicU64::new(0),
            ending: Mutex::default(),
            ended: Condvar::new(),
        }
    }

    pub fn status(&self) -> RequestStatus {
        let number = self.status.load(Ordering::Acquire);
        RequestStatus::ALL[number as usize] // only such numbers are stored
    }

    /// It goes on to another status; never back. The service alone calls this.
    pub fn become_status(&self, next: RequestStatus) {
        self.status.fetch_max(next as i32, Ordering::Release);
    }

    pub fn began(&self) {
        self.become_status(RequestStatus::InProgress);
    }

    pub fn moved(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
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
        self.lock().end.as_ref().and_then(|end| end.error.clone())
    }

    pub fn parts(&self) -> Vec<Result<()>> {
        self.lock()
            .end
            .as_ref()
            .map_or_else(Vec::new, |end| end.parts.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Ending> {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It has ended; only the first call counts. Its regions and its place are free, and whoever
    /// waits is told.
    pub fn end(
        self: &Arc<Self>,
        status: RequestStatus,
        error: Option<Error>,
        parts: Vec<Result<()>>,
    ) {
        let mut ending = self.lock();
        if ending.end.is_some() {
            return;
        }
        for region in self.order.regions() {
            region.end_use(&self.shared);
        }
        ending.end = Some(End { error, parts });
        self.become_status(status);
        let has_callbacks = !ending.callbacks.is_empty();
        drop(ending);
        self.ended.notify_all();
        self.shared.inbox.leave();
        if has_callbacks {
            self.shared.crew.call(self);
        }
    }

    /// The scheduler has taken it. Tells who waits for that: only a deadline makes anyone wait.
    pub fn accepted(&self) {
        if self.order.qos.is_none() {
            return;
        }
        self.lock().is_accepted = true;
        self.ended.notify_all();
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
        let deadline = Instant::now() + timeout;
        let mut ending = self.lock();
        while !ending.is_accepted {
            let left = deadline.saturating_duration_since(Instant::now());
            match &ending.end {
                Some(end) => return end.error.clone().map_or(Ok(()), Err),
                None if left.is_zero() => return Ok(()),
                None => {}
            }
            let waited = self.ended.wait_timeout(ending, left);
            ending = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }

    /// Waits until it has ended, at most `timeout`.
    pub fn wait(&self, timeout: Duration) -> Option<RequestStatus> {
        let timeout = match self.shared.line.signals.is_service_thread() {
            true => Duration::ZERO, // only this thread could end it
            false => timeout,
        };
        let deadline = Instant::now().checked_add(timeout);
        let mut ending = self.lock();
        while ending.end.is_none() {
            let left = match deadline {
                Some(deadline) => deadline.saturating_duration_since(Instant::now()),
                None => timeout,
            };
            if left.is_zero() {
                return None;
            }
            let waited = self.ended.wait_timeout(ending, left);
            ending = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Some(self.status())
    }

    /// Calls the callbacks, one after the other, also those that come behind them meanwhile.
    pub fn call_back(self: &Arc<Self>) {
        let handle = RequestHandle(Arc::clone(self));
        loop {
            let Some(callback) = self.lock().callbacks.pop_front() else {
                return;
            };
            call(callback, &handle);
        }
    }

    /// Has a callback called after those that were given before have begun: at the end, or now.
    pub fn on_complete(self: &Arc<Self>, callback: Callback) {
        let mut ending = self.lock();
        if ending.end.is_none() || !ending.callbacks.is_empty() {
            ending.callbacks.push_back(callback);
            return;
        }
        drop(ending);
        call(callback, &RequestHandle(Arc::clone(self)));
    }
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
