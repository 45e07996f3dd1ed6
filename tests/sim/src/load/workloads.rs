//! Four devices and what is asked of them.

use super::device::Model;
use gpuio_core::scheduling::{CourtesyOptions, RequestClass};

/// Requests that are always there: each that ends is followed by another.
#[derive(Clone, Copy, Debug)]
pub struct Closed {
    /// How many.
    pub count: usize,
    /// How long.
    pub length_bytes: u64,
    /// Of which class.
    pub class: RequestClass,
}

/// Small urgent requests that arrive at random.
#[derive(Clone, Copy, Debug)]
pub struct Urgent {
    /// Mean wait between two.
    pub arrival_ns: f64,
    /// Whether the wait begins when the one before has ended, and always lasts as long: a program
    /// that waits for the answer and thinks. Else they come at random.
    pub thinks: bool,
    /// How long they are.
    pub length_bytes: u64,
    /// The 99th percentile of their latency that is still good: 2.5 times that of an idle device.
    pub good_p99_ns: f64,
}

/// A device and its load. The score is the bandwidth of what is always there; where there are
/// urgent requests it is divided by the square of their latency's excess.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// For people.
    pub name: &'static str,
    /// The device.
    pub model: Model,
    /// What is always there.
    pub closed: Closed,
    /// What comes beside it.
    pub urgent: Option<Urgent>,
    /// How bulk is held back for it.
    pub courtesy: Option<CourtesyOptions>,
    /// Slices of a run with fixed limits; the controller gets ten times as many.
    pub slices: u64,
}

const MIB: u64 = 1 << 20;

/// A deep drive: 64 reads side by side, and system calls that cost more than a read.
pub const NVME: Workload = Workload {
    name: "deep drive, 4 KiB reads",
    model: Model {
        channels: 64,
        submission_ns: 3_000.0,
        slice_ns: 300.0,
        access_ns: 80_000.0,
        access_variation: 0.2,
        channel_rate: 4.0,
        ..Model::PLAIN
    },
    closed: Closed {
        count: 512,
        length_bytes: 4096,
        class: RequestClass::TrainingFw,
    },
    urgent: None,
    courtesy: None,
    slices: 30_000,
};

/// A shallow disk: one head, 6 ms to get it anywhere, and worse with more than four in its queue.
pub const DISK: Workload = Workload {
    name: "shallow disk, 16 MiB reads",
    model: Model {
        access_ns: 6_000_000.0,
        access_variation: 0.2,
        channel_rate: 0.18,
        crowd: 4,
        crowd_share: 0.08,
        ..Model::PLAIN
    },
    closed: Closed {
        count: 256,
        length_bytes: 16 * MIB,
        class: RequestClass::Checkpoint,
    },
    urgent: None,
    courtesy: None,
    slices: 3_000,
};

/// A long network: 10 Gbit/s, 10 ms there and back; what overflows its buffer is sent again.
pub const NETWORK: Workload = Workload {
    name: "long network, 8 MiB copies",
    model: Model {
        slice_ns: 20_000.0,
        access_ns: 10_000_000.0,
        access_variation: 0.02,
        link_rate: 1.25,
        held_bytes: 44e6,
        loss_ns: 300_000_000.0,
        ..Model::PLAIN
    },
    closed: Closed {
        count: 256,
        length_bytes: 8 * MIB,
        class: RequestClass::EngramSync,
    },
    urgent: None,
    courtesy: None,
    slices: 6_000,
};

/// A drive that people wait for while bulk is read from it.
pub const MIXED: Workload = Workload {
    name: "urgent 4 KiB reads beside bulk",
    model: Model {
        channels: 8,
        submission_ns: 3_000.0,
        slice_ns: 300.0,
        access_ns: 90_000.0,
        access_variation: 0.2,
        channel_rate: 0.4,
        ..Model::PLAIN
    },
    closed: Closed {
        count: 64,
        length_bytes: 4 * MIB,
        class: RequestClass::Background,
    },
    urgent: Some(Urgent {
        arrival_ns: 400_000.0,
        thinks: false,
        length_bytes: 4096,
        // 90 us and 20 %, 4096 bytes at 0.4 a nanosecond, 3.3 us of overhead.
        good_p99_ns: 2.5 * (108_000.0 + 10_240.0 + 3_300.0),
    }),
    courtesy: None,
    slices: 20_000,
};

/// All four.
pub const ALL: [Workload; 4] = [NVME, DISK, NETWORK, MIXED];
