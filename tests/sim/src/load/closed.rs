//! Runs a workload through the scheduler.

use super::device::Device;
use super::workloads::{Urgent, Workload};
use crate::clock::Agenda;
use crate::random::Seeded;
use gpuio_core::scheduling::histogram::Histogram;
use gpuio_core::scheduling::{
    DeviceId, DeviceLimits, EngineKind, Outcome, RegionId, Request, RequestClass, RequestKind,
    Scheduler, SchedulerOptions, SchedulerPolicy, Slice, StreamId,
};
use std::collections::HashMap;

/// How a scheduler came through a workload.
#[derive(Clone, Debug)]
pub struct Performance {
    /// Bytes a nanosecond of the requests that are always there.
    pub bandwidth: f64,
    /// 99th percentile of the latency of urgent requests, from submission to end; 0 without.
    pub urgent_p99_ns: u64,
    /// See [`Workload`].
    pub score: f64,
    /// The longest wait of an urgent request for its slot.
    pub urgent_wait_max_ns: u64,
    /// The limits in force at the end.
    pub limits: DeviceLimits,
    /// Bytes of bulk that might be in flight when urgent requests came, the median; 0 if bulk was
    /// not held back.
    pub allowed_bytes: u64,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    Return(u64),
    Urgent,
}

/// A run. `user_data` of a request is when it was submitted.
struct Run {
    workload: Workload,
    scheduler: Scheduler,
    device: Device,
    random: Seeded,
    agenda: Agenda<Happening>,
    flights: HashMap<u64, Slice>,
    next_offset: u64,
    returned: u64,
    bulk_bytes: u64,
    urgent: Histogram,
    allowed: Histogram,
    counts: bool,
}

/// Runs with fixed limits, or (`None`) with the controller's. The first quarter does not count.
pub fn run(workload: &Workload, limits: Option<DeviceLimits>, seed: u64) -> Performance {
    let slices = match limits {
        Some(_) => workload.slices,
        None => 10 * workload.slices,
    };
    run_policy(workload, SchedulerPolicy::Adaptive, limits, slices, seed)
}

/// The same for any policy and length.
pub fn run_policy(
    workload: &Workload,
    policy: SchedulerPolicy,
    limits: Option<DeviceLimits>,
    slices: u64,
    seed: u64,
) -> Performance {
    let options = SchedulerOptions {
        policy,
        devices: vec![limits.unwrap_or_default()],
        adapts_limits: limits.is_none(),
        courtesy: workload.courtesy,
        ..SchedulerOptions::default()
    };
    let mut run = Run {
        workload: *workload,
        scheduler: Scheduler::new(options).expect("the limits are valid"),
        device: Device::new(workload.model),
        random: Seeded::new(seed),
        agenda: Agenda::default(),
        flights: HashMap::new(),
        next_offset: 0,
        returned: 0,
        bulk_bytes: 0,
        urgent: Histogram::default(),
        allowed: Histogram::default(),
        counts: false,
    };
    run.go(slices)
}

const DEVICE: DeviceId = DeviceId(0);

impl Run {
    fn go(&mut self, slices: u64) -> Performance {
        (0..self.workload.closed.count).for_each(|_| self.submit_bulk(0));
        if let Some(urgent) = self.workload.urgent {
            self.plan_urgent(urgent, 0);
        }
        self.dispatch(0);
        let (mut began_ns, mut now_ns) = (0, 0);
        while self.returned < slices {
            let Some((at_ns, happening)) = self.agenda.pop() else {
                panic!(
                    "nothing is planned and {} slices are missing",
                    slices - self.returned
                );
            };
            now_ns = at_ns;
            match happening {
                Happening::Return(id) => self.slice_returned(id, now_ns),
                Happening::Urgent => {
                    if let Some(urgent) = self.workload.urgent {
                        self.submit_urgent(urgent, now_ns);
                    }
                }
            }
            self.dispatch(now_ns);
            if !self.counts && self.returned >= slices / 4 {
                self.counts = true;
                began_ns = now_ns;
            }
        }
        self.performance(now_ns - began_ns)
    }

