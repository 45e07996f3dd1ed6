//! Traffic over an engine that does what a test wants. `random` mixes everything and plants bugs;
//! `ordering` compares what is left with what one thing after the other would leave.

mod engine;
mod ordering;
mod random;

use self::engine::{byte_of, FakeEngine};
use super::{Errand, Purpose, Queues, Traffic, Work, ARRAYS};
use gpuio_core::scheduling::batch::{BatchPart, BatchPlace, Space};
use gpuio_core::scheduling::retry::RetryPolicy;
use gpuio_core::scheduling::{
    DeviceId, DeviceLimits, EngineKind, RegionId, Request, RequestClass, RequestKind,
    RequestStatus, SchedulerOptions, SchedulerPolicy, StreamId,
};
use gpuio_core::{Error, ErrorCode};
use gpuio_engines::engine::{MemorySpan, ResourceId, TransferKind};

const DISK: DeviceId = DeviceId(3);
const SLICE: u64 = 4096;

impl Purpose for () {}
impl Purpose for usize {}
impl Purpose for &str {}

fn traffic<P: Purpose>(capacity: usize, depth: u32) -> Traffic<FakeEngine, P> {
    let limits = DeviceLimits {
        depth,
        bulk_depth: depth.div_ceil(2),
        slice_bytes: SLICE,
        batch_count: 1,
    };
    let options = SchedulerOptions {
        policy: SchedulerPolicy::Priority,
        adapts_limits: false,
        retry: RetryPolicy {
            max_retries: 2,
            ..RetryPolicy::default()
        },
        ..SchedulerOptions::default()
    };
    let queues = Queues::new(limits, limits, limits);
    Traffic::new(FakeEngine::new(capacity), queues, options).unwrap()
}

fn request(kind: RequestKind, resource: u32, offset: u64, length_bytes: u64) -> Request {
    Request {
        kind,
        engine: EngineKind::Localio,
        device: DISK,
        src: RegionId(resource),
        dst: RegionId(resource),
        src_offset: offset,
        dst_offset: offset,
        length_bytes,
        stream: StreamId::NONE,
        class: RequestClass::TrainingFw,
        qos: None,
        user_data: 0,
    }
}

fn whole(memory: &mut [u8]) -> Work {
    moving(TransferKind::Read, memory)
}

fn moving(kind: TransferKind, memory: &mut [u8]) -> Work {
    Work::Transfer(
        kind,
        vec![MemorySpan {
            address: memory.as_mut_ptr() as usize,
            length_bytes: memory.len(),
            capacity_bytes: memory.len(),
        }],
    )
}

/// Pumps, ending everything, until nothing moves.
fn run_dry<P: Purpose>(traffic: &mut Traffic<FakeEngine, P>, now_ns: u64) {
    traffic.pump(now_ns);
    while traffic.in_flight() > 0 {
        traffic.engine.end_all();
        traffic.pump(now_ns);
    }
}

#[test]
fn a_long_read_goes_out_in_slices_with_one_submission_and_comes_back_whole() {
    let mut traffic = traffic(64, 4);
    let mut memory = vec![0; 10_000];
    let read = request(RequestKind::Read, 3, 5000, 10_000);
    traffic.start(read, whole(&mut memory), "it", 0).unwrap();
    assert!(traffic.pump(0));
    assert_eq!(traffic.engine.held.len(), 2, "bulk has two slots");
    assert_eq!(traffic.engine.submissions, 1);
    run_dry(&mut traffic, 1);
    let done = traffic.next_ended().unwrap();
    assert_eq!(
        (done.purpose, done.status),
        ("it", RequestStatus::Completed)
    );
    let expected: Vec<u8> = (5000..15_000)
        .map(|at| byte_of(ResourceId(3), at))
        .collect();
    assert_eq!(memory, expected);
    assert_eq!(traffic.count(), 0);
}

#[test]
fn what_the_engine_hands_back_is_queued_when_it_has_room() {
    let mut traffic = traffic(2, 8);
    let mut memory = vec![vec![0u8; 512]; 20];
    for (k, memory) in memory.iter_mut().enumerate() {
        let read = request(RequestKind::Read, 1, 512 * k as u64, 512);
        traffic.start(read, whole(memory), k, 0).unwrap();
    }
    traffic.pump(0);
    assert_eq!((traffic.engine.held.len(), traffic.backlog.len()), (2, 6));
    while traffic.count() > 0 {
        traffic.engine.end(0, 0, None);
        traffic.pump(1);
        assert!(traffic.backlog.len() <= 8, "no more than the depth");
    }
    for (k, memory) in memory.iter().enumerate() {
        assert_eq!(traffic.next_ended().map(|it| it.purpose), Some(k));
        assert_eq!(memory[7], byte_of(ResourceId(1), 512 * k as u64 + 7));
    }
}

