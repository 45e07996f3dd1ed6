//! The loop: requests arrive, slices come back, and after everything the oracles look.

use super::bytes::Bytes;
use super::courtesy::Courtesy;
use super::device::{fate, Fate};
use super::fairness::{is_bulk, Fairness};
use super::live::Live;
use super::order::Order;
use super::setup::{Faults, Setup};
use super::Tally;
use crate::clock::Agenda;
use crate::random::Seeded;
use gpuio_core::scheduling::{DeviceId, EventId, RequestStatus, Scheduler, SchedulerPolicy, Slice};

/// What the simulation plans. Flights are indices.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Happening {
    Arrival,
    Return(usize),
}

/// A slice that a device works on.
pub(super) struct Flight {
    pub slice: Slice,
    pub fate: Fate,
    pub is_bulk: bool,
}

/// Events that the simulation uses.
const EVENTS: u64 = 6;

pub(super) struct World {
    pub random: Seeded,
    pub setup: Setup,
    pub now_ns: u64,
    pub scheduler: Scheduler,
    pub order: Order,
    pub fairness: Fairness,
    pub courtesy: Courtesy,
    pub bytes: Bytes,
    pub lives: Vec<Live>,
    pub agenda: Agenda<Happening>,
    pub flights: Vec<Option<Flight>>,
    pub free_flights: Vec<usize>,
    /// Requests that had an error and may come back by a timer.
    pub troubled: Vec<usize>,
    pub events: Vec<EventId>,
    pub tally: Tally,
    pub is_shut_down: bool,
}

impl World {
    pub fn new(setup: Setup, random: Seeded) -> Result<Self, String> {
        let mut scheduler = Scheduler::new(setup.options.clone()).map_err(|it| it.to_string())?;
        let events = (0..EVENTS).map(|_| scheduler.create_event());
        let events: Result<Vec<_>, _> = events.collect();
        let (policy, age_ns) = (setup.options.policy, setup.options.starvation_age_ns);
        let device_count = setup.options.devices.len();
        let has_levels = matches!(
            policy,
            SchedulerPolicy::Priority | SchedulerPolicy::Adaptive
        );
        let courtesy = setup.options.courtesy.filter(|_| has_levels);
        Ok(Self {
            random,
            now_ns: 0,
            events: events.map_err(|it| it.to_string())?,
            scheduler,
            order: Order::new(setup.stream_count as usize),
            fairness: Fairness::new(policy, age_ns, device_count),
            courtesy: Courtesy::new(courtesy, device_count),
            bytes: Bytes::new(device_count, setup.options.queued_max),
            setup,
            lives: Vec::new(),
            agenda: Agenda::default(),
            flights: Vec::new(),
            free_flights: Vec::new(),
            troubled: Vec::new(),
            tally: Tally::default(),
            is_shut_down: false,
        })
    }

    /// Lets requests arrive until so many were tried, then lets everything come to its end.
    pub fn run(&mut self, requests: usize) -> Result<(), String> {
        let until = self.tally.tried + requests as u64;
        self.agenda.plan(self.now_ns, Happening::Arrival);
        loop {
            let timer_ns = self.scheduler.next_timer_ns();
            let next_ns = self.agenda.next_ns().into_iter().chain(timer_ns).min();
            let Some(next_ns) = next_ns else {
                break;
            };
            self.now_ns = self.now_ns.max(next_ns);
            if timer_ns.is_some_and(|it| it <= self.now_ns) {
                self.scheduler.expire(self.now_ns);
                self.look_at_troubled();
            } else if let Some((_, happening)) = self.agenda.pop() {
                match happening {
                    Happening::Arrival => self.arrival(until)?,
                    Happening::Return(flight) => self.returned(flight)?,
                }
            }
            self.after()?;
        }
        self.check_end()
    }

    /// Nothing goes wrong any more, and nobody cancels.
    pub fn calm_down(&mut self) {
        self.setup.faults = Faults::default();
        self.setup.cancel = 0.0;
        self.setup.shut_down_after = None;
    }

