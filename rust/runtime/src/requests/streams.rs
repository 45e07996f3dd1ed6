//! Streams and events, as their owners see them.

use super::inbox::Op;
use super::Shared;
use gpuio_core::scheduling::{EventId, EventState as Reached, StreamId};
use gpuio_core::{Error, ErrorCode, Result};
use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

struct StreamOwner {
    id: StreamId,
    shared: Arc<Shared>,
}

impl Drop for StreamOwner {
    fn drop(&mut self) {
        self.shared.inbox.lock().names.forget_stream(self.id);
    }
}

/// A sequence of requests that run one after the other. Clones stand for the same. When the last
/// one goes the requests in it go on; nothing can be added.
#[derive(Clone)]
pub struct Stream(Arc<StreamOwner>);

impl fmt::Debug for Stream {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "stream {}", self.id().0)
    }
}

impl Stream {
    pub(super) fn new(id: StreamId, shared: Arc<Shared>) -> Self {
        Self(Arc::new(StreamOwner { id, shared }))
    }

    /// What requests name it by. Never used for another stream of the context.
    pub fn id(&self) -> StreamId {
        self.0.id
    }

    /// What is submitted to the stream from now on begins after the event, as it was recorded
    /// last; at once if it never was. Does not block.
    ///
    /// # Errors
    /// `InvalidArgument` for another context's event; `Busy` with too many waits that the service
    /// has not taken; `Canceled` when the context has ended.
    pub fn wait(&self, event: &Event) -> Result<()> {
        let shared = &self.0.shared;
        check_same(shared, &event.0.shared)?;
        shared.try_send(Op::Wait(self.id(), Arc::clone(&event.0.state)))
    }

    /// Waits until everything that was submitted to the stream so far has ended, at most
    /// `timeout`. On the service thread it does not wait.
    ///
    /// # Errors
    /// `Timeout`; `NoMemory` if there is no room for an event; `Busy` with too many records that
    /// the service has not taken; `Canceled` when the context has ended.
    pub fn synchronize(&self, timeout: Duration) -> Result<()> {
        let event = Event::new(&self.0.shared)?;
        event.record(self)?;
        event.wait(timeout)
    }
}

fn check_same(one: &Arc<Shared>, other: &Arc<Shared>) -> Result<()> {
    if Arc::ptr_eq(one, other) {
        return Ok(());
    }
    let message = "the event and the stream are of different contexts";
    Err(Error::new(
        ErrorCode::InvalidArgument,
        "use an event",
        message,
    ))
}

#[derive(Default)]
struct Marks {
    /// How often it was recorded, and how often that was reached.
    recorded: u64,
    reached: u64,
    reached_at_ns: u64,
    /// The context ended before.
    is_lost: bool,
}

/// What the handle and the service share of an event.
#[derive(Default)]
pub struct EventState {
    marks: Mutex<Marks>,
    changed: Condvar,
    /// The scheduler's name; for the service alone. None until it is recorded.
    pub id: Mutex<Option<EventId>>,
    /// Nobody can ask for it any more. For the service alone.
    pub is_forgotten: AtomicBool,
}

impl EventState {
    fn lock(&self) -> MutexGuard<'_, Marks> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A stream came to it.
    pub fn reach(&self, at_ns: u64) {
        let mut marks = self.lock();
        marks.reached += 1;
        marks.reached_at_ns = at_ns;
        drop(marks);
        self.changed.notify_all();
    }

    /// No stream will come to it.
    pub fn lose(&self) {
        self.lock().is_lost = true;
        self.changed.notify_all();
    }

    fn query(&self) -> Reached {
        let marks = self.lock();
        if marks.recorded != marks.reached {
            Reached::Pending
        } else if marks.recorded == 0 {
            Reached::Unrecorded
        } else {
            Reached::Reached {
                at_ns: marks.reached_at_ns,
            }
        }
    }

    fn wait(&self, timeout: Duration) -> Result<()> {
        let deadline = Instant::now().checked_add(timeout);
        let mut marks = self.lock();
        let wanted = marks.recorded;
        while marks.reached < wanted {
            let fail = |code, message| Err(Error::new(code, "wait for an event", message));
            if marks.is_lost {
                return fail(
                    ErrorCode::Canceled,
                    "the context ended before it was reached",
                );
            }
            let left = deadline.map_or(timeout, |it| it.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return fail(ErrorCode::Timeout, "it was not reached in the time given");
            }
            let waited = self.changed.wait_timeout(marks, left);
            marks = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }
}

struct EventOwner {
    state: Arc<EventState>,
    shared: Arc<Shared>,
}

impl Drop for EventOwner {
    fn drop(&mut self) {
        self.shared.forget_event(&self.state);
    }
}

/// A mark in a stream. Clones stand for the same.
#[derive(Clone)]
pub struct Event(Arc<EventOwner>);

impl fmt::Debug for Event {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "event ({:?})", self.query())
    }
}

impl Event {
    pub(super) fn new(shared: &Arc<Shared>) -> Result<Self> {
        shared.count_event()?;
        Ok(Self(Arc::new(EventOwner {
            state: Arc::default(),
            shared: Arc::clone(shared),
        })))
    }

    /// The event is reached when everything that was submitted to the stream so far has ended.
    /// Does not block.
    ///
    /// # Errors
    /// `Busy` if it was recorded before and not reached, or with too many records that the service
    /// has not taken; `InvalidArgument` for another context's stream; `Canceled` when the context
    /// has ended.
    pub fn record(&self, stream: &Stream) -> Result<()> {
        let (state, shared) = (&self.0.state, &self.0.shared);
        check_same(shared, &stream.0.shared)?;
        // Held meanwhile, so that two records at once are one after the other.
        let mut marks = state.lock();
        if marks.recorded != marks.reached {
            let message = "a stream has not come to it yet; wait for it, or use another event";
            return Err(Error::new(ErrorCode::Busy, "record an event", message));
        }
        shared.try_send(Op::Record(stream.id(), Arc::clone(state)))?;
        marks.recorded += 1;
        Ok(())
    }

    /// Where it stands, and when it was reached. Does not block.
    pub fn query(&self) -> Reached {
        self.0.state.query()
    }

    /// Waits until it is reached, at most `timeout`; not at all if it was never recorded. On the
    /// service thread it does not wait.
    ///
    /// # Errors
    /// `Timeout`; `Canceled` when the context ended before.
    pub fn wait(&self, timeout: Duration) -> Result<()> {
        let timeout = match self.0.shared.line.signals.is_service_thread() {
            true => Duration::ZERO,
            false => timeout,
        };
        self.0.state.wait(timeout)
    }

    /// Nanoseconds from when `earlier` was reached to when this was; 0 if it was the other way
    /// round.
    ///
    /// # Errors
    /// `InvalidArgument` if one of them was never recorded; `Busy` if one was not reached.
    pub fn elapsed_ns(&self, earlier: &Event) -> Result<u64> {
        let at_ns = |event: &Event| match event.query() {
            Reached::Reached { at_ns } => Ok(at_ns),
            Reached::Pending => {
                let message = "it was not reached yet; wait for it";
                Err(Error::new(ErrorCode::Busy, "measure the time", message))
            }
            Reached::Unrecorded => {
                let message = "it was never recorded";
                let code = ErrorCode::InvalidArgument;
                Err(Error::new(code, "measure the time", message))
            }
        };
        Ok(at_ns(self)?.saturating_sub(at_ns(earlier)?))
    }
}
