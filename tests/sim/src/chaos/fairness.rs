//! The oracle of limits and fairness: what may be in flight, who may pass whom, and how long.

use super::live::Live;
use gpuio_core::scheduling::{DeviceId, DeviceLimits, PriorityLevel, SchedulerPolicy, Slice};

/// A request that waits for its next slice.
#[derive(Clone, Copy)]
struct Wait {
    since_ns: u64,
    /// How many waited at the device when it entered, itself included.
    waiting: u64,
    /// Slices of lower classes, and of all others, that went out since.
    lower: u64,
    others: u64,
}

/// When a slice went out: the time, and how many had before, all and with room for bulk.
struct Departure {
    at_ns: u64,
    any: u64,
    with_bulk_room: u64,
}

#[derive(Default)]
struct Device {
    departures: Vec<Departure>,
    bulk_in_flight: u32,
    in_flight: u32,
    /// Tags of small requests of the highest level that wait for their only slice.
    urgent: Vec<usize>,
}

pub(super) struct Fairness {
    policy: SchedulerPolicy,
    starvation_age_ns: u64,
    devices: Vec<Device>,
    waits: Vec<Option<Wait>>,
    /// The last request outside streams that began, by device; for FIFO.
    last_begun: Vec<usize>,
}

impl Fairness {
    pub fn new(policy: SchedulerPolicy, starvation_age_ns: u64, device_count: usize) -> Self {
        Self {
            policy,
            starvation_age_ns,
            devices: (0..device_count).map(|_| Device::default()).collect(),
            waits: Vec::new(),
            last_begun: vec![0; device_count],
        }
    }

    /// Whether it was told that this request waits.
    pub fn knows(&self, tag: usize) -> bool {
        self.waits.get(tag).is_some_and(Option::is_some)
    }

    /// A request waits for a slice from now on, one of `waiting` at its device.
    pub fn enters(
        &mut self,
        tag: usize,
        live: &Live,
        limits: &DeviceLimits,
        now: u64,
        waiting: u64,
    ) {
        if self.waits.len() <= tag {
            self.waits.resize(tag + 1, None);
        }
        self.waits[tag] = Some(Wait {
            since_ns: now,
            waiting,
            lower: 0,
            others: 0,
        });
        let is_urgent = live.request.class.level() == PriorityLevel::High;
        if is_urgent && !is_bulk(live, limits) && self.policy.preempts() {
            self.devices[live.request.device.0 as usize]
                .urgent
                .push(tag);
        }
    }

    /// A request waits no longer, or for nothing.
    pub fn leaves(&mut self, tag: usize, device: DeviceId) {
        if let Some(wait) = self.waits.get_mut(tag) {
            *wait = None;
            self.devices[device.0 as usize]
                .urgent
                .retain(|it| *it != tag);
        }
    }

    /// A slice goes out. `has_bulk_room`: one of bulk might have, as far as courtesy goes.
    pub fn departs(
        &mut self,
        slice: &Slice,
        tag: usize,
        lives: &[Live],
        limits: &DeviceLimits,
        has_bulk_room: bool,
        now_ns: u64,
    ) -> Result<(), String> {
        let live = &lives[tag];
        let is_bulk = self.policy.preempts() && is_bulk(live, limits);
        self.check_limits(slice, is_bulk, limits)?;
        self.check_starvation(slice, tag, is_bulk, now_ns)?;
        if self.policy == SchedulerPolicy::Fifo && live.request.stream.0 == 0 && slice.attempt == 1
        {
            let last = &mut self.last_begun[slice.device.0 as usize];
            if *last > tag && !live.has_begun {
                return Err(format!("FIFO began request {tag} after request {last}"));
            }
            *last = tag.max(*last);
        }
        self.check_inversion(slice, tag, lives)?;
        let device = &mut self.devices[slice.device.0 as usize];
        let before = device.departures.last();
        let has_bulk_room = has_bulk_room && device.bulk_in_flight < limits.bulk_depth;
        let (any, with_bulk_room) = before.map_or((0, 0), |it| (it.any, it.with_bulk_room));
        device.departures.push(Departure {
            at_ns: now_ns,
            any: any + 1,
            with_bulk_room: with_bulk_room + u64::from(has_bulk_room),
        });
        device.in_flight += 1;
        device.bulk_in_flight += u32::from(is_bulk);
        self.leaves(tag, slice.device);
        Ok(())
    }