#[test]
fn an_urgent_transfer_passes_the_backlog() {
    let mut traffic = traffic(1, 8);
    let mut memory = vec![vec![0u8; 512]; 4];
    for (k, memory) in memory.iter_mut().enumerate() {
        let class = match k {
            3 => RequestClass::InferenceRealtime,
            _ => RequestClass::TrainingBw,
        };
        let read = request(RequestKind::Read, 1, 512 * k as u64, 512);
        traffic
            .start(Request { class, ..read }, whole(memory), k, 0)
            .unwrap();
        traffic.pump(0);
    }
    let mut order = Vec::new();
    while traffic.count() > 0 {
        traffic.engine.end(0, 0, None);
        traffic.pump(1);
        order.extend(traffic.next_ended().map(|it| it.purpose));
    }
    assert_eq!(order, [0, 3, 1, 2]);
}

#[test]
fn errors_that_can_pass_are_tried_again_in_time_and_others_are_not() {
    let mut traffic = traffic(8, 4);
    let mut memory = vec![0; 512];
    let start = |traffic: &mut Traffic<_, _>, memory: &mut [u8]| {
        let write = request(RequestKind::Write, 1, 100, 512);
        let write = Request {
            src_offset: 0,
            ..write
        };
        traffic
            .start(write, moving(TransferKind::Write, memory), (), 0)
            .unwrap();
        traffic.pump(0);
    };
    let busy = || Error::new(ErrorCode::Busy, "write", "later");
    start(&mut traffic, &mut memory);
    traffic.engine.end(0, 200, Some(busy()));
    traffic.pump(10);
    assert!(traffic.engine.held.is_empty(), "not before its time");
    let due_ns = traffic.next_timer_ns().unwrap();
    traffic.pump(due_ns);
    assert_eq!(traffic.engine.held[0].offset, 300, "only the rest");
    traffic.engine.end(0, 0, None);
    traffic.pump(due_ns);
    assert_eq!(traffic.next_ended().unwrap().result(), Ok(()));

    start(&mut traffic, &mut memory);
    let broken = Error::from_errno(5, "write", "the medium failed");
    traffic.engine.end(0, 200, Some(broken));
    traffic.pump(20);
    let error = traffic.next_ended().unwrap().error.unwrap();
    assert_eq!((error.code, error.os_error), (ErrorCode::Io, 5));
    assert_eq!((error.bytes_done, error.offset), (200, Some(300)));
}

#[test]
fn a_cancelled_errand_ends_when_its_slices_are_back() {
    let mut traffic = traffic(8, 4);
    let mut memory = vec![0; 9000];
    let read = request(RequestKind::Read, 1, 0, 9000);
    let errand = traffic.start(read, whole(&mut memory), (), 0).unwrap();
    traffic.pump(0);
    assert!(traffic.cancel(errand, 1));
    assert!(traffic.next_ended().is_none());
    assert!(traffic.purpose(errand).is_some());
    traffic.engine.end_all();
    traffic.pump(2);
    let done = traffic.next_ended().unwrap();
    assert_eq!(
        (done.status, done.bytes_completed),
        (RequestStatus::Cancelled, 8192)
    );
    assert!(!traffic.cancel(errand, 3));
    assert!(traffic.engine.held.is_empty());
}

