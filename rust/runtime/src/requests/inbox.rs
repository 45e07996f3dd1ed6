//! What users' threads hand to the service, in order, and the bound of how much.

use super::state::RequestState;
use super::streams::EventState as Event;
use super::OnFull;
use gpuio_core::scheduling::StreamId;
use gpuio_core::{Error, ErrorCode, Result};
use gpuio_engines::engine::ResourceId;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Most records and waits on their way to the service; requests have their own bound.
const MARKS_MAX: usize = 1 << 16;

/// One thing to do for the service.
pub enum Op {
    /// Carry out a request.
    Submit(Arc<RequestState>),
    /// Withdraw one. At most one for each request.
    Cancel(Arc<RequestState>),
    /// Record an event.
    Record(StreamId, Arc<Event>),
    /// Let a stream wait for an event.
    Wait(StreamId, Arc<Event>),
    /// Nobody can ask for the event any more. One for each event.
    Forget(Arc<Event>),
    /// Close a resource that no request uses. One for each resource.
    Close(ResourceId),
}

struct Content {
    ops: VecDeque<Op>,
    /// Records and waits among them.
    marks: usize,
    /// Requests that have not ended.
    requests: usize,
    is_closed: bool,
}

/// See the module's comment.
pub struct Inbox {
    content: Mutex<Content>,
    /// The service looks at this every turn, and at the rest only if there is something.
    has_ops: AtomicBool,
    room: Condvar,
    requests_max: usize,
}

impl Inbox {
    pub fn new(requests_max: usize) -> Self {
        Self {
            content: Mutex::new(Content {
                ops: VecDeque::new(),
                marks: 0,
                requests: 0,
                is_closed: false,
            }),
            has_ops: AtomicBool::new(false),
            room: Condvar::new(),
            requests_max,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place for a request. Blocks at most `timeout`, and not at all with `OnFull::Fail`.
    pub fn enter(&self, on_full: OnFull, timeout: Duration) -> Result<()> {
        let deadline = Instant::now() + timeout;
        let mut content = self.lock();
        loop {
            if content.is_closed {
                return Err(closed("submit"));
            }
            if content.requests < self.requests_max {
                content.requests += 1;
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if on_full == OnFull::Fail || left.is_zero() {
                return Err(full(on_full, self.requests_max));
            }
            let waited = self.room.wait_timeout(content, left);
            content = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Gives a place back.
    pub fn leave(&self) {
        self.lock().requests -= 1;
        self.room.notify_one();
    }

    /// Requests that have not ended.
    pub fn requests(&self) -> usize {
        self.lock().requests
    }

    /// Adds something to do. `Ok(true)`: the service has to be woken.
    pub fn push(&self, op: Op) -> Result<bool> {
        let mut content = self.lock();
        if content.is_closed {
            return Err(closed("reach the context"));
        }
        if matches!(op, Op::Record(..) | Op::Wait(..)) {
            if content.marks >= MARKS_MAX {
                let message = "too many records and waits have not been taken; try again";
                return Err(Error::new(ErrorCode::Busy, "use an event", message));
            }
            content.marks += 1;
        }
        content.ops.push_back(op);
        self.has_ops.store(true, Ordering::Release);
        Ok(content.ops.len() == 1)
    }

    /// Moves everything to the end of `ops`. Returns whether there was anything.
    pub fn take(&self, ops: &mut VecDeque<Op>) -> bool {
        if !self.has_ops.load(Ordering::Acquire) {
            return false;
        }
        let mut content = self.lock();
        self.has_ops.store(false, Ordering::Relaxed);
        content.marks = 0;
        let any = !content.ops.is_empty();
        ops.append(&mut content.ops);
        any
    }

    /// Takes nothing more, and gives what is there.
    pub fn close(&self) -> VecDeque<Op> {
        let mut content = self.lock();
        content.is_closed = true;
        let ops = std::mem::take(&mut content.ops);
        drop(content);
        self.room.notify_all();
        ops
    }
}

fn closed(operation: &'static str) -> Error {
    let message = "the context has ended; make a new one";
    Error::new(ErrorCode::Canceled, operation, message)
}

fn full(on_full: OnFull, requests_max: usize) -> Error {
    let code = match on_full {
        OnFull::Fail => ErrorCode::Busy,
        OnFull::Wait => ErrorCode::Timeout,
    };
    let message = format!(
        "{requests_max} requests have not ended, as many as queued_requests_max allows; wait for \
         some"
    );
    Error::new(code, "submit", message)
}
