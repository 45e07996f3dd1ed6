//! Who goes first: slices, deadlines, promotion, bulk beside urgent requests.

use super::support::{dispatch, ended, finish, one_slot, read, scheduler, small};
use gpuio_core::scheduling::{
    CourtesyOptions, DeviceLimits, InferenceQos, Request, RequestClass, Scheduler,
    SchedulerOptions, SchedulerPolicy,
};
use gpuio_core::ErrorCode;

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
fn a_deadline_that_cannot_be_met_is_refused_and_the_critical_are_served() {
    let mut scheduler = scheduler(one_slot());
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
fn a_promoted_request_passes_what_it_stood_behind() {
    let mut scheduler = scheduler(one_slot());
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
        finish(&mut scheduler, &slice, 3);
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
    let mut scheduler = scheduler(one_slot());
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
    finish(&mut scheduler, &begun, 3);
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
