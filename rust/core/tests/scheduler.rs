//! What a caller sees of the scheduler, one promise a test. `tests/sim` has the rest.

use gpuio_core::scheduling::batch::BatchPart;
use gpuio_core::scheduling::retry::RetryPolicy;
use gpuio_core::scheduling::{
    CourtesyOptions, DeviceId, DeviceLimits, Ended, EngineKind, EventState, InferenceQos, Outcome,
    RegionId, Request, RequestClass, RequestId, RequestKind, RequestStatus, Scheduler,
    SchedulerOptions, SchedulerPolicy, Slice, StreamId,
};
use gpuio_core::{Error, ErrorCode};

const DEVICE: DeviceId = DeviceId(0);

fn scheduler(limits: DeviceLimits) -> Scheduler {
    Scheduler::new(SchedulerOptions {
        policy: SchedulerPolicy::Adaptive,
        devices: vec![limits],
        adapts_limits: false,
        retry: RetryPolicy {
            max_retries: 2,
            ..RetryPolicy::default()
        },
        ..SchedulerOptions::default()
    })
    .unwrap()
}

fn small() -> DeviceLimits {
    DeviceLimits {
        depth: 4,
        bulk_depth: 2,
        slice_bytes: 4096,
        batch_count: 1,
    }
}

fn read(length_bytes: u64) -> Request {
    Request {
        kind: RequestKind::Read,
        engine: EngineKind::Localio,
        device: DEVICE,
        src: RegionId(1),
        dst: RegionId(2),
        src_offset: 0,
        dst_offset: 0,
        length_bytes,
        stream: StreamId::NONE,
        class: RequestClass::TrainingFw,
        qos: None,
        user_data: 7,
    }
}

fn dispatch(scheduler: &mut Scheduler, now_ns: u64) -> Vec<Slice> {
    let mut slices = Vec::new();
    while let Some(device) = scheduler.next_device() {
        scheduler.dispatch(device, now_ns, &mut slices);
    }
    slices
}

fn complete(scheduler: &mut Scheduler, slice: &Slice, bytes: u64, error: Option<Error>, now: u64) {
    let outcome = Outcome { bytes, error };
    let done = scheduler.complete(slice.id, outcome, now, &mut || 0u64);
    assert_eq!(done, Ok(()));
}

fn finish(scheduler: &mut Scheduler, slice: &Slice, now_ns: u64) {
    complete(scheduler, slice, slice.length_bytes, None, now_ns);
}

fn ended(scheduler: &mut Scheduler, id: RequestId) -> Ended {
    let ended = scheduler.next_ended().expect("a request has ended");
    assert_eq!((ended.id, scheduler.status(id)), (id, None));
    ended
}

fn network() -> Option<Error> {
    Some(Error::new(ErrorCode::Network, "read", "the peer went away"))
}

#[test]
fn a_request_walks_through_its_states() {
    let mut scheduler = scheduler(small());
    let in_stream = |length| Request {
        stream: StreamId(1),
        ..read(length)
    };
    let first = scheduler.submit(in_stream(4096), 0).unwrap();
    let second = scheduler.submit(in_stream(10), 0).unwrap();
    assert_eq!(scheduler.status(first), Some(RequestStatus::Submitted));
    assert_eq!(scheduler.status(second), Some(RequestStatus::Pending));
    let slices = dispatch(&mut scheduler, 5);
    assert_eq!(slices.len(), 1);
    assert_eq!(scheduler.status(first), Some(RequestStatus::InProgress));
    finish(&mut scheduler, &slices[0], 9);
    let end = ended(&mut scheduler, first);
    assert_eq!(
        (end.status, end.bytes_completed),
        (RequestStatus::Completed, 4096)
    );
    assert_eq!((end.user_data, end.error), (7, None));
    assert_eq!(scheduler.status(second), Some(RequestStatus::Submitted));
    let figures = scheduler.figures().class(RequestClass::TrainingFw);
    assert_eq!((figures.wait_ns.max(), figures.service_ns.max()), (5, 4));
}

