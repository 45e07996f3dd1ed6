//! The scheduler as a value: it is told of requests and completions and of the time, and says what
//! each engine is to be given next and what has ended.
//!
//! ```text
//!  submit ──► stream ──► ready queue of the device ──► dispatch ──► slices in flight
//!             PENDING        SUBMITTED                          IN_PROGRESS  │
//!                                 ▲        retry later, rest of the work      │
//!                                 └──────────────── complete ◄────────────────┘
//!                                                      └──► ended: COMPLETED, ERROR, CANCELLED
//! ```
//!
//! After any call, the owner takes what has ended from [`Scheduler::next_ended`], and calls
//! [`Scheduler::dispatch`] for each device that [`Scheduler::next_device`] names; also
//! [`Scheduler::expire`] when [`Scheduler::next_timer_ns`] comes. One call can set several devices
//! going: the end of a request on one can be what a request on another has waited for.
//!
//! **Ownership.** A request that ended has no slice in flight, so its memory is the caller's
//! again; one that is cancelled ends only when its slices have come back.
//!
//! **Failure.** What fails does not stop what comes after it in its stream. Bytes are counted as
//! they are moved, in any order: the bytes done of a request that failed need not be its first.

mod cancel;
mod courtesy;
mod dispatch;
mod finish;
mod options;
mod pass;
mod promote;
mod record;
mod slice;
mod submit;

pub use options::SchedulerOptions;
pub use slice::{Ended, Outcome, Slice, SliceId};

use self::record::{Fragment, Record};
use super::admission::Admission;
use super::batch::BatchPlan;
use super::courtesy::Beside;
use super::events::{EventId, EventState};
use super::slab::Slab;
use super::streams::Streams;
use super::{
    Controller, Courtesy, DeviceId, DeviceLimits, Figures, ReadyQueues, RequestId, RequestKind,
    RequestStatus, StreamId,
};
use crate::{Error, ErrorCode, Result};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// Bytes that one queued request takes, everything included, when the tables are full (they grow
/// by doubling, so just after growing it may be twice as much). What batches add is not included.
pub const QUEUED_REQUEST_BYTES: usize = 320;

/// A slice in flight.
struct Flight {
    request: RequestId,
    fragment: Fragment,
    device: DeviceId,
    is_bulk: bool,
    /// Its request came as one of the highest level, and it is not bulk.
    is_urgent: bool,
    /// What was in flight, if that was bulk and urgent slices alone.
    beside: Option<Beside>,
    dispatched_ns: u64,
}

/// A device queue.
struct Device {
    limits: DeviceLimits,
    controller: Option<Controller>,
    admission: Admission,
    in_flight: u32,
    bulk_in_flight: u32,
    bulk_bytes_in_flight: u64,
    /// How bulk is held back for the sake of urgent requests.
    courtesy: Option<Courtesy>,
    /// It stands in [`Scheduler::stirred`], and was not asked since.
    is_stirred: bool,
}

/// A retry that waits, the earliest first; equals in the order in which they came.
type Timer = Reverse<(u64, u64, RequestId, FragmentKey)>;

/// A [`Fragment`] as a tuple, for its order.
type FragmentKey = (u32, u64, u64, u32, u64);

/// See the [module](self).
pub struct Scheduler {
    options: SchedulerOptions,
    devices: Vec<Device>,
    records: Slab<Record>,
    flights: Slab<Flight>,
    ready: ReadyQueues,
    streams: Streams,
    timers: BinaryHeap<Timer>,
    stirred: VecDeque<DeviceId>,
    ended: VecDeque<Ended>,
    figures: Figures,
    next_sequence: u64,
    is_shut_down: bool,
}

impl Scheduler {
    /// A scheduler without requests.
    ///
    /// # Errors
    /// `InvalidArgument`: see [`SchedulerOptions::validate`].
    pub fn new(options: SchedulerOptions) -> Result<Self> {
        options.validate()?;
        let device = |limits: &DeviceLimits| {
            let controller = options.controls().then(|| Controller::starting_at(limits));
            Device {
                limits: controller.as_ref().map_or(*limits, Controller::limits),
                controller,
                admission: Admission::default(),
                in_flight: 0,
                bulk_in_flight: 0,
                bulk_bytes_in_flight: 0,
                courtesy: options.courtesy().map(Courtesy::new),
                is_stirred: false,
            }
        };
        let devices: Vec<Device> = options.devices.iter().map(device).collect();
        let ready = ReadyQueues::new(options.policy, devices.len(), options.starvation_age_ns);
        Ok(Self {
            devices,
            records: Slab::new(),
            flights: Slab::new(),
            ready,
            streams: Streams::new(),
            timers: BinaryHeap::new(),
            stirred: VecDeque::new(),
            ended: VecDeque::new(),
            figures: Figures::default(),
            next_sequence: 0,
            is_shut_down: false,
            options,
        })
    }

