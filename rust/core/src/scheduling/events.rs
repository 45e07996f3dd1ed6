//! Marks in streams that other streams and the host can wait for.

use super::slab::{Handle, Slab};
use super::StreamId;
use crate::{Error, ErrorCode, Result};

/// Most events of one scheduler.
pub const MAX_EVENTS: usize = 1 << 20;

/// Names an event, and never another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub(super) Handle);

/// What the host sees of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventState {
    /// It was put into no stream yet; waiting for it is no wait.
    Unrecorded,
    /// It stands in a stream that has not come to it.
    Pending,
    /// Everything before it in its stream has ended.
    Reached {
        /// When that was.
        at_ns: u64,
    },
}

#[derive(Default)]
struct Event {
    /// How often it was put into a stream, and how often that place was reached.
    recorded: u32,
    reached: u32,
    reached_at_ns: u64,
    waiting: Vec<StreamId>,
}

/// All events.
pub(super) struct Events(Slab<Event>);

impl Events {
    pub const fn new() -> Self {
        Self(Slab::new())
    }

    pub fn create(&mut self) -> Result<EventId> {
        if self.0.len() >= MAX_EVENTS {
            let message = format!("there are {MAX_EVENTS} events; destroy some");
            return Err(Error::new(ErrorCode::NoMemory, "create an event", message));
        }
        Ok(EventId(self.0.insert(Event::default())))
    }

    /// Forgets an event that no stream will come to.
    pub fn destroy(&mut self, event: EventId) -> Result<()> {
        if self.state(event)? == EventState::Pending {
            return Err(busy("destroy an event"));
        }
        self.0.remove(event.0);
        Ok(())
    }

    pub fn state(&self, event: EventId) -> Result<EventState> {
        let event = self.0.get(event.0).ok_or_else(gone)?;
        Ok(if event.recorded != event.reached {
            EventState::Pending
        } else if event.recorded == 0 {
            EventState::Unrecorded
        } else {
            EventState::Reached {
                at_ns: event.reached_at_ns,
            }
        })
    }

    /// The event stands in one more place.
    pub fn record(&mut self, event: EventId) -> Result<()> {
        if self.state(event)? == EventState::Pending {
            return Err(busy("record an event"));
        }
        if let Some(event) = self.0.get_mut(event.0) {
            event.recorded += 1;
        }
        Ok(())
    }

    /// The latest place where the event stands: what a wait that is asked for now waits for.
    pub fn latest_record(&self, event: EventId) -> Result<u32> {
        Ok(self.0.get(event.0).ok_or_else(gone)?.recorded)
    }

    /// A stream came to the event. Returns the streams that waited.
    pub fn reach(&mut self, event: EventId, now_ns: u64) -> Vec<StreamId> {
        let Some(event) = self.0.get_mut(event.0) else {
            return Vec::new();
        };
        event.reached += 1;
        event.reached_at_ns = now_ns;
        std::mem::take(&mut event.waiting)
    }

    /// Whether the stream may go on; if not, it comes out of [`Events::reach`] later. An event that
    /// is gone had been reached: one that is pending cannot be destroyed.
    pub fn wait(&mut self, event: EventId, record: u32, stream: StreamId) -> bool {
        match self.0.get_mut(event.0) {
            Some(event) if event.reached < record => {
                event.waiting.push(stream);
                false
            }
            _ => true,
        }
    }
}

fn gone() -> Error {
    let message = "there is no such event; it was destroyed";
    Error::new(ErrorCode::NotFound, "use an event", message)
}

fn busy(operation: &'static str) -> Error {
    let message = "a stream has not come to it yet; wait for it, or use another event";
    Error::new(ErrorCode::Busy, operation, message)
}