#[test]
fn a_sync_follows_the_writes_before_it_and_not_those_after() {
    let mut traffic = traffic(8, 8);
    let mut memory = vec![0; 512];
    let write = |traffic: &mut Traffic<_, _>, memory: &mut [u8], resource| {
        let write = request(RequestKind::Write, resource, 0, 512);
        traffic
            .start(write, moving(TransferKind::Write, memory), "write", 0)
            .unwrap();
    };
    write(&mut traffic, &mut memory, 1);
    write(&mut traffic, &mut memory, 2);
    traffic.sync(ResourceId(1), "sync");
    write(&mut traffic, &mut memory, 1);
    traffic.pump(0);
    let held = |traffic: &Traffic<FakeEngine, _>| -> Vec<_> {
        traffic
            .engine
            .held
            .iter()
            .map(|it| (it.kind, it.resource.0))
            .collect()
    };
    use TransferKind::{Sync, Write};
    assert_eq!(held(&traffic), [(Write, 1), (Write, 2), (Write, 1)]);
    traffic.engine.end(2, 0, None);
    traffic.pump(1);
    assert_eq!(
        held(&traffic),
        [(Write, 1), (Write, 2)],
        "the one before is out"
    );
    traffic.engine.end(0, 0, None);
    traffic.pump(2);
    assert_eq!(held(&traffic), [(Write, 2), (Sync, 1)]);
    assert_eq!(traffic.count(), 2);
    traffic.engine.end_all();
    traffic.pump(3);
    let ended: Vec<_> = std::iter::from_fn(|| traffic.next_ended()).collect();
    assert_eq!(ended.last().map(|it| it.purpose), Some("sync"));
    assert_eq!(ended.len(), 4);
}

/// A read, whose memory is still to be set.
fn part(resource: u32, offset: u64, length_bytes: u64) -> BatchPart {
    let (way, there) = ((EngineKind::Localio, DISK), (RegionId(resource), offset));
    BatchPart::with_memory(RequestKind::Read, way, there, 0, length_bytes)
}

/// Memory for each part.
fn memory_of(parts: &mut [BatchPart]) -> Vec<Vec<u8>> {
    let memory = parts.iter_mut().map(|part| {
        let mut memory = vec![0; part.length_bytes as usize];
        part.dst.first = memory.as_mut_ptr() as u64;
        memory
    });
    memory.collect()
}

#[test]
fn a_batch_reads_neighbours_together_and_shared_bytes_once() {
    let mut traffic = traffic(64, 8);
    let mut parts = [
        part(1, 0, 1000),
        part(1, 500, 1000),
        part(1, 500, 1000),
        part(1, 1500, 10),
        part(2, 0, 10),
        part(1, 100, 1),
    ];
    let memory = memory_of(&mut parts);
    let batch = request(RequestKind::Batch, 0, 0, 1);
    traffic.start_batch(batch, parts.to_vec(), (), 0).unwrap();
    traffic.pump(0);
    assert_eq!(traffic.engine.held.len(), 2);
    run_dry(&mut traffic, 1);
    let done = traffic.next_ended().unwrap();
    assert_eq!(
        (done.status, done.bytes_completed),
        (RequestStatus::Completed, 1520)
    );
    assert_eq!(done.parts, [const { Ok(()) }; 6]);
    for (part, memory) in parts.iter().zip(&memory) {
        let byte = |k| byte_of(ResourceId(part.resource().0), part.offset() + k as u64);
        assert!(
            memory.iter().enumerate().all(|(k, it)| *it == byte(k)),
            "{part:?}"
        );
    }
}

#[test]
fn of_a_batch_only_the_parts_fail_whose_bytes_are_lost() {
    let mut traffic = traffic(64, 8);
    let mut parts = vec![part(1, 0, 100), part(1, 100, 100), part(1, 50, 100)];
    let memory = memory_of(&mut parts);
    let batch = request(RequestKind::Batch, 0, 0, 1);
    traffic.start_batch(batch, parts, (), 0).unwrap();
    traffic.pump(0);
    let end = || Error::new(ErrorCode::Io, "read", "the file ends here");
    traffic.engine.end(0, 120, Some(end()));
    traffic.pump(1);
    // What is left is tried again part by part, and is not there either.
    assert_eq!(traffic.engine.held.len(), 2);
    while !traffic.engine.held.is_empty() {
        traffic.engine.end(0, 0, Some(end()));
        traffic.pump(2);
    }
    let done = traffic.next_ended().unwrap();
    assert_eq!(done.status, RequestStatus::Error);
    assert_eq!(done.parts[0], Ok(()));
    let error = done.parts[1].clone().unwrap_err();
    assert_eq!((error.offset, error.bytes_done), (Some(120), 20));
    assert_eq!(done.parts[2].clone().unwrap_err().bytes_done, 70);
    let byte = |at| byte_of(ResourceId(1), at);
    assert_eq!(
        (memory[0][99], memory[1][19], memory[2][69]),
        (byte(99), byte(119), byte(119))
    );
}