    /// The next request that has ended, if there is one.
    pub fn next_ended(&mut self) -> Option<Ended> {
        self.ended.pop_front()
    }

    /// A device that something may go out to since it was last asked by [`Scheduler::dispatch`].
    /// Each is named once.
    pub fn next_device(&mut self) -> Option<DeviceId> {
        let device = self.stirred.pop_front()?;
        self.devices[device.0 as usize].is_stirred = false;
        Some(device)
    }

    /// Something may go out to the device.
    fn stir(&mut self, device: DeviceId) {
        let state = &mut self.devices[device.0 as usize];
        if !std::mem::replace(&mut state.is_stirred, true) {
            self.stirred.push_back(device);
        }
    }

    /// Where a request is; `None` once it has ended.
    pub fn status(&self, id: RequestId) -> Option<RequestStatus> {
        self.records.get(id.0).map(|record| record.status)
    }

    /// Bytes moved so far of a request that has not ended.
    pub fn bytes_completed(&self, id: RequestId) -> Option<u64> {
        self.records.get(id.0).map(|record| record.bytes_completed)
    }

    /// How a batch's operations are spread over its parts; `None` for what is no batch, or ended.
    pub fn batch_plan(&self, id: RequestId) -> Option<&BatchPlan> {
        let batch = self.records.get(id.0)?.batch.as_ref()?;
        Some(&batch.plan)
    }

    /// Whether a request waits for a slot of its device now. It may have slices in flight, too.
    pub fn waits_for_slot(&self, id: RequestId) -> bool {
        self.records.get(id.0).is_some() && self.ready.contains(id.slot())
    }

    /// Requests that have not ended.
    pub fn request_count(&self) -> usize {
        self.records.len()
    }

    /// Requests that wait for a slot of a device.
    pub fn waiting_count(&self, device: DeviceId) -> usize {
        self.ready.len(device)
    }

    /// Slices in flight on a device.
    pub fn in_flight(&self, device: DeviceId) -> u32 {
        self.devices[device.0 as usize].in_flight
    }

    /// What a device is given at a time at the moment.
    pub fn limits(&self, device: DeviceId) -> DeviceLimits {
        self.devices[device.0 as usize].limits
    }

    /// What happened so far.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// A worker took a request over from another: counted, nothing else.
    pub fn count_steal(&mut self) {
        self.figures.steals += 1;
    }

    /// When [`Scheduler::expire`] has something to do, if ever.
    pub fn next_timer_ns(&self) -> Option<u64> {
        self.timers.peek().map(|Reverse((due_ns, ..))| *due_ns)
    }

    /// A new event.
    ///
    /// # Errors
    /// `NoMemory`: there are [`MAX_EVENTS`](super::MAX_EVENTS).
    pub fn create_event(&mut self) -> Result<EventId> {
        self.streams.events.create()
    }

    /// Forgets an event.
    ///
    /// # Errors
    /// `Busy` if a stream will come to it; `NotFound` if it is gone.
    pub fn destroy_event(&mut self, event: EventId) -> Result<()> {
        self.streams.events.destroy(event)
    }

    /// Whether the event was reached, and when: the difference of two is the time elapsed.
    ///
    /// # Errors
    /// `NotFound` if it is gone.
    pub fn event_state(&self, event: EventId) -> Result<EventState> {
        self.streams.events.state(event)
    }

    /// The event is reached when everything that was submitted to the stream so far has ended.
    ///
    /// # Errors
    /// `Busy` if the event stands in a stream that has not come to it, or too many stand in this
    /// one; `NotFound` if it is gone; `InvalidArgument` for [`StreamId::NONE`].
    pub fn record_event(&mut self, stream: StreamId, event: EventId, now_ns: u64) -> Result<()> {
        let mut turns = Vec::new();
        let records = &self.records;
        let is_live = |id: RequestId| records.get(id.0).is_some();
        self.streams
            .record(stream, event, now_ns, &is_live, &mut turns)?;
        self.make_ready(turns, now_ns);
        Ok(())
    }

    /// What is submitted to the stream from now on begins after the event, as it was recorded
    /// last; at once if it never was.
    ///
    /// # Errors
    /// As [`Scheduler::record_event`], but an event may be waited for at any time.
    pub fn wait_event(&mut self, stream: StreamId, event: EventId) -> Result<()> {
        self.streams.wait(stream, event)
    }

    /// Bytes allocated, without batches and what ended requests have left to be taken.
    pub fn memory_bytes(&self) -> usize {
        self.records.memory_bytes()
            + self.flights.memory_bytes()
            + self.ready.memory_bytes()
            + self.streams.memory_bytes()
            + self.timers.capacity() * size_of::<Timer>()
    }
}

/// The error of what the caller withdrew.
fn withdrawn(kind: RequestKind) -> Error {
    let message = "it was cancelled before it was complete";
    Error::new(ErrorCode::Canceled, kind.verb(), message)
}
