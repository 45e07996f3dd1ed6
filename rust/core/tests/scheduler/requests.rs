//! From submission to the end: states, retries, cancelling, events, shutting down.

use super::support::{complete, dispatch, ended, finish, network, read, scheduler, small};
use gpuio_core::scheduling::{
    DeviceId, EventState, Outcome, Request, RequestClass, RequestKind, RequestStatus,
    SchedulerOptions, StreamId,
};
use gpuio_core::ErrorCode;

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
