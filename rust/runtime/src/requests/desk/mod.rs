//! Where the service takes users' requests in, has them carried out and ends them.

mod carry;
mod ending;
mod events;
mod moves;
mod outbox;
mod staging;
mod submit;

use self::carry::Carry;
use self::events::PendingEvents;
use self::outbox::Outbox;
use self::staging::Staging;
use super::inbox::Op;
use super::{FiguresSnapshot, RequestState, Shared};
use crate::service::Core;
use gpuio_core::exposition::DeviceSnapshot;
use gpuio_core::scheduling::Scheduler;
use gpuio_core::uri::ResourceUri;
use gpuio_core::{ErrorCode, Result};
use gpuio_engines::engine::{OpenOptions, ResourceId};
use gpuio_memory::device::Device;
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::Arc;

/// Ops taken in one turn, so that other work gets one, too.
const OPS_A_TURN: usize = 1024;

/// A resource that was opened for requests.
pub struct OpenedRegion {
    pub resource: ResourceId,
    pub length_bytes: u64,
}

/// What the service keeps of users' requests, beside the traffic's errands.
pub struct Desk {
    shared: Arc<Shared>,
    /// Taken out of the inbox and not done.
    ops: VecDeque<Op>,
    /// What has ended and not been told.
    outbox: Outbox,
    events: PendingEvents,
    /// Slices that the engine alone cannot carry out, by number.
    carries: HashMap<u64, Carry>,
    staging: Staging,
    /// Bytes that the service itself has copied in this turn.
    copied_bytes: u64,
}

impl Desk {
    /// Nothing at hand.
    pub fn new(shared: Arc<Shared>, device: &Arc<dyn Device>) -> Result<Self> {
        Ok(Self {
            shared,
            ops: VecDeque::new(),
            outbox: Outbox::default(),
            events: PendingEvents::default(),
            carries: HashMap::new(),
            staging: Staging::new(device)?,
            copied_bytes: 0,
        })
    }

    /// Whether threads in `wait_any` have been woken since this was asked last.
    pub fn take_woken(&mut self) -> bool {
        std::mem::take(&mut self.outbox.has_woken)
    }

    /// Tells of the events that streams have come to.
    pub fn reach_events(&mut self, scheduler: &mut Scheduler) {
        self.events.reach(scheduler, &self.shared);
    }

    /// Asks the workers to ring. False: one has finished something, which is to be taken.
    pub fn arm(&self) -> bool {
        self.shared.crew.arm()
    }

    /// Whether something is under way that rings no bell.
    pub fn must_be_polled(&self) -> bool {
        self.carries.values().any(Carry::is_copy)
    }
}

impl Core {
    /// Takes what users have asked for. Returns whether there was anything.
    pub fn take_requests(&mut self) -> bool {
        self.desk.shared.inbox.take(&mut self.desk.ops);
        let mut ops = std::mem::take(&mut self.desk.ops);
        let now_ns = match ops.is_empty() {
            true => 0, // nobody asks
            false => self.now_ns(),
        };
        let mut count = 0;
        while count < OPS_A_TURN {
            let Some(op) = ops.pop_front() else {
                break;
            };
            if let Some(op) = self.take_op(op, now_ns) {
                // Not now. What was withdrawn is withdrawn nevertheless.
                ops.push_front(op);
                ops.retain(|op| match op {
                    Op::Cancel(state) => {
                        self.cancel_request(state);
                        false
                    }
                    _ => true,
                });
                break;
            }
            count += 1;
        }
        self.desk.ops = ops;
        // Requests before events: who waits for an event finds what was before it ended.
        self.desk.publish();
        if count > 0 {
            self.desk.reach_events(self.traffic.scheduler());
        }
        count > 0
    }

    /// Does one thing; gives it back if it cannot be done now. Whatever stands in its way was asked
    /// for earlier and goes on, so that will pass.
    fn take_op(&mut self, op: Op, now_ns: u64) -> Option<Op> {
        let scheduler = self.traffic.scheduler();
        match op {
            Op::Submit(state) => return self.submit_request(state, now_ns).map(Op::Submit),
            Op::Cancel(state) => self.cancel_request(&state),
            Op::Record(stream, event) => {
                let recorded = self.desk.events.record(scheduler, stream, &event, now_ns);
                match recorded {
                    Err(error) if error.code == ErrorCode::Busy => {
                        return Some(Op::Record(stream, event));
                    }
                    Err(_) => event.lose(),
                    Ok(()) => {}
                }
            }
            Op::Wait(stream, event) => {
                let waits = self.desk.events.wait(scheduler, stream, &event);
                if waits.is_err_and(|error| error.code == ErrorCode::Busy) {
                    return Some(Op::Wait(stream, event));
                }
            }
            Op::Forget(event) => {
                let shared = Arc::clone(&self.desk.shared);
                self.desk.events.forget(scheduler, &event, &shared);
            }
            Op::Close(resource) => self.traffic.close(resource),
        }
        None
    }

    fn cancel_request(&mut self, state: &Arc<RequestState>) {
        // One that was not submitted yet is found to be cancelled then.
        if let Some(errand) = state.errand.get() {
            let now_ns = self.now_ns();
            self.traffic.cancel(*errand, now_ns);
        }
        debug_assert!(state.is_cancelled.load(Ordering::Relaxed));
    }

    /// Opens a resource for requests.
    pub fn open_region(&mut self, uri: &ResourceUri, options: OpenOptions) -> Result<OpenedRegion> {
        let (resource, info) = self.traffic.open(uri, options)?;
        Ok(OpenedRegion {
            resource,
            length_bytes: info.length_bytes,
        })
    }

    /// What the scheduler did so far.
    pub fn figures(&mut self) -> FiguresSnapshot {
        let named: Vec<_> = self.traffic.queues().named().collect();
        let engines = self.traffic.engine_stats();
        let scheduler = self.traffic.scheduler();
        let mut figures = scheduler.figures().clone();
        figures.steals += self.desk.shared.crew.steals();
        let devices = named
            .into_iter()
            .map(|(device, name)| DeviceSnapshot::of(scheduler, device, name));
        FiguresSnapshot {
            devices: devices.collect(),
            engines,
            figures,
            requests: self.desk.shared.inbox.requests(),
        }
    }
}
