//! Random requests in streams against a model: streams work on parts of their own, in order.

use super::support::{at, context_with, pattern, Memory, Random, TestFile, LONG};
use gpuio_core::config::ConfigLayer;
use gpuio_core::scheduling::SchedulerPolicy;
use gpuio_runtime::requests::{
    Region, RequestClass, RequestSpec, RequestStatus, Requests, Stream, SubmitOptions,
};
use std::sync::Arc;

/// Bytes of each place that a stream has for itself.
const OWN: u64 = 300_000;
const STREAMS: u64 = 3;
const PLACES: usize = 5;

struct Model {
    /// What each place must hold.
    bytes: Vec<Vec<u8>>,
}

impl Model {
    fn copy(&mut self, (from, from_at): (usize, u64), (to, to_at): (usize, u64), length: u64) {
        let range = from_at as usize..(from_at + length) as usize;
        let moved = self.bytes[from][range].to_vec();
        self.bytes[to][to_at as usize..(to_at + length) as usize].copy_from_slice(&moved);
    }
}

struct World {
    requests: Arc<Requests>,
    places: Vec<Region>,
    streams: Vec<Stream>,
    model: Model,
}

impl World {
    /// Submits one copy within a stream's part.
    fn step(&mut self, random: &mut Random) -> gpuio_runtime::requests::RequestHandle {
        let stream = random.below(STREAMS);
        let from = random.below(PLACES as u64) as usize;
        let to = (from + 1 + random.below(PLACES as u64 - 1) as usize) % PLACES;
        let most = if random.below(4) == 0 { OWN } else { 5000 };
        let length = 1 + random.below(most);
        let mut offset = || stream * OWN + random.below(OWN - length + 1);
        let (from_at, to_at) = (offset(), offset());
        let options = SubmitOptions {
            stream: self.streams[stream as usize].id(),
            class: Some(RequestClass::ALL[random.below(6) as usize]),
            ..SubmitOptions::default()
        };
        let (source, target) = (at(&self.places[from], from_at), at(&self.places[to], to_at));
        // The memories are the first two; READ and WRITE where they fit, else COPY.
        let spec = match (from < 2, to < 2) {
            (false, true) => RequestSpec::read(source, target, length),
            (true, false) => RequestSpec::write(source, target, length),
            _ => RequestSpec::copy(source, target, length),
        };
        self.model.copy((from, from_at), (to, to_at), length);
        self.requests.submit(&spec.with(options)).unwrap()
    }
}

fn run(seed: u64, policy: SchedulerPolicy) {
    let context = context_with(ConfigLayer {
        scheduler_policy: Some(policy),
        ..ConfigLayer::default()
    });
    let requests = context.requests();
    let length = OWN * STREAMS;
    let start: Vec<Vec<u8>> = (0..PLACES as u64)
        .map(|k| pattern(k, length as usize))
        .collect();
    let memories = [0, 1].map(|k: usize| Memory::new(&requests, start[k].clone()));
    let file = TestFile::new(&start[2]);
    let array_file = TestFile::new(&start[3]);
    let array = context.open(&array_file.uri(), length, 1, true).unwrap();
    let memio = requests
        .open_resource("memio://cpu/dram", length, true)
        .unwrap();
    let places = vec![
        memories[0].region.clone(),
        memories[1].region.clone(),
        requests.open_resource(&file.uri(), 0, true).unwrap(),
        requests.register_array(&array).unwrap(),
        memio,
    ];
    let stream = |_| requests.create_stream(RequestClass::TrainingBw).unwrap();
    let mut world = World {
        streams: (0..STREAMS).map(stream).collect(),
        model: Model { bytes: start },
        requests: Arc::clone(&requests),
        places,
    };
    let filler = Memory::new(&requests, pattern(4, length as usize));
    let fill = RequestSpec::write(filler.at(0), at(&world.places[4], 0), length);
    super::support::complete(&requests.submit(&fill).unwrap());

    let mut random = Random(seed);
    let handles: Vec<_> = (0..400).map(|_| world.step(&mut random)).collect();
    for stream in &world.streams {
        stream.synchronize(LONG).unwrap();
    }
    for handle in &handles {
        let status = handle.status();
        assert_eq!(status, RequestStatus::Completed, "{:?}", handle.error());
    }
    for (k, memory) in memories.iter().enumerate() {
        assert!(
            memory.bytes() == world.model.bytes[k],
            "seed {seed}: memory {k}"
        );
    }
    assert!(file.bytes() == world.model.bytes[2], "seed {seed}: file");
    let mut bytes = vec![0; length as usize];
    context.read(&array, 0, &mut bytes).unwrap();
    assert!(bytes == world.model.bytes[3], "seed {seed}: array");
    let read = RequestSpec::read(at(&world.places[4], 0), filler.at(0), length);
    super::support::complete(&requests.submit(&read).unwrap());
    assert!(filler.bytes() == world.model.bytes[4], "seed {seed}: memio");
    for place in &world.places {
        assert!(place.release(LONG));
    }
    context.close(&array).unwrap();
    assert!(
        array_file.bytes() == world.model.bytes[3],
        "seed {seed}: the array's file"
    );
}

#[test]
fn random_requests_leave_what_the_model_says() {
    for (seed, policy) in SchedulerPolicy::ALL.into_iter().cycle().take(8).enumerate() {
        run(seed as u64, policy);
    }
}
