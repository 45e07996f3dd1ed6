//! A million queued requests fit in the memory that is promised, as the system counts it.

use gpuio_core::scheduling::scheduler::QUEUED_REQUEST_BYTES;
use gpuio_core::scheduling::{
    DeviceId, DeviceLimits, EngineKind, RegionId, Request, RequestClass, RequestKind, Scheduler,
    SchedulerOptions, StreamId,
};
use gpuio_core::ErrorCode;

const COUNT: usize = 1_000_000;

/// Bytes of this process that are in memory; `None` where there is no /proc.
fn resident_bytes() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4096)
}

fn request(index: usize) -> Request {
    Request {
        kind: RequestKind::Read,
        engine: EngineKind::Localio,
        device: DeviceId(0),
        src: RegionId(0),
        dst: RegionId(1),
        src_offset: index as u64 * 4096,
        dst_offset: 0,
        length_bytes: 4096,
        // Half of them wait in streams, half at the device.
        stream: StreamId((index % 2 * (1 + index % 64)) as u32),
        class: RequestClass::ALL[index % 6],
        qos: None,
        user_data: 0,
    }
}

#[test]
fn a_million_requests_fit() {
    let before = resident_bytes();
    let mut scheduler = Scheduler::new(SchedulerOptions {
        devices: vec![DeviceLimits::default()],
        queued_max: COUNT,
        ..SchedulerOptions::default()
    })
    .unwrap();
    for index in 0..COUNT {
        scheduler.submit(request(index), index as u64).unwrap();
    }
    let refused = scheduler.submit(request(0), COUNT as u64).unwrap_err();
    assert_eq!(refused.code, ErrorCode::Busy);
    assert_eq!(scheduler.request_count(), COUNT);

    let counted = scheduler.memory_bytes();
    println!("{} bytes a request by its own count", counted / COUNT);
    assert!(counted <= COUNT * QUEUED_REQUEST_BYTES, "{counted}");
    if let Some((before, after)) = before.zip(resident_bytes()) {
        let grown = after - before;
        println!("{} bytes a request by the system's", grown / COUNT);
        // A sanitizer keeps shadows of memory beside it.
        let is_plain = option_env!("RUSTFLAGS").is_none_or(|it| !it.contains("sanitizer"));
        assert!(
            !is_plain || grown <= COUNT * QUEUED_REQUEST_BYTES,
            "{grown}"
        );
    }
}