#[test]
fn bulk_is_cut_and_leaves_slots_for_others() {
    let mut scheduler = scheduler(small());
    let bulk = scheduler.submit(read(5 * 4096), 0).unwrap();
    let slices = dispatch(&mut scheduler, 0);
    let offsets: Vec<u64> = slices.iter().map(|slice| slice.src_offset).collect();
    assert_eq!(offsets, [0, 4096]);
    let urgent = Request {
        class: RequestClass::InferenceRealtime,
        ..read(10)
    };
    let urgent = scheduler.submit(urgent, 1).unwrap();
    assert_eq!(dispatch(&mut scheduler, 1)[0].request, urgent);
    // A slice goes out for one that comes back.
    finish(&mut scheduler, &slices[1], 2);
    assert_eq!(dispatch(&mut scheduler, 2)[0].src_offset, 8192);
    assert_eq!(scheduler.bytes_completed(bulk), Some(4096));
}

#[test]
fn a_slice_is_tried_again_later_and_the_error_tells_how_often() {
    let mut scheduler = scheduler(small());
    let id = scheduler.submit(read(4096), 0).unwrap();
    let mut now_ns = 0;
    for attempt in 1..=3 {
        let slices = dispatch(&mut scheduler, now_ns);
        assert_eq!(slices[0].attempt, attempt);
        // It gets on by a hundred bytes each time, which are not asked for again.
        assert_eq!(slices[0].src_offset, 100 * u64::from(attempt - 1));
        complete(&mut scheduler, &slices[0], 100, network(), now_ns);
        assert_eq!(dispatch(&mut scheduler, now_ns), []);
        if let Some(due_ns) = scheduler.next_timer_ns() {
            assert!(due_ns >= now_ns + 500_000, "half of the back-off at least");
            scheduler.expire(due_ns - 1);
            assert_eq!(dispatch(&mut scheduler, due_ns - 1), []);
            now_ns = due_ns;
            scheduler.expire(now_ns);
        }
    }
    let end = ended(&mut scheduler, id);
    let error = end.error.unwrap();
    assert_eq!(
        (end.status, error.code),
        (RequestStatus::Error, ErrorCode::Timeout)
    );
    assert_eq!(
        (error.attempts, error.bytes_done, error.offset),
        (3, 300, Some(300))
    );
    assert_eq!(scheduler.figures().retries, 2);
}

#[test]
fn cancelling_ends_what_waits_at_once_and_what_is_in_flight_when_it_is_back() {
    let mut scheduler = scheduler(small());
    let waits = scheduler.submit(read(10), 0).unwrap();
    assert!(scheduler.cancel(waits, 0));
    let end = ended(&mut scheduler, waits);
    assert_eq!(end.error.unwrap().code, ErrorCode::Canceled);
    assert!(!scheduler.cancel(waits, 0));

    let bulk = scheduler.submit(read(5 * 4096), 0).unwrap();
    let slices = dispatch(&mut scheduler, 0);
    scheduler.cancel(bulk, 1);
    assert_eq!(scheduler.next_ended(), None);
    finish(&mut scheduler, &slices[0], 2);
    assert_eq!(
        (scheduler.next_ended(), dispatch(&mut scheduler, 2)),
        (None, vec![])
    );
    finish(&mut scheduler, &slices[1], 3);
    let end = ended(&mut scheduler, bulk);
    assert_eq!(
        (end.status, end.bytes_completed),
        (RequestStatus::Cancelled, 8192)
    );

    // While it waits to be tried again.
    let retried = scheduler.submit(read(10), 4).unwrap();
    let slices = dispatch(&mut scheduler, 4);
    complete(&mut scheduler, &slices[0], 0, network(), 4);
    scheduler.cancel(retried, 5);
    assert_eq!(
        ended(&mut scheduler, retried).status,
        RequestStatus::Cancelled
    );

    // Too late: everything was moved.
    let done = scheduler.submit(read(10), 6).unwrap();
    let slices = dispatch(&mut scheduler, 6);
    scheduler.cancel(done, 7);
    finish(&mut scheduler, &slices[0], 8);
    assert_eq!(ended(&mut scheduler, done).status, RequestStatus::Completed);
}