    /// A device is done with a slice.
    fn returned(&mut self, index: usize) -> Result<(), String> {
        let flight = self.flights[index]
            .take()
            .ok_or("a slice came back twice")?;
        self.free_flights.push(index);
        let (slice, fate) = (flight.slice, flight.fate);
        let tag = slice.user_data as usize;
        if self.lives[tag].has_ended {
            return Err(format!("request {tag} ended while a slice was in flight"));
        }
        if fate.moved > 0 {
            let plan = self.scheduler.batch_plan(slice.request);
            let live = &mut self.lives[tag];
            let batch = plan.map(|plan| (plan, &live.parts[..]));
            live.old_value = self
                .bytes
                .carry_out(&slice, batch, fate.moved, live.operand);
        }
        self.lives[tag].in_flight -= 1;
        self.fairness.returns(slice.device, flight.is_bulk);
        self.courtesy
            .returns(&slice, &self.lives[tag], flight.is_bulk);
        if fate.outcome.bytes < slice.length_bytes {
            self.tally.faults += 1;
            self.troubled.push(tag);
        }
        let (outcome, random) = (fate.outcome, &mut self.random);
        let completed = self
            .scheduler
            .complete(slice.id, outcome, self.now_ns, random);
        completed.map_err(|error| error.to_string())?;
        self.look_at(tag);
        Ok(())
    }

    /// Takes what has ended, gives the devices what they may have, and checks.
    pub fn after(&mut self) -> Result<(), String> {
        self.take_ended()?;
        while let Some(device) = self.scheduler.next_device() {
            self.dispatch(device)?;
        }
        self.take_ended()
    }

    fn dispatch(&mut self, device: DeviceId) -> Result<(), String> {
        let limits = self.scheduler.limits(device);
        let allowed = self.scheduler.allowed_bulk_bytes(device, self.now_ns);
        self.courtesy.says(device, allowed)?;
        let waiting = self.scheduler.waiting_count(device) as u64;
        let mut slices = Vec::new();
        self.scheduler.dispatch(device, self.now_ns, &mut slices);
        self.take_ended()?;
        for at in 0..slices.len() {
            let slice = slices[at];
            let tag = slice.user_data as usize;
            self.begin(&slice, tag)?;
            if !self.lives[tag].is_ready {
                // What it waited for was given up within this call.
                self.lives[tag].is_ready = true;
                let live = &self.lives[tag];
                self.fairness
                    .enters(tag, live, &limits, self.now_ns, waiting + 1);
            }
            let lives = &self.lives;
            let has_room = self.courtesy.has_room(device, &limits);
            self.fairness
                .departs(&slice, tag, lives, &limits, has_room, self.now_ns)?;
            let is_bulk = self.setup.options.policy.preempts() && is_bulk(&lives[tag], &limits);
            self.courtesy.departs(&slice, &lives[tag], is_bulk)?;
            self.lives[tag].has_begun = true;
            self.lives[tag].in_flight += 1;
            let goes_out_again = slices[at + 1..]
                .iter()
                .any(|it| it.request == slice.request);
            if goes_out_again || self.scheduler.waits_for_slot(slice.request) {
                let live = &self.lives[tag];
                self.fairness
                    .enters(tag, live, &limits, self.now_ns, waiting);
            }
            let fate = fate(&slice, self.setup.faults, &mut self.random);
            let at_ns = self.now_ns + fate.took_ns;
            let index = self.free_flights.pop().unwrap_or_else(|| {
                self.flights.push(None);
                self.flights.len() - 1
            });
            self.flights[index] = Some(Flight {
                slice,
                fate,
                is_bulk,
            });
            self.agenda.plan(at_ns, Happening::Return(index));
        }
        self.tally.slices += slices.len() as u64;
        let waiting = self.scheduler.waiting_count(device);
        self.courtesy.rests(device, waiting)?;
        self.fairness.rests(device, &limits)
    }

    /// A slice may only go out of a request that may begin and goes on.
    fn begin(&mut self, slice: &Slice, tag: usize) -> Result<(), String> {
        let live = &self.lives[tag];
        if live.id != slice.request || live.has_ended || live.is_cancelled {
            return Err(format!("a slice of request {tag}, which does not go on"));
        }
        let (stream, position) = (live.request.stream, live.position);
        if !self.order.may_begin(stream, position) {
            return Err(format!(
                "request {tag} began before what it comes after had ended"
            ));
        }
        let status = self.scheduler.status(slice.request);
        if status != Some(RequestStatus::InProgress) {
            return Err(format!(
                "a slice of request {tag} in flight, which is {status:?}"
            ));
        }
        Ok(())
    }
}