#[test]
fn the_owner_carries_slices_out() {
    let mut traffic = traffic(8, 4);
    let copy = request(RequestKind::Copy, 1, 0, SLICE + 10);
    let copy = Request {
        device: ARRAYS,
        ..copy
    };
    traffic.start(copy, Work::Elsewhere, "copy", 0).unwrap();
    traffic.pump(0);
    let slices: Vec<_> = std::iter::from_fn(|| traffic.next_elsewhere()).collect();
    assert_eq!(slices.len(), 2);
    for slice in slices {
        assert!(!traffic.has_ended());
        assert_eq!(traffic.purpose_of(&slice), Some(&"copy"));
        traffic.complete(slice.id, slice.length_bytes, None, 3);
    }
    assert_eq!(
        traffic.next_ended().unwrap().status,
        RequestStatus::Completed
    );
}

#[test]
fn names_of_errands_are_not_used_again() {
    let mut traffic = traffic(8, 4);
    let mut memory = vec![0; 512];
    let mut seen: Vec<Errand> = Vec::new();
    for _ in 0..3 {
        let read = request(RequestKind::Read, 1, 0, 512);
        let errand = traffic.start(read, whole(&mut memory), (), 0).unwrap();
        assert!(!seen.contains(&errand));
        seen.push(errand);
        run_dry(&mut traffic, 0);
        assert!(traffic.next_ended().is_some());
        assert_eq!(traffic.progress(errand), None);
    }
}

/// Of an array, from its byte 5 on, over the memory of another part.
fn copy_over(part: &BatchPart, length_bytes: u64) -> BatchPart {
    BatchPart {
        kind: RequestKind::Copy,
        engine: EngineKind::Memio,
        device: ARRAYS,
        src: BatchPlace {
            space: Space::Array(7),
            first: 5,
        },
        dst: part.dst,
        length_bytes,
    }
}

#[test]
fn copies_of_a_batch_are_the_owners_and_have_their_turn() {
    let mut traffic = traffic(64, 8);
    let mut parts = vec![part(1, 0, 10_000), part(1, 500, 100)];
    let memory = memory_of(&mut parts);
    parts.insert(1, copy_over(&parts[0], 10_000));
    let batch = request(RequestKind::Batch, 0, 0, 1);
    traffic.start_batch(batch, parts, (), 0).unwrap();
    traffic.pump(0);
    assert!(
        traffic.next_elsewhere().is_none(),
        "what it writes over is being read"
    );
    while !traffic.engine.held.is_empty() {
        traffic.engine.end_all();
        traffic.pump(1);
    }
    let mut found = Vec::new();
    let lost = || Error::new(ErrorCode::Io, "copy", "these bytes are lost");
    while let Some(slice) = traffic.next_elsewhere() {
        let (index, at) = traffic.part_of(&slice).unwrap();
        assert_eq!((index, slice.src_offset), (1, 5 + at));
        found.push(at..at + slice.length_bytes);
        let error = (at > 0).then(lost);
        let bytes = if at > 0 { 10 } else { slice.length_bytes };
        traffic.complete(slice.id, bytes, error, 2);
        traffic.pump(2);
    }
    assert_eq!(found, [0..4091, 4091..8187, 8187..10_000]);
    let done = traffic.next_ended().unwrap();
    assert_eq!(
        (done.status, done.bytes_completed),
        (RequestStatus::Error, 10_000 + 4111)
    );
    let error = done.parts[1].clone().unwrap_err();
    assert_eq!((error.offset, error.bytes_done), (Some(5 + 4101), 4111));
    assert!(done.parts[0].is_ok() && done.parts[2].is_ok());
    drop(memory);
}

#[test]
fn a_cancelled_batch_ends_when_its_copies_are_back() {
    let mut traffic = traffic(64, 8);
    let mut parts = vec![part(1, 0, 100)];
    let memory = memory_of(&mut parts);
    parts[0] = copy_over(&parts[0], 100);
    let batch = request(RequestKind::Batch, 0, 0, 1);
    let errand = traffic.start_batch(batch, parts, (), 0);
    let errand = errand.map_err(|(_, error)| error).unwrap();
    traffic.pump(0);
    let slice = traffic.next_elsewhere().unwrap();
    assert!(traffic.cancel(errand, 1));
    assert!(traffic.next_ended().is_none(), "its memory is in use");
    traffic.complete(slice.id, 0, None, 2);
    let done = traffic.next_ended().unwrap();
    assert_eq!(done.status, RequestStatus::Cancelled);
    assert_eq!(done.parts[0].clone().unwrap_err().code, ErrorCode::Canceled);
    drop(memory);
}
