//! Inference under overload: more is asked for than can be done, in bursts.
//!
//! Arrivals are made to look like traces of inference services (Azure's are bursty, with heavy
//! tails): waits between requests are gamma distributed with a coefficient of variation of 2, the
//! rate changes between half and one and a half times its mean every few seconds, service times
//! are log-normal. No trace is replayed.

use crate::clock::Agenda;
use crate::random::Seeded;
use gpuio_core::random::Random;
use gpuio_core::scheduling::{
    DeviceId, DeviceLimits, EngineKind, InferenceQos, Outcome, RegionId, Request, RequestClass,
    RequestKind, RequestStatus, Scheduler, SchedulerOptions, SchedulerPolicy, Slice, StreamId,
    CRITICAL,
};

/// Requests that are served side by side.
const SLOTS: u32 = 8;

/// Mean service time, in microseconds, and its coefficient of variation.
const SERVICE_US: f64 = 5_000.0;
const SERVICE_VARIATION: f64 = 1.0;

/// By which share estimates are off, at most.
const ESTIMATE_ERROR: f64 = 0.2;

/// Coefficient of variation of the waits between arrivals.
const ARRIVAL_VARIATION: f64 = 2.0;

/// Mean time between changes of the arrival rate.
const BURST_NS: f64 = 2e9;

/// What became of the critical requests, and of all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Served {
    /// Critical ones that were asked for.
    pub critical: u64,
    /// Of those: admitted.
    pub critical_admitted: u64,
    /// Of those: done in time.
    pub critical_met: u64,
    /// All that were asked for.
    pub all: u64,
    /// Of those: admitted.
    pub all_admitted: u64,
    /// Of those: done in time.
    pub all_met: u64,
}

impl Served {
    /// The share of the admitted critical requests that were done in time.
    pub fn critical_hit_rate(&self) -> f64 {
        self.critical_met as f64 / self.critical_admitted.max(1) as f64
    }
}

struct Asked {
    service_ns: u64,
    due_ns: u64,
    is_critical: bool,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    Arrival,
    Return(u64, usize),
}

struct Run {
    policy: SchedulerPolicy,
    load: f64,
    scheduler: Scheduler,
    random: Seeded,
    agenda: Agenda<Happening>,
    asked: Vec<Asked>,
    flights: Vec<Slice>,
    rate: f64,
    rate_until_ns: u64,
    served: Served,
}

/// Asks for `count` requests at `load` times what the device can do.
pub fn run(policy: SchedulerPolicy, load: f64, count: u64, seed: u64) -> Served {
    let limits = DeviceLimits {
        depth: SLOTS,
        bulk_depth: SLOTS,
        slice_bytes: 1 << 20,
        batch_count: 1,
    };
    let options = SchedulerOptions {
        policy,
        devices: vec![limits],
        adapts_limits: false,
        ..SchedulerOptions::default()
    };
    let mut run = Run {
        policy,
        load,
        scheduler: Scheduler::new(options).expect("the options are valid"),
        random: Seeded::new(seed),
        agenda: Agenda::default(),
        asked: Vec::new(),
        flights: Vec::new(),
        rate: 1.0,
        rate_until_ns: 0,
        served: Served::default(),
    };
    run.agenda.plan(0, Happening::Arrival);
    while let Some((now_ns, happening)) = run.agenda.pop() {
        match happening {
            Happening::Arrival if run.served.all < count => run.arrival(now_ns),
            Happening::Arrival => {}
            Happening::Return(_, flight) => run.returned(flight, now_ns),
        }
        run.step(now_ns);
    }
    assert_eq!(run.scheduler.request_count(), 0, "requests are left");
    run.served
}

impl Run {
    fn arrival(&mut self, now_ns: u64) {
        self.submit(now_ns);
        if now_ns >= self.rate_until_ns {
            self.rate = if self.rate < 1.0 { 1.5 } else { 0.5 };
            self.rate_until_ns = now_ns + self.random.exponential(BURST_NS) as u64;
        }
        let mean_ns = SERVICE_US * 1000.0 / (f64::from(SLOTS) * self.load * self.rate);
        let wait_ns = self.random.gamma(mean_ns, ARRIVAL_VARIATION) as u64;
        self.agenda.plan(now_ns + wait_ns, Happening::Arrival);
    }

    fn submit(&mut self, now_ns: u64) {
        let random = &mut self.random;
        let service_us = random.log_normal(SERVICE_US, SERVICE_VARIATION).max(100.0);
        let error = 1.0 + ESTIMATE_ERROR * (2.0 * random.next_unit() - 1.0);
        let estimate_us = (service_us * error) as u64;
        let deadline_us = 20_000 + (service_us * (2.0 + 6.0 * random.next_unit())) as u64;
        let criticality = random.next_unit() as f32;
        let qos = InferenceQos::new(deadline_us, estimate_us.min(deadline_us), criticality);
        let request = Request {
            kind: RequestKind::Read,
            engine: EngineKind::Localio,
            device: DeviceId(0),
            src: RegionId(0),
            dst: RegionId(1),
            src_offset: 0,
            dst_offset: 0,
            length_bytes: 4096,
            stream: StreamId::NONE,
            class: class(self.policy, criticality),
            qos: Some(qos.expect("the deadline is valid")),
            user_data: self.asked.len() as u64,
        };
        let is_critical = criticality >= CRITICAL;
        self.asked.push(Asked {
            service_ns: (service_us * 1000.0) as u64,
            due_ns: now_ns + deadline_us * 1000,
            is_critical,
        });
        let is_admitted = self.scheduler.submit(request, now_ns).is_ok();
        self.served.all += 1;
        self.served.all_admitted += u64::from(is_admitted);
        self.served.critical += u64::from(is_critical);
        self.served.critical_admitted += u64::from(is_critical && is_admitted);
    }

    fn returned(&mut self, flight: usize, now_ns: u64) {
        let slice = self.flights[flight];
        let outcome = Outcome {
            bytes: slice.length_bytes,
            error: None,
        };
        let random = &mut self.random;
        let completed = self.scheduler.complete(slice.id, outcome, now_ns, random);
        completed.expect("the slice was in flight");
    }

    fn step(&mut self, now_ns: u64) {
        let mut slices = Vec::new();
        while let Some(device) = self.scheduler.next_device() {
            self.scheduler.dispatch(device, now_ns, &mut slices);
        }
        for slice in slices {
            let service_ns = self.asked[slice.user_data as usize].service_ns;
            let happening = Happening::Return(slice.id.number(), self.flights.len());
            self.flights.push(slice);
            self.agenda.plan(now_ns + service_ns, happening);
        }
        while let Some(ended) = self.scheduler.next_ended() {
            let asked = &self.asked[ended.user_data as usize];
            let is_met = ended.status == RequestStatus::Completed && now_ns <= asked.due_ns;
            self.served.all_met += u64::from(is_met);
            self.served.critical_met += u64::from(is_met && asked.is_critical);
        }
    }
}

/// PRIORITY knows nothing of criticality, so it is told by the class; for the others all is
/// inference.
fn class(policy: SchedulerPolicy, criticality: f32) -> RequestClass {
    match policy {
        SchedulerPolicy::Priority if criticality < 0.4 => RequestClass::TrainingBw,
        SchedulerPolicy::Priority if criticality < CRITICAL => RequestClass::TrainingFw,
        _ => RequestClass::InferenceRealtime,
    }
}