#[test]
fn an_event_orders_streams_and_tells_the_time() {
    let mut scheduler = scheduler(small());
    let event = scheduler.create_event().unwrap();
    let of_stream = |number| Request {
        stream: StreamId(number),
        ..read(10)
    };
    let first = scheduler.submit(of_stream(1), 0).unwrap();
    scheduler.record_event(StreamId(1), event, 0).unwrap();
    scheduler.wait_event(StreamId(2), event).unwrap();
    let second = scheduler.submit(of_stream(2), 0).unwrap();
    assert_eq!(scheduler.status(second), Some(RequestStatus::Pending));
    let slices = dispatch(&mut scheduler, 0);
    assert_eq!(slices.len(), 1);
    finish(&mut scheduler, &slices[0], 42);
    ended(&mut scheduler, first);
    assert_eq!(
        scheduler.event_state(event),
        Ok(EventState::Reached { at_ns: 42 })
    );
    assert_eq!(scheduler.status(second), Some(RequestStatus::Submitted));
}

#[test]
fn a_batch_fails_part_by_part() {
    let mut scheduler = scheduler(small());
    // Two neighbours, a duplicate of the first, one far away.
    let parts = vec![
        part(RequestKind::Read, 0, 100, 0),
        part(RequestKind::Read, 100, 100, 1000),
        part(RequestKind::Read, 0, 100, 2000),
        part(RequestKind::Read, 9000, 50, 3000),
    ];
    let id = scheduler.submit_batch(read(1), parts, 0).unwrap();
    assert_eq!(scheduler.batch_plan(id).unwrap().operations.len(), 2);
    let slices = dispatch(&mut scheduler, 0);
    let failure = Error::from_errno(5, "read", "the medium failed");
    complete(&mut scheduler, &slices[0], 120, Some(failure), 1);
    finish(&mut scheduler, &slices[1], 1);
    let end = ended(&mut scheduler, id);
    assert_eq!(end.status, RequestStatus::Error);
    let is_ok: Vec<bool> = end.parts.iter().map(Result::is_ok).collect();
    assert_eq!(is_ok, [true, false, true, true]);
    let error = end.parts[1].clone().unwrap_err();
    assert_eq!(
        (error.offset, error.bytes_done, error.os_error),
        (Some(120), 20, 5)
    );
}

/// Of resource 1, on `DEVICE`.
fn part(kind: RequestKind, offset: u64, length_bytes: u64, memory: u64) -> BatchPart {
    let way = (EngineKind::Localio, DEVICE);
    BatchPart::with_memory(kind, way, (RegionId(1), offset), memory, length_bytes)
}

#[test]
fn a_part_that_fails_takes_no_neighbour_with_it() {
    let mut scheduler = scheduler(small());
    // One operation: the second part lies over the ends of the others.
    let parts = vec![
        part(RequestKind::Read, 0, 100, 0),
        part(RequestKind::Read, 90, 120, 1000),
        part(RequestKind::Read, 200, 100, 2000),
    ];
    let id = scheduler.submit_batch(read(1), parts, 0).unwrap();
    let whole = dispatch(&mut scheduler, 0);
    assert_eq!((whole.len(), whole[0].length_bytes), (1, 300));
    // The engine does not say where it stopped; then each is tried alone.
    let failure = || Error::from_errno(5, "read", "the medium failed");
    complete(&mut scheduler, &whole[0], 0, Some(failure()), 1);
    let mut alone = Vec::new();
    while alone.len() < 5 {
        let slices = dispatch(&mut scheduler, 1);
        assert!(!slices.is_empty());
        for slice in slices {
            alone.push((slice.src_offset, slice.length_bytes));
            match slice.src_offset {
                100 => complete(&mut scheduler, &slice, 3, Some(failure()), 2),
                _ => finish(&mut scheduler, &slice, 2),
            }
        }
    }
    assert_eq!(alone, [(0, 90), (90, 10), (100, 100), (200, 10), (210, 90)]);
    let end = ended(&mut scheduler, id);
    let is_ok: Vec<bool> = end.parts.iter().map(Result::is_ok).collect();
    assert_eq!(is_ok, [true, false, true]);
    let error = end.parts[1].clone().unwrap_err();
    assert_eq!((error.offset, error.bytes_done), (Some(103), 23));
}

