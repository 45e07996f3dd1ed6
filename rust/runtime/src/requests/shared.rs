//! What the threads of users and the service share.

use super::crew::Crew;
use super::inbox::{Inbox, Op};
use super::region::{unknown, Place, RegionKind, RegionState};
use super::streams::EventState;
use crate::line::Line;
use gpuio_core::scheduling::{RegionId, RequestClass, StreamId, MAX_EVENTS};
use gpuio_core::{Error, ErrorCode, Result};
use hashbrown::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Most regions of a context.
const REGIONS_MAX: usize = 1 << 20;
/// Most streams of a context.
const STREAMS_MAX: usize = 1 << 16;

/// See the module's comment.
pub struct Shared {
    pub line: Line,
    pub inbox: Inbox,
    pub crew: Crew,
    regions: Mutex<Names<Arc<RegionState>>>,
    /// With the class of what names none.
    streams: Mutex<Names<RequestClass>>,
    events: AtomicUsize,
    next_request: AtomicU64,
}

/// What has numbers that are never used again.
struct Names<T> {
    by_number: HashMap<u32, T>,
    /// 0 is nobody's.
    last: u32,
}

impl<T> Names<T> {
    fn new() -> Self {
        Self {
            by_number: HashMap::new(),
            last: 0,
        }
    }

    /// A new number, if there is room.
    fn next(&mut self, most: usize) -> Option<u32> {
        let has_room = self.by_number.len() < most;
        self.last = self.last.checked_add(1).filter(|_| has_room)?;
        Some(self.last)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn too_many(operation: &'static str, what: &str, most: usize) -> Error {
    let message = format!("a context has room for {most} {what}; let some go");
    Error::new(ErrorCode::NoMemory, operation, message)
}

impl Shared {
    pub fn new(line: Line, requests_max: usize, workers: u32) -> Self {
        Self {
            crew: Crew::new(workers, &line),
            line,
            inbox: Inbox::new(requests_max),
            regions: Mutex::new(Names::new()),
            streams: Mutex::new(Names::new()),
            events: AtomicUsize::new(0),
            next_request: AtomicU64::new(1),
        }
    }

    /// Gives the service something to do.
    pub fn try_send(&self, op: Op) -> Result<()> {
        if self.inbox.push(op)? {
            self.line.wake.ring();
        }
        Ok(())
    }

    /// The same, for what needs no doing when the context has ended.
    pub fn send(&self, op: Op) {
        let _ = self.try_send(op);
    }

    pub fn next_request(&self) -> u64 {
        self.next_request.fetch_add(1, Ordering::Relaxed)
    }

    pub fn add_region(
        &self,
        kind: RegionKind,
        place: Place,
        length_bytes: u64,
        is_writable: bool,
    ) -> Result<Arc<RegionState>> {
        let mut regions = lock(&self.regions);
        let Some(number) = regions.next(REGIONS_MAX) else {
            return Err(too_many("register a region", "regions", REGIONS_MAX));
        };
        let id = RegionId(number);
        let state = Arc::new(RegionState::new(id, kind, place, length_bytes, is_writable));
        regions.by_number.insert(number, Arc::clone(&state));
        Ok(state)
    }

    pub fn region(&self, id: RegionId) -> Result<Arc<RegionState>> {
        let regions = lock(&self.regions);
        regions.by_number.get(&id.0).cloned().ok_or(unknown(id))
    }

    pub fn forget_region(&self, id: RegionId) {
        lock(&self.regions).by_number.remove(&id.0);
    }

    pub fn add_stream(&self, class: RequestClass) -> Result<StreamId> {
        let mut streams = lock(&self.streams);
        let Some(number) = streams.next(STREAMS_MAX) else {
            return Err(too_many("create a stream", "streams", STREAMS_MAX));
        };
        streams.by_number.insert(number, class);
        Ok(StreamId(number))
    }

    /// The class of what names none in this stream.
    pub fn class_of(&self, stream: StreamId) -> Result<RequestClass> {
        if stream == StreamId::NONE {
            return Ok(RequestClass::TrainingBw);
        }
        let streams = lock(&self.streams);
        streams.by_number.get(&stream.0).copied().ok_or_else(|| {
            let message = format!("there is no stream {}; it has gone", stream.0);
            Error::new(ErrorCode::InvalidArgument, "submit", message)
        })
    }

    pub fn forget_stream(&self, id: StreamId) {
        lock(&self.streams).by_number.remove(&id.0);
    }

    pub fn count_event(&self) -> Result<()> {
        if self.events.fetch_add(1, Ordering::Relaxed) < MAX_EVENTS {
            return Ok(());
        }
        self.events.fetch_sub(1, Ordering::Relaxed);
        Err(too_many("create an event", "events", MAX_EVENTS))
    }

    /// Nobody can ask for the event any more. Its place is free once the service has let it go.
    pub fn forget_event(&self, event: &Arc<EventState>) {
        self.send(Op::Forget(Arc::clone(event)));
    }

    pub fn event_is_gone(&self) {
        self.events.fetch_sub(1, Ordering::Relaxed);
    }
}
