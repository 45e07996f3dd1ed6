//! What the tests share: one device, its requests and what an engine does.

use gpuio_core::scheduling::retry::RetryPolicy;
use gpuio_core::scheduling::{
    DeviceId, DeviceLimits, Ended, EngineKind, Outcome, RegionId, Request, RequestClass, RequestId,
    RequestKind, Scheduler, SchedulerOptions, SchedulerPolicy, Slice, StreamId,
};
use gpuio_core::{Error, ErrorCode};

pub const DEVICE: DeviceId = DeviceId(0);

pub fn with_policy(policy: SchedulerPolicy, limits: DeviceLimits) -> Scheduler {
    Scheduler::new(SchedulerOptions {
        policy,
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

pub fn scheduler(limits: DeviceLimits) -> Scheduler {
    with_policy(SchedulerPolicy::Adaptive, limits)
}

pub fn small() -> DeviceLimits {
    DeviceLimits {
        depth: 4,
        bulk_depth: 2,
        slice_bytes: 4096,
        batch_count: 1,
    }
}

pub fn one_slot() -> DeviceLimits {
    DeviceLimits {
        depth: 1,
        bulk_depth: 1,
        ..small()
    }
}

pub fn read(length_bytes: u64) -> Request {
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

pub fn dispatch(scheduler: &mut Scheduler, now_ns: u64) -> Vec<Slice> {
    let mut slices = Vec::new();
    while let Some(device) = scheduler.next_device() {
        scheduler.dispatch(device, now_ns, &mut slices);
    }
    slices
}

pub fn complete(
    scheduler: &mut Scheduler,
    slice: &Slice,
    bytes: u64,
    error: Option<Error>,
    now: u64,
) {
    let outcome = Outcome { bytes, error };
    let done = scheduler.complete(slice.id, outcome, now, &mut || 0u64);
    assert_eq!(done, Ok(()));
}

pub fn finish(scheduler: &mut Scheduler, slice: &Slice, now_ns: u64) {
    complete(scheduler, slice, slice.length_bytes, None, now_ns);
}

pub fn ended(scheduler: &mut Scheduler, id: RequestId) -> Ended {
    let ended = scheduler.next_ended().expect("a request has ended");
    assert_eq!((ended.id, scheduler.status(id)), (id, None));
    ended
}

pub fn network() -> Option<Error> {
    Some(Error::new(ErrorCode::Network, "read", "the peer went away"))
}
