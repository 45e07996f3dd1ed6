//! What users' threads hand to the service, in order, and the bound of how much.
//!
//! One lock, which a submission takes once: for the regions and streams it names, for its place and
//! for handing it over. The service takes it once for all that has come in, and once for many that
//! have ended.

use super::names::Names;
use super::region::{Place, RegionState};
use super::state::RequestState;
use super::streams::EventState as Event;
use super::OnFull;
use crate::line::Line;
use gpuio_core::scheduling::{RegionId, StreamId};
use gpuio_core::{Error, ErrorCode, Result};
use gpuio_engines::engine::ResourceId;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// Most records and waits on their way to the service; requests have their own bound.
const MARKS_MAX: usize = 1 << 16;
/// How often the service looks whether the lock is free before it sleeps.
const LOOKS: u32 = 1000;

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

/// What the lock guards.
pub struct Content {
    pub names: Names,
    ops: VecDeque<Op>,
    /// Records and waits among them.
    marks: usize,
    /// Requests that have not ended.
    requests: usize,
    /// The last one's id.
    last_request: u64,
    /// Of requests that nobody knows any more, for others: so that a program that goes on
    /// submitting allocates nothing. No more than there may be requests. They hold the context's
    /// shared part, so none are kept when it has ended.
    spare: Vec<Arc<RequestState>>,
    /// Threads that wait for room, and for a region to be free: nobody is woken for none.
    waiting: usize,
    is_closed: bool,
}

/// On cache lines of its own: what lies beside it is written to all the time, or read.
#[repr(align(128))]
struct Apart<T>(T);

/// See the module's comment.
pub struct Inbox {
    content: Apart<Mutex<Content>>,
    /// The service looks at this every turn, and at the rest only if there is something.
    has_ops: Apart<AtomicBool>,
    /// There is room again, or a region that nobody uses any more.
    freed: Condvar,
    requests_max: usize,
}

/// The lock, held.
pub type Locked<'a> = MutexGuard<'a, Content>;

impl Content {
    /// Takes a place for a request that uses these regions, so often, and gives it its id.
    ///
    /// # Errors
    /// `InvalidArgument`: a region has gone. Nothing has changed then.
    pub fn enter(&mut self, uses: impl Iterator<Item = (RegionId, usize)> + Clone) -> Result<u64> {
        self.names.begin_uses(uses)?;
        self.requests += 1;
        self.last_request += 1;
        Ok(self.last_request)
    }

    /// A place for the next request's state, if one is kept.
    pub fn spare(&mut self) -> Option<Arc<RequestState>> {
        self.spare.pop()
    }

    fn free(&mut self, region: &RegionState) {
        if let (Place::Resource { resource, .. }, false) = (region.place, self.is_closed) {
            self.ops.push_back(Op::Close(resource));
        }
    }
}

impl Inbox {
    pub fn new(requests_max: usize) -> Self {
        Self {
            content: Apart(Mutex::new(Content {
                names: Names::new(),
                ops: VecDeque::new(),
                marks: 0,
                requests: 0,
                last_request: 0,
                spare: Vec::new(),
                waiting: 0,
                is_closed: false,
            })),
            has_ops: Apart(AtomicBool::new(false)),
            freed: Condvar::new(),
            requests_max,
        }
    }

