//! An urgent request waits for at most one slice of bulk.

use gpuio_core::scheduling::{DeviceLimits, RequestClass, SchedulerPolicy};
use gpuio_sim::load::beside;
use gpuio_sim::load::closed::{run_policy, Performance};
use gpuio_sim::load::device::Model;
use gpuio_sim::load::workloads::{Closed, Urgent, Workload, MIXED};

const SLICE_BYTES: u64 = 64 << 10;

/// One slice at a time: 50 us and a byte a nanosecond.
const ACCESS_NS: u64 = 50_000;

const SERIAL: Workload = Workload {
    name: "one channel",
    model: Model {
        access_ns: ACCESS_NS as f64,
        channel_rate: 1.0,
        ..Model::PLAIN
    },
    closed: Closed {
        count: 32,
        length_bytes: 8 << 20,
        class: RequestClass::Background,
    },
    urgent: Some(Urgent {
        arrival_ns: 4e7,
        thinks: false,
        length_bytes: 4096,
        good_p99_ns: f64::INFINITY,
    }),
    courtesy: None,
    slices: 400_000,
};

fn run(workload: &Workload, policy: SchedulerPolicy, bulk_depth: u32) -> Performance {
    let limits = DeviceLimits {
        depth: bulk_depth + 8,
        bulk_depth,
        slice_bytes: SLICE_BYTES,
        batch_count: 4,
    };
    run_policy(workload, policy, Some(limits), workload.slices, 1)
}

#[test]
fn on_a_device_with_one_channel_the_wait_is_one_slice() {
    let one_slice_ns = ACCESS_NS + SLICE_BYTES;
    let own_ns = ACCESS_NS + 4096;
    for policy in [SchedulerPolicy::Priority, SchedulerPolicy::Adaptive] {
        let it = run(&SERIAL, policy, 1);
        println!(
            "{policy}: p99 {} ns, {:.3} bytes/ns",
            it.urgent_p99_ns, it.bandwidth
        );
        assert_eq!(
            it.urgent_wait_max_ns, 0,
            "no urgent request waits for a slot"
        );
        // The histogram's error, and now and then another urgent request in front.
        let bound_ns = one_slice_ns + own_ns;
        assert!(it.urgent_p99_ns <= bound_ns + bound_ns / 50, "{it:?}");
    }
    let fifo = run(&SERIAL, SchedulerPolicy::Fifo, 1);
    println!(
        "fifo: p99 {} ns, {:.3} bytes/ns",
        fifo.urgent_p99_ns, fifo.bandwidth
    );
    assert!(fifo.urgent_p99_ns > 100 * one_slice_ns, "{fifo:?}");
}

#[test]
fn beside_bulk_urgent_requests_are_nearly_as_fast_as_alone() {
    let alone = Workload {
        closed: Closed {
            count: 0,
            ..MIXED.closed
        },
        slices: 20_000,
        ..MIXED
    };
    let bulk_alone = Workload {
        urgent: None,
        ..MIXED
    };
    let beside = run(&MIXED, SchedulerPolicy::Priority, 6);
    let idle = run(&alone, SchedulerPolicy::Priority, 6);
    let bulk = run(&bulk_alone, SchedulerPolicy::Priority, 8);
    let inflation = beside.urgent_p99_ns as f64 / idle.urgent_p99_ns as f64;
    let kept = beside.bandwidth / bulk.bandwidth;
    println!("p99 {inflation:.2} times that of an idle device, bulk keeps {kept:.2}");
    assert!(
        inflation <= 2.5 && kept >= 0.6,
        "{beside:?} {idle:?} {bulk:?}"
    );
}

/// What courtesy finds on drives that differ by a factor of a thousand, without being told.
#[test]
fn bulk_is_held_back_as_each_drive_needs_it() {
    // At random, what bulk can have is little where an urgent request needs as long. ADAPTIVE keeps
    // the slices of 256 KiB that it began with while urgent requests are expected, which are short
    // for a disk that seeks.
    let floors = [
        (SchedulerPolicy::Priority, false, 0.3),
        (SchedulerPolicy::Priority, true, 0.6),
        (SchedulerPolicy::Adaptive, false, 0.15),
        (SchedulerPolicy::Adaptive, true, 0.15),
    ];
    for (policy, thinks, share) in floors {
        for drive in &beside::DRIVES {
            let it = beside::run(drive, policy, thinks, 40_000);
            println!(
                "{policy}, {}: p99 {:.2} times, share {:.2}",
                drive.name, it.slowdown, it.share
            );
            // Of eight channels seven are given away: of two urgent requests at a time one waits.
            assert!(
                it.slowdown < 5.0 && it.share > share,
                "{} {it:?}",
                drive.name
            );
        }
    }
}
