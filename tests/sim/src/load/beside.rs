//! Urgent requests beside bulk on devices that differ by a factor of a thousand: what the
//! scheduler's courtesy makes of each, without being told which it is.

use super::closed::{run_policy, Performance};
use super::device::Model;
use super::workloads::{Closed, Urgent, Workload};
use gpuio_core::scheduling::{CourtesyOptions, DeviceLimits, RequestClass, SchedulerPolicy};

/// Limits that suit bulk, as the runtime sets them. ADAPTIVE finds its own.
const LIMITS: DeviceLimits = DeviceLimits {
    depth: 64,
    bulk_depth: 32,
    slice_bytes: 1 << 20,
    batch_count: 1,
};

/// A device, and how long it takes for a small read.
#[derive(Clone, Copy, Debug)]
pub struct Drive {
    /// For people.
    pub name: &'static str,
    /// The device.
    pub model: Model,
    /// For 4 KiB.
    pub own_ns: f64,
}

const fn serial(name: &'static str, access_ns: f64, bytes_per_ns: f64) -> Drive {
    Drive {
        name,
        model: Model {
            access_ns,
            channel_rate: bytes_per_ns,
            ..Model::PLAIN
        },
        own_ns: access_ns + 4096.0 / bytes_per_ns,
    }
}

/// From a disk that has to seek to one that is as fast as memory, one slice after the other; and
/// one that works on eight side by side.
pub const DRIVES: [Drive; 4] = [
    serial("10 ms, 100 MB/s", 10_000_000.0, 0.1),
    serial("30 us, 3.4 GB/s", 30_000.0, 3.4),
    serial("10 us, 12 GB/s", 10_000.0, 12.0),
    Drive {
        name: "90 us, 8 x 0.4 GB/s",
        model: Model {
            channels: 8,
            access_ns: 90_000.0,
            channel_rate: 0.4,
            ..Model::PLAIN
        },
        own_ns: 100_240.0,
    },
];

/// What became of a drive's urgent requests, and of bulk.
#[derive(Clone, Debug)]
pub struct Beside {
    /// 99th percentile of urgent requests beside bulk, to that on the idle drive.
    pub slowdown: f64,
    /// Bulk's bandwidth, to that without urgent requests.
    pub share: f64,
    /// All that was measured beside bulk.
    pub performance: Performance,
}

/// Runs a drive, with requests at random or of a program that thinks between them, ten times as
/// long as one takes by itself.
pub fn run(drive: &Drive, policy: SchedulerPolicy, thinks: bool, slices: u64) -> Beside {
    let workload = Workload {
        name: drive.name,
        model: drive.model,
        closed: Closed {
            count: 32,
            length_bytes: 8 << 20,
            class: RequestClass::Background,
        },
        urgent: Some(Urgent {
            arrival_ns: 10.0 * drive.own_ns,
            thinks,
            length_bytes: 4096,
            good_p99_ns: f64::INFINITY,
        }),
        courtesy: Some(CourtesyOptions::default()),
        slices,
    };
    let mut idle = workload;
    idle.closed.count = 0;
    let alone = Workload {
        urgent: None,
        ..workload
    };
    let limits = (policy != SchedulerPolicy::Adaptive).then_some(LIMITS);
    let go = |it: &Workload| run_policy(it, policy, limits, it.slices, 1);
    let performance = go(&workload);
    Beside {
        slowdown: performance.urgent_p99_ns as f64 / go(&idle).urgent_p99_ns as f64,
        share: performance.bandwidth / go(&alone).bandwidth,
        performance,
    }
}
