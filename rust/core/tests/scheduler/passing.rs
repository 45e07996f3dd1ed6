//! Requests that pass: as if they had gone the long way in no time, and never past others.

use super::support::{dispatch, finish, one_slot, read, small, with_policy};
use gpuio_core::scheduling::{
    DeviceId, DeviceLimits, InferenceQos, Request, RequestClass, RequestKind, Scheduler,
    SchedulerPolicy, Slice, StreamId,
};

/// One that measures nothing.
fn plain(limits: DeviceLimits) -> Scheduler {
    with_policy(SchedulerPolicy::Priority, limits)
}

fn carried_out(scheduler: &mut Scheduler, slice: &Slice, now_ns: u64) {
    finish(scheduler, slice, now_ns);
    assert!(scheduler.next_ended().is_some());
}

fn add() -> Request {
    Request {
        kind: RequestKind::AtomicFetchAdd,
        ..read(8)
    }
}

#[test]
fn what_passes_counts_as_what_went_the_long_way() {
    let (mut short, mut long) = (plain(small()), plain(small()));
    for _ in 0..3 {
        assert!(short.pass(&add(), 5));
        long.submit(add(), 5).unwrap();
        let slices = dispatch(&mut long, 5);
        carried_out(&mut long, &slices[0], 5);
    }
    let sums = |scheduler: &Scheduler| {
        let figures = scheduler.figures();
        let class = figures.class(RequestClass::TrainingFw);
        let counts = [
            class.submitted,
            class.completed,
            figures.slices,
            figures.bytes,
        ];
        let histograms = [&class.wait_ns, &class.service_ns, &figures.batch_sizes];
        (
            counts,
            histograms.map(|it| (it.count(), it.sum(), it.max())),
        )
    };
    assert_eq!(sums(&short), sums(&long));
    assert_eq!((short.request_count(), short.next_device()), (0, None));
}

#[test]
fn nothing_passes_what_stands_before_it() {
    let stream = |request: Request| Request {
        stream: StreamId(1),
        ..request
    };
    // In its stream.
    let mut scheduler = plain(small());
    scheduler.submit(stream(read(1)), 0).unwrap();
    assert!(!scheduler.pass(&stream(add()), 0));
    let slices = dispatch(&mut scheduler, 0);
    assert!(!scheduler.pass(&stream(add()), 0));
    assert!(
        scheduler.pass(&add(), 0),
        "another stream has its own order"
    );
    carried_out(&mut scheduler, &slices[0], 1);
    assert!(scheduler.pass(&stream(add()), 1));
    // At its device: who waits there, a slot that is taken, bulk that is held back.
    let mut scheduler = plain(one_slot());
    scheduler.submit(read(1), 0).unwrap();
    assert!(!scheduler.pass(&add(), 0));
    let slices = dispatch(&mut scheduler, 0);
    assert!(!scheduler.pass(&add(), 0));
    carried_out(&mut scheduler, &slices[0], 1);
    assert!(scheduler.pass(&add(), 1));
    let low = |request: Request| Request {
        class: RequestClass::Background,
        ..request
    };
    let mut scheduler = plain(DeviceLimits {
        bulk_depth: 1,
        ..small()
    });
    scheduler.submit(low(read(1)), 0).unwrap();
    dispatch(&mut scheduler, 0);
    assert!(!scheduler.pass(&low(add()), 0));
    assert!(scheduler.pass(&add(), 0));
}

#[test]
fn what_has_a_deadline_or_is_refused_does_not_pass() {
    let mut scheduler = plain(small());
    let qos = InferenceQos::new(1000, 0, 0.5).unwrap();
    let urgent = Request {
        qos: Some(qos),
        ..add()
    };
    assert!(!scheduler.pass(&urgent, 0));
    assert!(!scheduler.pass(
        &Request {
            length_bytes: 7,
            ..add()
        },
        0
    ));
    assert!(!scheduler.pass(
        &Request {
            device: DeviceId(9),
            ..add()
        },
        0
    ));
    scheduler.shut_down(0);
    assert!(!scheduler.pass(&add(), 0));
    // What is measured is not passed by.
    for policy in [SchedulerPolicy::Deadline, SchedulerPolicy::Adaptive] {
        assert!(!with_policy(policy, small()).pass(&add(), 0));
    }
}
