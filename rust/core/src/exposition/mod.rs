//! Live figures as text: what a program has counted, for people and for monitoring.
//!
//! A [`Snapshot`] is a value; [`Snapshot::prometheus`] and [`Snapshot::json`] turn it into the two
//! texts that the endpoint serves. Every metric is described in `docs/figures.md`, and a test
//! compares.
//!
//! ```
//! use gpuio_core::exposition::Snapshot;
//! use gpuio_core::scheduling::RequestClass;
//! let mut snapshot = Snapshot::default();
//! snapshot.figures.class_mut(RequestClass::Checkpoint).submitted = 3;
//! let text = snapshot.prometheus();
//! assert!(text.contains("gpuio_requests_submitted_total{class=\"CHECKPOINT\"} 3\n"));
//! assert!(snapshot.json().contains("\"submitted\":3"));
//! ```

mod counters;
mod json;
mod prometheus;

pub use counters::{EngineCounters, L1Counters, L2Counters, ServiceCounters};
pub use prometheus::CONTENT_TYPE;

use crate::scheduling::{DeviceId, Figures, Scheduler};
use std::fmt;

/// One device's queue, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceSnapshot {
    /// Its number: no two devices of a snapshot have the same.
    pub id: u32,
    /// What it is called, any text.
    pub name: String,
    /// Requests that wait for a slot.
    pub waiting: u64,
    /// Slices that the engine has.
    pub in_flight: u64,
    /// Most slices in flight.
    pub depth: u64,
    /// Most slices of bulk requests in flight.
    pub bulk_depth: u64,
    /// Longest slice in bytes.
    pub slice_bytes: u64,
    /// Slices that one submission tries to carry.
    pub batch_count: u64,
}

impl DeviceSnapshot {
    /// A device of a scheduler, at this moment. No such device is a defect of the caller, and
    /// panics, as in [`Scheduler::limits`].
    pub fn of(scheduler: &Scheduler, device: DeviceId, name: String) -> Self {
        let limits = scheduler.limits(device);
        Self {
            id: device.0,
            name,
            waiting: scheduler.waiting_count(device) as u64,
            in_flight: scheduler.in_flight(device).into(),
            depth: limits.depth.into(),
            bulk_depth: limits.bulk_depth.into(),
            slice_bytes: limits.slice_bytes,
            batch_count: limits.batch_count.into(),
        }
    }
}

/// Everything that is counted, at one moment. Counts begin with the context.
#[derive(Clone, Default)]
pub struct Snapshot {
    /// The scheduler's.
    pub figures: Figures,
    /// The devices it serves.
    pub devices: Vec<DeviceSnapshot>,
    /// L1's.
    pub l1: L1Counters,
    /// L2's.
    pub l2: L2Counters,
    /// The fault service's.
    pub service: ServiceCounters,
    /// The engines', where they were asked.
    pub engines: Option<EngineCounters>,
}

impl Snapshot {
    /// The figures in Prometheus' text format 0.0.4, see [`CONTENT_TYPE`]. About 40 KB, and 1 KB
    /// a device.
    pub fn prometheus(&self) -> String {
        prometheus::render(self)
    }

    /// The figures as one JSON object on one line, with quantiles. Durations are nanoseconds.
    pub fn json(&self) -> String {
        json::render(self)
    }
}

/// Thousands of histogram steps say nothing to a person; the JSON does.
impl fmt::Debug for Snapshot {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.json())
    }
}
