//! A request, as its owner sees it.

use gpuio_core::scheduling::RequestStatus;
use gpuio_core::{Error, Result};
use std::time::Duration;

/// A request that was accepted. Clones stand for the same request. Dropping all of them neither
/// cancels it nor leaks anything; the memory it names must stay until it has ended nevertheless.
#[derive(Clone)]
pub struct RequestHandle {}

impl RequestHandle {
    /// The specification's 64-bit request id: unique in its context.
    pub fn id(&self) -> u64 {
        todo!()
    }

    /// Where it is: forwards from PENDING, steps may be skipped. Does not block.
    pub fn status(&self) -> RequestStatus {
        todo!()
    }

    /// Bytes moved so far, in any order. Does not block.
    pub fn bytes_completed(&self) -> u64 {
        todo!()
    }

    /// Why it ended, if it ended as ERROR or CANCELLED. Does not block.
    pub fn error(&self) -> Option<Error> {
        todo!()
    }

    /// What an atomic operation found; `None` for other kinds and before the end.
    pub fn old_value(&self) -> Option<u64> {
        todo!()
    }

    /// Of a batch that has ended: each part's result, in the order of the parts. Else empty.
    pub fn part_results(&self) -> Vec<Result<()>> {
        todo!()
    }

    /// Waits until it has ended, at most `timeout`: its end, or `None` when the time is over. Not
    /// to be called from a completion callback.
    pub fn wait(&self, timeout: Duration) -> Option<RequestStatus> {
        let _ = timeout;
        todo!()
    }

    /// Withdraws it. `false`: it has ended already. It ends once nothing of it is in flight any
    /// more: CANCELLED, or as it would have if that was the last of it. Does not block.
    pub fn cancel(&self) -> bool {
        todo!()
    }

    /// Has `callback` called when it ends; at once, on this thread, if it has ended. Else it runs
    /// on the context's service thread, which serves nobody meanwhile: it must not block. A panic
    /// in it is caught and counted as nothing. Several callbacks run in the order they were given.
    pub fn on_complete(&self, callback: impl FnOnce(&RequestHandle) + Send + 'static) {
        let _ = callback;
        todo!()
    }
}