#[test]
fn parts_that_meet_go_out_in_the_order_of_the_list() {
    let mut scheduler = scheduler(small());
    let parts = vec![
        part(RequestKind::Write, 0, 100, 0),
        part(RequestKind::Read, 50, 100, 1000),
        part(RequestKind::Write, 100, 100, 2000),
        part(RequestKind::Write, 300, 100, 3000),
    ];
    let id = scheduler.submit_batch(read(1), parts, 0).unwrap();
    let mut rounds = Vec::new();
    while scheduler.status(id).is_some() {
        let slices = dispatch(&mut scheduler, 0);
        let look = |it: &Slice| (it.kind, it.src_offset.max(it.dst_offset));
        rounds.push(slices.iter().map(look).collect::<Vec<_>>());
        // Not even a transfer that stopped short lets the next ones go.
        complete(&mut scheduler, &slices[0], 1, None, 1);
        slices[1..]
            .iter()
            .for_each(|it| finish(&mut scheduler, it, 1));
        let rest = dispatch(&mut scheduler, 1);
        assert_eq!(rest.len(), 1);
        finish(&mut scheduler, &rest[0], 1);
    }
    let (read, write) = (RequestKind::Read, RequestKind::Write);
    assert_eq!(
        rounds,
        [
            vec![(write, 0), (write, 300)],
            vec![(read, 50)],
            vec![(write, 100)]
        ]
    );
    assert_eq!(ended(&mut scheduler, id).status, RequestStatus::Completed);
}

#[test]
fn a_batch_goes_from_one_device_to_the_next() {
    let options = SchedulerOptions {
        policy: SchedulerPolicy::Priority,
        devices: vec![small(), small()],
        adapts_limits: false,
        ..SchedulerOptions::default()
    };
    let mut scheduler = Scheduler::new(options).unwrap();
    let on = |device, memory| {
        let way = (EngineKind::Localio, DeviceId(device));
        BatchPart::with_memory(RequestKind::Read, way, (RegionId(device), 0), memory, 100)
    };
    let parts = vec![on(1, 0), on(0, 100), on(1, 200)];
    let id = scheduler.submit_batch(read(1), parts, 0).unwrap();
    for device in 0..2 {
        let slices = dispatch(&mut scheduler, 0);
        assert_eq!(slices.len(), 1);
        assert_eq!(
            (slices[0].device, slices[0].src),
            (DeviceId(device), RegionId(device))
        );
        finish(&mut scheduler, &slices[0], 1);
    }
    let end = ended(&mut scheduler, id);
    assert_eq!(
        (end.status, end.bytes_completed),
        (RequestStatus::Completed, 200)
    );
    let unknown = BatchPart {
        device: DeviceId(2),
        ..on(1, 0)
    };
    let refused = scheduler
        .submit_batch(read(1), vec![unknown], 0)
        .unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidArgument);
}