    pub fn lock(&self) -> Locked<'_> {
        self.content
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The same, for the service: it looks for a while before it sleeps. Users hold the lock for
    /// less than a microsecond; being woken takes many, and costs whom it waits for as much.
    fn lock_soon(&self) -> Locked<'_> {
        for _ in 0..LOOKS {
            match self.content.0.try_lock() {
                Ok(content) => return content,
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => std::hint::spin_loop(),
            }
        }
        self.lock()
    }

    /// Waits until there is room for a request, at most `io_timeout_us`, and not at all with
    /// `OnFull::Fail`. The lock may have been let go of meanwhile.
    pub fn room<'a>(
        &self,
        mut content: Locked<'a>,
        on_full: OnFull,
        line: &Line,
    ) -> Result<Locked<'a>> {
        let mut deadline = None;
        while content.requests >= self.requests_max && !content.is_closed {
            // Only the service's thread could make room for one that waits on it.
            if on_full == OnFull::Fail || line.signals.is_service_thread() {
                return Err(full(OnFull::Fail, self.requests_max));
            }
            let deadline = *deadline.get_or_insert_with(|| Instant::now() + line.timeout);
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(full(OnFull::Wait, self.requests_max));
            }
            content = self.wait(content, left);
        }
        match content.is_closed {
            true => Err(closed("submit")),
            false => Ok(content),
        }
    }

    /// Waits until something was freed, at most `timeout`.
    fn wait<'a>(&self, mut content: Locked<'a>, timeout: Duration) -> Locked<'a> {
        content.waiting += 1;
        let waited = self.freed.wait_timeout(content, timeout);
        let mut content = waited.unwrap_or_else(PoisonError::into_inner).0;
        content.waiting -= 1;
        content
    }

    /// Requests that have not ended.
    pub fn requests(&self) -> usize {
        self.lock().requests
    }

    /// Adds something to do. `Ok(true)`: the service has to be woken.
    pub fn push(&self, content: &mut Content, op: Op) -> Result<bool> {
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
        Ok(self.announce(content))
    }

    /// Keeps a state that nobody else knows, if there is use for it.
    pub fn keep(&self, state: Arc<RequestState>) {
        let mut content = self.lock();
        if !content.is_closed && content.spare.len() < self.requests_max {
            return content.spare.push(state);
        }
        drop(content);
        // Outside of the lock: the state may be the last that knows of the inbox.
        drop(state);
    }

    /// Tells the service that there is something to do. `true`: it has to be woken.
    fn announce(&self, content: &Content) -> bool {
        let is_first = content.ops.len() == 1;
        if is_first {
            self.has_ops.0.store(true, Ordering::Release);
        }
        is_first
    }

    /// Moves everything to the end of `ops`. Returns whether there was anything.
    pub fn take(&self, ops: &mut VecDeque<Op>) -> bool {
        if !self.has_ops.0.load(Ordering::Acquire) {
            return false;
        }
        let mut content = self.lock_soon();
        self.has_ops.0.store(false, Ordering::Relaxed);
        content.marks = 0;
        let any = !content.ops.is_empty();
        match ops.is_empty() {
            true => std::mem::swap(ops, &mut content.ops),
            false => ops.append(&mut content.ops),
        }
        any
    }

    /// So many requests have ended, that used these regions, so often. For the service's thread.
    pub fn leave(&self, requests: usize, uses: &[(RegionId, usize)]) {
        let mut content = self.lock_soon();
        content.requests -= requests;
        for (region, count) in uses {
            if let Some(free) = content.names.end_uses(*region, *count) {
                content.free(&free);
                self.has_ops.0.store(true, Ordering::Release);
            }
        }
        let is_awaited = content.waiting > 0;
        drop(content);
        if is_awaited {
            self.freed.notify_all();
        }
    }

    /// A region takes no more requests. `true`: the service has to be woken.
    pub fn unregister(&self, region: RegionId) -> bool {
        let mut content = self.lock();
        let Some(free) = content.names.unregister(region) else {
            return false;
        };
        content.free(&free);
        self.has_ops.0.store(true, Ordering::Release);
        drop(content);
        self.freed.notify_all();
        true
    }

    /// Waits until no request uses a region, at most `timeout`. `false`: some still do.
    pub fn wait_until_free(&self, region: RegionId, timeout: Duration) -> bool {
        let deadline = Instant::now().checked_add(timeout);
        let mut content = self.lock();
        while content.names.is_used(region) {
            let left = deadline.map_or(timeout, |it| it.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return false;
            }
            content = self.wait(content, left);
        }
        true
    }

    /// Takes nothing more, and gives what is there.
    pub fn close(&self) -> VecDeque<Op> {
        let mut content = self.lock();
        content.is_closed = true;
        let ops = std::mem::take(&mut content.ops);
        let spare = std::mem::take(&mut content.spare);
        drop(content);
        drop(spare);
        self.freed.notify_all();
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
