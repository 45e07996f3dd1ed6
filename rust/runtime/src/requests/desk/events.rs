//! Events that streams will come to.

use crate::requests::streams::EventState;
use crate::requests::Shared;
use gpuio_core::scheduling::{EventState as Reached, Scheduler, StreamId};
use gpuio_core::Result;
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// By stream, in the order in which it comes to them.
#[derive(Default)]
pub struct PendingEvents(HashMap<StreamId, VecDeque<Arc<EventState>>>);

impl PendingEvents {
    pub fn record(
        &mut self,
        scheduler: &mut Scheduler,
        stream: StreamId,
        event: &Arc<EventState>,
        now_ns: u64,
    ) -> Result<()> {
        let mut place = event.id.lock().unwrap_or_else(PoisonError::into_inner);
        let id = match *place {
            Some(id) => id,
            None => *place.insert(scheduler.create_event()?),
        };
        scheduler.record_event(stream, id, now_ns)?;
        self.0
            .entry(stream)
            .or_default()
            .push_back(Arc::clone(event));
        Ok(())
    }

    /// An event that was never recorded is not waited for.
    pub fn wait(
        &self,
        scheduler: &mut Scheduler,
        stream: StreamId,
        event: &EventState,
    ) -> Result<()> {
        let place = event.id.lock().unwrap_or_else(PoisonError::into_inner);
        match *place {
            Some(id) => scheduler.wait_event(stream, id),
            None => Ok(()),
        }
    }

    /// Nobody can ask for it any more. If a stream will come to it, it goes then.
    pub fn forget(&self, scheduler: &mut Scheduler, event: &EventState, shared: &Shared) {
        event.is_forgotten.store(true, Ordering::Relaxed);
        let mut place = event.id.lock().unwrap_or_else(PoisonError::into_inner);
        let is_gone = place.is_none_or(|id| scheduler.destroy_event(id).is_ok());
        if is_gone {
            *place = None;
            shared.event_is_gone();
        }
    }

    /// Tells of the events that were reached.
    pub fn reach(&mut self, scheduler: &mut Scheduler, shared: &Shared) {
        self.0.retain(|_, events| {
            while let Some(event) = events.front() {
                let place = event.id.lock().unwrap_or_else(PoisonError::into_inner);
                let state = place.map(|id| scheduler.event_state(id));
                drop(place);
                let Some(Ok(Reached::Reached { at_ns })) = state else {
                    break;
                };
                event.reach(at_ns);
                if event.is_forgotten.load(Ordering::Relaxed) {
                    let mut place = event.id.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(id) = place.take() {
                        // It is reached, so nothing keeps it.
                        let _ = scheduler.destroy_event(id);
                        shared.event_is_gone();
                    }
                }
                events.pop_front();
            }
            !events.is_empty()
        });
    }

    /// No stream comes to them any more.
    pub fn lose_all(&mut self) {
        let all = self.0.drain().flat_map(|(_, events)| events);
        all.for_each(|event| event.lose());
    }
}