    /// A slice came back; `was_bulk` as it was said when it went out.
    pub fn returns(&mut self, device: DeviceId, was_bulk: bool) {
        let device = &mut self.devices[device.0 as usize];
        device.in_flight -= 1;
        device.bulk_in_flight -= u32::from(was_bulk);
    }

    /// After the scheduler was asked for slices: nothing urgent waits while a slot is free.
    pub fn rests(&self, device: DeviceId, limits: &DeviceLimits) -> Result<(), String> {
        let state = &self.devices[device.0 as usize];
        if !state.urgent.is_empty() && state.in_flight < limits.depth {
            return Err(format!(
                "request {} is urgent and a slot is free",
                state.urgent[0]
            ));
        }
        Ok(())
    }

    fn check_limits(&self, slice: &Slice, bulk: bool, limits: &DeviceLimits) -> Result<(), String> {
        let device = &self.devices[slice.device.0 as usize];
        if device.in_flight >= limits.depth {
            return Err(format!("more than {} slices in flight", limits.depth));
        }
        if bulk && device.bulk_in_flight >= limits.bulk_depth {
            return Err(format!(
                "more than {} slices of bulk in flight",
                limits.bulk_depth
            ));
        }
        if slice.length_bytes > limits.slice_bytes && !slice.kind.is_atomic() {
            return Err(format!("a slice of {} bytes", slice.length_bytes));
        }
        Ok(())
    }

    /// The starvation guard's promise.
    fn check_starvation(
        &self,
        slice: &Slice,
        tag: usize,
        is_bulk: bool,
        now_ns: u64,
    ) -> Result<(), String> {
        let Some(wait) = self.waits.get(tag).copied().flatten() else {
            return Err(format!(
                "request {tag} gets a slice and does not wait for one"
            ));
        };
        if !self.policy.preempts() {
            return Ok(());
        }
        let departures = &self.devices[slice.device.0 as usize].departures;
        let aged_ns = wait.since_ns.saturating_add(self.starvation_age_ns);
        if now_ns <= aged_ns {
            return Ok(());
        }
        let count = |it: &Departure| if is_bulk { it.with_bulk_room } else { it.any };
        let at = departures.partition_point(|it| it.at_ns < aged_ns);
        let before = at.checked_sub(1).map_or(0, |it| count(&departures[it]));
        let passed = departures.last().map_or(0, count) - before;
        if passed > 2 * wait.waiting {
            return Err(format!(
                "request {tag} was passed by {passed} slices after it had aged; {} waited with it",
                wait.waiting
            ));
        }
        Ok(())
    }

    /// No urgent request is passed by more than one slice of a lower class for each slice of its
    /// own kind that goes out, and one.
    fn check_inversion(&mut self, slice: &Slice, tag: usize, lives: &[Live]) -> Result<(), String> {
        let passing = lives[tag].request.class;
        if self.policy == SchedulerPolicy::Deadline {
            return Ok(());
        }
        for &urgent in &self.devices[slice.device.0 as usize].urgent {
            let Some(wait) = self.waits[urgent].as_mut().filter(|_| urgent != tag) else {
                continue;
            };
            if passing.level() > PriorityLevel::High {
                wait.lower += 1;
            } else {
                wait.others += 1;
            }
            if wait.lower > wait.others + 1 {
                return Err(format!(
                    "request {urgent} is urgent and was passed by {} slices of lower classes",
                    wait.lower
                ));
            }
        }
        Ok(())
    }
}

/// What the scheduler holds back while enough of it is in flight.
pub(super) fn is_bulk(live: &Live, limits: &DeviceLimits) -> bool {
    let request = &live.request;
    let is_long = request.length_bytes > limits.slice_bytes && !request.kind.is_atomic();
    is_long || request.class.level() == PriorityLevel::Low
}
