//! Order where transfers come back in any order, stop short and are tried again: what streams and
//! batches leave is what a model leaves that does one thing after the other.

use super::{moving, Queues, Traffic, DISK, SLICE};
use crate::traffic::tests::engine::FakeEngine;
use gpuio_core::scheduling::batch::BatchPart;
use gpuio_core::scheduling::retry::RetryPolicy;
use gpuio_core::scheduling::{
    DeviceLimits, EngineKind, RegionId, Request, RequestClass, RequestKind, RequestStatus,
    SchedulerOptions, SchedulerPolicy, StreamId,
};
use gpuio_core::{Error, ErrorCode};
use gpuio_engines::engine::TransferKind;

/// What the test leaves out, to see that it would be noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LeftOut {
    Nothing,
    Streams,
    /// The parts of a batch are batches of their own, in no stream.
    OrderOfParts,
}

const STREAMS: u64 = 3;
/// Bytes of the disk that belong to one stream.
const OWN: u64 = 16_384;

fn traffic(policy: SchedulerPolicy) -> Traffic<FakeEngine, ()> {
    let limits = DeviceLimits {
        depth: 6,
        bulk_depth: 3,
        slice_bytes: SLICE,
        batch_count: 1,
    };
    let options = SchedulerOptions {
        policy,
        adapts_limits: false,
        // Nothing is given up here.
        retry: RetryPolicy {
            max_retries: 1000,
            total_deadline_us: u64::MAX / 2000,
            ..RetryPolicy::default()
        },
        ..SchedulerOptions::default()
    };
    let mut traffic = Traffic::new(
        FakeEngine::new(4),
        Queues::new(limits, limits, limits),
        options,
    )
    .unwrap();
    let disk = (0..STREAMS * OWN).map(|at| (at * 7) as u8).collect();
    traffic.engine.disk = Some(disk);
    traffic
}

struct Run {
    traffic: Traffic<FakeEngine, ()>,
    left_out: LeftOut,
    /// A piece for each request or part, and what it must hold in the end.
    memory: Vec<(Vec<u8>, Vec<u8>)>,
    disk: Vec<u8>,
    started: usize,
    now_ns: u64,
    state: u64,
}

impl Run {
    fn below(&mut self, bound: u64) -> u64 {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.state >> 33) % bound
    }

    /// A read or a write within the stream's bytes, done in the model: kind, offset, memory.
    fn any(&mut self, stream: u64) -> (RequestKind, u64, usize) {
        let length = match self.below(4) {
            0 => 1 + self.below(OWN),
            _ => 1 + self.below(1000),
        };
        let offset = stream * OWN + self.below((OWN - length).min(2000) + 1);
        let range = offset as usize..(offset + length) as usize;
        let byte = self.below(256) as u8;
        let memory = vec![byte; length as usize];
        let (kind, expected) = match self.below(2) {
            0 => {
                self.disk[range].copy_from_slice(&memory);
                (RequestKind::Write, memory.clone())
            }
            _ => (RequestKind::Read, self.disk[range].to_vec()),
        };
        self.memory.push((memory, expected));
        (kind, offset, self.memory.len() - 1)
    }

    fn request(&mut self, kind: RequestKind, stream: u64, offset: u64, length: u64) -> Request {
        let class = RequestClass::ALL[self.below(6) as usize];
        let request = super::request(kind, 0, offset, length);
        let stream = match self.left_out {
            LeftOut::Streams => StreamId::NONE,
            _ => StreamId(stream as u32 + 1),
        };
        Request {
            stream,
            class,
            ..request
        }
    }

    fn start(&mut self) {
        let stream = self.below(STREAMS);
        if self.below(4) == 0 {
            return self.start_batch(stream);
        }
        let (kind, offset, place) = self.any(stream);
        let way = match kind {
            RequestKind::Write => TransferKind::Write,
            _ => TransferKind::Read,
        };
        let length = self.memory[place].0.len() as u64;
        let request = self.request(kind, stream, offset, length);
        let work = moving(way, &mut self.memory[place].0);
        self.started += 1;
        let started = self.traffic.start(request, work, (), self.now_ns);
        started.map_err(|(_, error)| error).unwrap();
    }

    fn start_batch(&mut self, stream: u64) {
        let parts: Vec<BatchPart> = (0..1 + self.below(8))
            .map(|_| {
                let (kind, offset, place) = self.any(stream);
                let memory = &mut self.memory[place].0;
                let (way, there) = ((EngineKind::Localio, DISK), (RegionId(0), offset));
                let (address, length) = (memory.as_mut_ptr() as u64, memory.len() as u64);
                BatchPart::with_memory(kind, way, there, address, length)
            })
            .collect();
        let request = self.request(RequestKind::Batch, stream, 0, 1);
        let (request, batches) = match self.left_out {
            LeftOut::OrderOfParts => {
                let stream = StreamId::NONE;
                (
                    Request { stream, ..request },
                    parts.chunks(1).map(Vec::from).collect(),
                )
            }
            _ => (request, vec![parts]),
        };
        for parts in batches {
            self.started += 1;
            let started = self.traffic.start_batch(request, parts, (), self.now_ns);
            started.map_err(|(_, error)| error).unwrap();
        }
    }

    /// Ends a transfer, any; half of them before they have moved everything.
    fn end_one(&mut self) {
        let held = self.traffic.engine.held.len() as u64;
        if held == 0 {
            return;
        }
        let place = self.below(held) as usize;
        let memory = &self.traffic.engine.held[place].memory;
        let total: usize = memory.iter().map(|it| it.length_bytes).sum();
        let bytes = self.below(total as u64);
        let later = Error::new(ErrorCode::Busy, "test", "later");
        let error = (self.below(2) == 0).then_some(later);
        self.traffic.engine.end(place, bytes, error);
    }
}

fn run(seed: u64, left_out: LeftOut) -> Result<(), String> {
    let policies = SchedulerPolicy::ALL;
    let traffic = traffic(policies[seed as usize % policies.len()]);
    let mut run = Run {
        disk: traffic.engine.disk.clone().unwrap(),
        traffic,
        left_out,
        memory: Vec::new(),
        started: 0,
        now_ns: 0,
        state: seed,
    };
    let mut ended = 0;
    for step in 0..100_000 {
        run.now_ns += run.below(1_000_000);
        match step < 200 && run.below(2) == 0 {
            true => run.start(),
            false => run.end_one(),
        }
        run.traffic.pump(run.now_ns);
        while let Some(done) = run.traffic.next_ended() {
            ended += 1;
            assert_eq!(done.status, RequestStatus::Completed, "{:?}", done.error);
        }
        if step >= 200 && ended == run.started {
            break;
        }
    }
    assert_eq!(ended, run.started, "seed {seed}");
    if run.traffic.engine.disk.as_ref() != Some(&run.disk) {
        return Err("the disk".into());
    }
    let is_right = run.memory.iter().all(|(found, expected)| found == expected);
    is_right.then_some(()).ok_or("what was read".into())
}

#[test]
fn streams_and_batches_keep_their_order_when_transfers_are_tried_again() {
    for seed in 0..80 {
        run(seed, LeftOut::Nothing).unwrap_or_else(|what| panic!("seed {seed}: {what}"));
    }
}

#[test]
fn what_is_left_out_is_noticed() {
    for left_out in [LeftOut::Streams, LeftOut::OrderOfParts] {
        let is_noticed = (0..80).any(|seed| run(seed, left_out).is_err());
        assert!(is_noticed, "{left_out:?}");
    }
}
