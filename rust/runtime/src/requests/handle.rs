//! A request, as its owner sees it.

use super::inbox::Op;
use super::state::RequestState;
use gpuio_core::scheduling::RequestStatus;
use gpuio_core::{Error, Result};
use std::fmt;
use std::mem::ManuallyDrop;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::Duration;

/// A request that was accepted. Clones stand for the same request. Dropping all of them neither
/// cancels it nor leaks anything; the memory it names must stay until it has ended nevertheless.
#[derive(Clone)]
pub struct RequestHandle(ManuallyDrop<Arc<RequestState>>);

impl Drop for RequestHandle {
    fn drop(&mut self) {
        // SAFETY: once, and nobody looks at it afterwards.
        let state = unsafe { ManuallyDrop::take(&mut self.0) };
        RequestState::let_go(state);
    }
}

impl fmt::Debug for RequestHandle {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "request {} ({:?})", self.id(), self.status())
    }
}

impl RequestHandle {
    pub(super) fn new(state: Arc<RequestState>) -> Self {
        Self(ManuallyDrop::new(state))
    }

    pub(super) fn state(&self) -> &Arc<RequestState> {
        &self.0
    }

    /// The specification's 64-bit request id: unique in its context.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// Where it is: forwards from PENDING, steps may be skipped. Does not block.
    pub fn status(&self) -> RequestStatus {
        self.0.status()
    }

    /// Bytes moved so far, in any order. Of a batch, bytes that several parts want count once.
    /// Does not block.
    pub fn bytes_completed(&self) -> u64 {
        self.0.bytes()
    }

    /// Why it ended, if it ended as ERROR or CANCELLED. Does not block.
    pub fn error(&self) -> Option<Error> {
        self.0.error()
    }

    /// What an atomic operation found; `None` for other kinds and before the end.
    pub fn old_value(&self) -> Option<u64> {
        self.0.old_value()
    }

    /// Of a batch that has ended: each part's result, in the order of the parts. Else empty. A
    /// batch that ended without having been begun has none either; its error counts for all.
    pub fn part_results(&self) -> Vec<Result<()>> {
        self.0.parts()
    }

    /// Waits until it has ended, at most `timeout`: its end, or `None` when the time is over. On
    /// the service thread it does not wait, see [`RequestHandle::on_complete`].
    pub fn wait(&self, timeout: Duration) -> Option<RequestStatus> {
        self.0.wait(timeout)
    }

    /// Withdraws it. `false`: it has ended already. It ends once nothing of it is in flight any
    /// more: CANCELLED, or as it would have if that was the last of it. Does not block.
    pub fn cancel(&self) -> bool {
        if self.status().is_end() {
            return false;
        }
        if !self.0.is_cancelled.swap(true, Ordering::AcqRel) {
            let shared = &self.0.shared;
            shared.send(Op::Cancel(Arc::clone(self.state())));
        }
        true
    }

    /// Has `callback` called when it ends, by a worker thread; at once, on this thread, if it has
    /// ended and all earlier callbacks have begun. Callbacks of one request begin in the order they
    /// were given; at a time, as many are called as there are threads (`request_workers`). A panic
    /// in one is caught and counted as nothing.
    ///
    /// It may wait for requests and for the service, and submit more, but not for other callbacks.
    /// The end of the context waits for it, at most 30 s, unless it comes in it. If the system
    /// grants no threads, or 65,536 ended requests wait for their callbacks, it runs on the
    /// service thread: what would wait for that is refused there, or does not wait.
    pub fn on_complete(&self, callback: impl FnOnce(&RequestHandle) + Send + 'static) {
        self.0.on_complete(Box::new(callback));
    }
}
