//! Batches: their parts fail and go out one by one.

use super::support::{complete, dispatch, ended, finish, read, scheduler, small, DEVICE};
use gpuio_core::scheduling::batch::BatchPart;
use gpuio_core::scheduling::{
    DeviceId, EngineKind, RegionId, RequestKind, RequestStatus, Scheduler, SchedulerOptions,
    SchedulerPolicy, Slice,
};
use gpuio_core::{Error, ErrorCode};

/// Of resource 1, on `DEVICE`.
fn part(kind: RequestKind, offset: u64, length_bytes: u64, memory: u64) -> BatchPart {
    let way = (EngineKind::Localio, DEVICE);
    BatchPart::with_memory(kind, way, (RegionId(1), offset), memory, length_bytes)
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