    fn performance(&self, elapsed_ns: u64) -> Performance {
        let bandwidth = self.bulk_bytes as f64 / elapsed_ns.max(1) as f64;
        let urgent_p99_ns = self.urgent.quantile(0.99);
        let good_ns = self
            .workload
            .urgent
            .map_or(f64::INFINITY, |it| it.good_p99_ns);
        let class = self
            .scheduler
            .figures()
            .class(RequestClass::InferenceRealtime);
        let urgent_wait = &class.wait_ns;
        let excess = (urgent_p99_ns as f64 / good_ns).max(1.0);
        Performance {
            bandwidth,
            urgent_p99_ns,
            score: bandwidth / excess.powi(2),
            urgent_wait_max_ns: urgent_wait.max(),
            limits: self.scheduler.limits(DEVICE),
            allowed_bytes: self.allowed.quantile(0.5),
        }
    }

    fn plan_urgent(&mut self, urgent: Urgent, now_ns: u64) {
        let wait_ns = match urgent.thinks {
            true => urgent.arrival_ns,
            false => self.random.exponential(urgent.arrival_ns),
        };
        self.agenda.plan(now_ns + wait_ns as u64, Happening::Urgent);
    }

    fn submit_urgent(&mut self, urgent: Urgent, now_ns: u64) {
        let class = RequestClass::InferenceRealtime;
        self.submit(urgent.length_bytes, class, now_ns);
        let allowed = self.scheduler.allowed_bulk_bytes(DEVICE, now_ns);
        if let Some(bytes) = allowed.filter(|_| self.counts) {
            self.allowed.record(bytes);
        }
        if !urgent.thinks {
            self.plan_urgent(urgent, now_ns);
        }
    }

    fn submit_bulk(&mut self, now_ns: u64) {
        let closed = self.workload.closed;
        self.submit(closed.length_bytes, closed.class, now_ns);
    }

    fn submit(&mut self, length_bytes: u64, class: RequestClass, now_ns: u64) {
        let request = Request {
            kind: RequestKind::Read,
            engine: EngineKind::Localio,
            device: DEVICE,
            src: RegionId(0),
            dst: RegionId(1),
            src_offset: self.next_offset,
            dst_offset: 0,
            length_bytes,
            stream: StreamId::NONE,
            class,
            qos: None,
            user_data: now_ns,
        };
        self.next_offset += length_bytes;
        self.scheduler
            .submit(request, now_ns)
            .expect("there is room");
    }

    fn dispatch(&mut self, now_ns: u64) {
        let mut slices = Vec::new();
        while let Some(device) = self.scheduler.next_device() {
            slices.clear();
            if self.scheduler.dispatch(device, now_ns, &mut slices) > 0 {
                self.device.submission(now_ns);
            }
            for slice in &slices {
                let at_ns = self.device.submit(slice.length_bytes, &mut self.random);
                self.flights.insert(slice.id.number(), *slice);
                let happening = Happening::Return(slice.id.number());
                self.agenda.plan(at_ns.max(now_ns), happening);
            }
        }
    }

    fn slice_returned(&mut self, id: u64, now_ns: u64) {
        let Some(slice) = self.flights.remove(&id) else {
            panic!("slice {id} came back twice");
        };
        self.returned += 1;
        self.device.returned(slice.length_bytes);
        let is_urgent = self
            .workload
            .urgent
            .is_some_and(|it| it.length_bytes == slice.length_bytes);
        if self.counts && !is_urgent {
            self.bulk_bytes += slice.length_bytes;
        }
        let outcome = Outcome {
            bytes: slice.length_bytes,
            error: None,
        };
        let random = &mut self.random;
        let completed = self.scheduler.complete(slice.id, outcome, now_ns, random);
        completed.expect("the slice was in flight");
        while let Some(ended) = self.scheduler.next_ended() {
            let is_bulk = ended.bytes_completed == self.workload.closed.length_bytes;
            if is_bulk {
                self.submit_bulk(now_ns);
                continue;
            }
            if self.counts {
                self.urgent.record(now_ns - ended.user_data);
            }
            if let Some(urgent) = self.workload.urgent.filter(|it| it.thinks) {
                self.plan_urgent(urgent, now_ns);
            }
        }
    }
}