#[test]
fn a_deadline_that_cannot_be_met_is_refused_and_the_critical_are_served() {
    let mut scheduler = scheduler(DeviceLimits {
        depth: 1,
        bulk_depth: 1,
        ..small()
    });
    let mut ask = |deadline_us, criticality| {
        let qos = InferenceQos::new(deadline_us, 1000, criticality).unwrap();
        let request = Request {
            qos: Some(qos),
            class: RequestClass::InferenceRealtime,
            ..read(10)
        };
        scheduler.submit(request, 0)
    };
    let first = ask(2000, 0.5).unwrap();
    ask(2000, 0.5).unwrap();
    let refused = ask(2000, 0.5).unwrap_err();
    assert_eq!(refused.code, ErrorCode::Timeout);
    assert!(refused.message.contains("3000 us"), "{refused}");
    ask(2000, 0.9).unwrap();
    let end = ended(&mut scheduler, first);
    assert_eq!(end.error.unwrap().code, ErrorCode::Timeout);
    let figures = scheduler.figures().class(RequestClass::InferenceRealtime);
    assert_eq!((figures.refused, figures.shed), (1, 1));
}

#[test]
fn a_defective_engine_is_told_so() {
    let mut scheduler = scheduler(small());
    scheduler.submit(read(10), 0).unwrap();
    let slices = dispatch(&mut scheduler, 0);
    let mut complete = |bytes| {
        let outcome = Outcome { bytes, error: None };
        scheduler.complete(slices[0].id, outcome, 0, &mut || 0u64)
    };
    assert_eq!(complete(11).unwrap_err().code, ErrorCode::InvalidArgument);
    assert_eq!(complete(10), Ok(()));
    assert_eq!(complete(10).unwrap_err().code, ErrorCode::InvalidArgument);
}

#[test]
fn an_engine_that_gets_nowhere_is_an_error_and_not_a_loop() {
    let mut scheduler = scheduler(small());
    let id = scheduler.submit(read(10), 0).unwrap();
    let slices = dispatch(&mut scheduler, 0);
    complete(&mut scheduler, &slices[0], 0, None, 0);
    assert_eq!(ended(&mut scheduler, id).error.unwrap().code, ErrorCode::Io);
}

#[test]
fn after_shutting_down_nothing_is_accepted_and_everything_ends() {
    let mut scheduler = scheduler(small());
    for _ in 0..100 {
        scheduler.submit(read(9000), 0).unwrap();
    }
    let slices = dispatch(&mut scheduler, 0);
    scheduler.shut_down(1);
    assert_eq!(
        scheduler.submit(read(1), 1).unwrap_err().code,
        ErrorCode::Canceled
    );
    assert!(scheduler.request_count() <= slices.len());
    slices
        .iter()
        .for_each(|slice| finish(&mut scheduler, slice, 2));
    assert_eq!(scheduler.request_count(), 0);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut scheduler = scheduler(small());
    let mut refused = |request| scheduler.submit(request, 0).unwrap_err().code;
    let invalid = ErrorCode::InvalidArgument;
    assert_eq!(refused(read(0)), invalid);
    let kind = RequestKind::AtomicFetchAdd;
    assert_eq!(refused(Request { kind, ..read(4) }), invalid);
    let kind = RequestKind::Batch;
    assert_eq!(refused(Request { kind, ..read(4) }), invalid);
    let device = DeviceId(1);
    assert_eq!(refused(Request { device, ..read(4) }), invalid);
    let src_offset = u64::MAX;
    assert_eq!(
        refused(Request {
            src_offset,
            ..read(4)
        }),
        invalid
    );
    let options = |queued_max, devices| SchedulerOptions {
        queued_max,
        devices,
        ..SchedulerOptions::default()
    };
    assert!(options(0, vec![small()]).validate().is_err());
    assert!(options(1, vec![]).validate().is_err());
    assert!(options(1, vec![small(); 257]).validate().is_err());
}

