//! What the threads of users and the service share.

use super::any::Turnstile;
use super::crew::Crew;
use super::inbox::{Inbox, Op};
use super::streams::EventState;
use crate::line::Line;
use gpuio_core::scheduling::MAX_EVENTS;
use gpuio_core::{Error, ErrorCode, Result};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

/// See the module's comment.
pub struct Shared {
    pub line: Line,
    pub inbox: Inbox,
    pub crew: Crew,
    pub turnstile: Turnstile,
    events: AtomicUsize,
}

impl Shared {
    pub fn new(line: Line, requests_max: usize, workers: u32) -> Self {
        Self {
            crew: Crew::new(workers, &line),
            line,
            inbox: Inbox::new(requests_max),
            turnstile: Turnstile::default(),
            events: AtomicUsize::new(0),
        }
    }

    /// Gives the service something to do.
    pub fn try_send(&self, op: Op) -> Result<()> {
        let is_first = self.inbox.push(&mut self.inbox.lock(), op)?;
        if is_first {
            self.line.wake.ring();
        }
        Ok(())
    }

    /// The same, for what needs no doing when the context has ended.
    pub fn send(&self, op: Op) {
        let _ = self.try_send(op);
    }

    pub fn count_event(&self) -> Result<()> {
        if self.events.fetch_add(1, Ordering::Relaxed) < MAX_EVENTS {
            return Ok(());
        }
        self.events.fetch_sub(1, Ordering::Relaxed);
        let message = format!("a context has room for {MAX_EVENTS} events; let some go");
        Err(Error::new(ErrorCode::NoMemory, "create an event", message))
    }

    /// Nobody can ask for the event any more. Its place is free once the service has let it go.
    pub fn forget_event(&self, event: &Arc<EventState>) {
        self.send(Op::Forget(Arc::clone(event)));
    }

    pub fn event_is_gone(&self) {
        self.events.fetch_sub(1, Ordering::Relaxed);
    }
}