#[test]
fn a_promoted_request_passes_what_it_stood_behind() {
    let mut scheduler = scheduler(DeviceLimits {
        depth: 1,
        bulk_depth: 1,
        ..small()
    });
    let background = Request {
        class: RequestClass::Background,
        ..read(4096)
    };
    let first = scheduler.submit(background, 0).unwrap();
    let other = scheduler.submit(read(4096), 0).unwrap();
    let wanted = scheduler.submit(background, 0).unwrap();
    let urgent = RequestClass::InferenceRealtime;
    assert!(scheduler.promote(wanted, urgent, 1));
    assert!(
        !scheduler.promote(wanted, urgent, 1),
        "it is as important already"
    );
    assert!(!scheduler.promote(wanted, RequestClass::Background, 1));
    let mut order = Vec::new();
    while let [slice] = dispatch(&mut scheduler, 2)[..] {
        order.push(slice.request);
        let all = Outcome {
            bytes: slice.length_bytes,
            error: None,
        };
        scheduler.complete(slice.id, all, 3, &mut || 0u64).unwrap();
    }
    assert_eq!(order, [wanted, other, first]);
    assert!(!scheduler.promote(first, urgent, 4), "it has ended");
    let class = |it| scheduler.figures().class(it).clone();
    assert_eq!((class(urgent).submitted, class(urgent).completed), (1, 1));
    let background = class(RequestClass::Background);
    assert_eq!((background.submitted, background.completed), (1, 1));
}

#[test]
fn the_rest_of_a_promoted_request_goes_on_urgently() {
    let mut scheduler = scheduler(DeviceLimits {
        depth: 1,
        bulk_depth: 1,
        ..small()
    });
    let background = Request {
        class: RequestClass::Background,
        ..read(8192)
    };
    let long = scheduler.submit(background, 0).unwrap();
    let [begun] = dispatch(&mut scheduler, 0)[..] else {
        panic!("one slot, one slice");
    };
    scheduler.submit(read(4096), 1).unwrap();
    assert!(scheduler.promote(long, RequestClass::InferenceRealtime, 2));
    let all = Outcome {
        bytes: 4096,
        error: None,
    };
    scheduler.complete(begun.id, all, 3, &mut || 0u64).unwrap();
    let next = dispatch(&mut scheduler, 4);
    assert_eq!(next[0].request, long);
}

#[test]
fn bulk_makes_room_where_urgent_requests_come() {
    let limits = DeviceLimits {
        depth: 16,
        bulk_depth: 8,
        slice_bytes: 1 << 20,
        batch_count: 1,
    };
    let bulk = Request {
        class: RequestClass::Background,
        ..read(32 << 20)
    };
    let urgent = Request {
        class: RequestClass::InferenceRealtime,
        ..read(4096)
    };
    let courtesy = CourtesyOptions::default();
    let mut scheduler = Scheduler::new(SchedulerOptions {
        policy: SchedulerPolicy::Priority,
        devices: vec![limits],
        courtesy: Some(courtesy),
        ..SchedulerOptions::default()
    })
    .unwrap();
    scheduler.submit(bulk, 0).unwrap();
    let before = dispatch(&mut scheduler, 0);
    assert_eq!(before.len(), 8);
    scheduler.submit(urgent, 1).unwrap();
    let slice = dispatch(&mut scheduler, 1);
    assert_eq!(slice.len(), 1);
    // No more bulk until all of it is back, and a short slice then.
    for slice in &before[..7] {
        finish(&mut scheduler, slice, 2);
        assert!(dispatch(&mut scheduler, 2).is_empty());
    }
    finish(&mut scheduler, &before[7], 3);
    let short = dispatch(&mut scheduler, 3);
    assert_eq!(short.len(), 1);
    assert_eq!(short[0].length_bytes, courtesy.least_bytes);
    finish(&mut scheduler, &slice[0], 4);
    // A while after the last urgent request everything is as it was.
    let later = 4_000_000_000;
    finish(&mut scheduler, &short[0], later);
    let after = dispatch(&mut scheduler, later);
    assert_eq!(after.len(), 8);
    assert!(after.iter().all(|it| it.length_bytes == 1 << 20));
}
