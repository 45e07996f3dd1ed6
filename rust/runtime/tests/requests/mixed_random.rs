//! Random batches between all kinds of places, in a stream with other requests, against a model
//! that does one part after the other.

use super::support::{at, complete, context_with, pattern, Memory, Random, TestFile, LONG};
use gpuio_core::config::ConfigLayer;
use gpuio_core::scheduling::SchedulerPolicy;
use gpuio_runtime::requests::{
    BatchPart, Region, RegionKind, RequestClass, RequestKind, RequestSpec, Requests, SubmitOptions,
};
use gpuio_runtime::{ArrayHandle, Context};
use std::sync::Arc;

/// Bytes of each place: more than a slice.
const LENGTH: u64 = 400_000;
/// Where the memory that is registered twice begins for the second time.
const AGAIN: u64 = 1000;

struct Place {
    region: Region,
    /// Which bytes of the model it names, and from where on.
    model: usize,
    base: u64,
}

struct World {
    context: Arc<Context>,
    requests: Arc<Requests>,
    places: Vec<Place>,
    arrays: Vec<ArrayHandle>,
    model: Vec<Vec<u8>>,
    random: Random,
    _files: Vec<TestFile>,
    _memories: Vec<Memory>,
}

impl World {
    /// A memory, a part of it again, another one as memory of the device, a file, two arrays, one
    /// that is pinned, memio.
    fn new(seed: u64, policy: SchedulerPolicy) -> Self {
        let context = context_with(ConfigLayer {
            scheduler_policy: Some(policy),
            ..ConfigLayer::default()
        });
        let requests = context.requests();
        let bytes: Vec<Vec<u8>> = (0..7).map(|k| pattern(k, LENGTH as usize)).collect();
        let memories: Vec<_> = (0..2)
            .map(|k| Memory::new(&requests, bytes[k].clone()))
            .collect();
        let files: Vec<_> = (2..6).map(|k| TestFile::new(&bytes[k])).collect();
        let open = |k: usize, how: &str| {
            let uri = format!("{}{how}", files[k].uri());
            context.open(&uri, LENGTH, 1, true).unwrap()
        };
        let arrays = vec![open(1, ""), open(2, ""), open(3, "?policy=pinned")];
        let memio = requests
            .open_resource("memio://cpu/dram", LENGTH, true)
            .unwrap();
        let filler = Memory::new(&requests, bytes[6].clone());
        let fill = RequestSpec::write(filler.at(0), at(&memio, 0), LENGTH);
        complete(&requests.submit(&fill).unwrap());
        let mut places = vec![
            (memories[0].region.clone(), 0, 0),
            (memories[0].again(&requests, AGAIN), 0, AGAIN),
            (memories[1].as_device_memory(&requests), 1, 0),
            (
                requests.open_resource(&files[0].uri(), 0, true).unwrap(),
                2,
                0,
            ),
        ];
        for (k, array) in arrays.iter().enumerate() {
            places.push((requests.register_array(array).unwrap(), 3 + k, 0));
        }
        places.push((memio, 6, 0));
        let place = |(region, model, base)| Place {
            region,
            model,
            base,
        };
        Self {
            places: places.into_iter().map(place).collect(),
            context,
            requests,
            arrays,
            model: bytes,
            random: Random(seed),
            _files: files,
            _memories: memories,
        }
    }

    /// A part between any two places, perhaps of the same memory, but never onto itself. Most
    /// touch the same few pages. Done in the model.
    fn part(&mut self) -> BatchPart {
        loop {
            let random = &mut self.random;
            let length = match random.below(10) {
                0 => 1 + random.below(LENGTH - AGAIN),
                _ => 1 + random.below(5000),
            };
            let count = self.places.len() as u64;
            let mut end = || {
                let place = &self.places[random.below(count) as usize];
                let room = LENGTH - place.base - length;
                (place, random.below(room.min(20_000) + 1))
            };
            let ((from, src), (to, dst)) = (end(), end());
            let (first, target) = (from.base + src, to.base + dst);
            if from.model == to.model && first.abs_diff(target) < length {
                continue;
            }
            let range = first as usize..(first + length) as usize;
            let moved = self.model[from.model][range].to_vec();
            let range = target as usize..(target + length) as usize;
            self.model[to.model][range].copy_from_slice(&moved);
            let kind = kind(&from.region, &to.region, random.below(2) == 0);
            let (source, target) = (at(&from.region, src), at(&to.region, dst));
            return BatchPart {
                kind,
                ..BatchPart::copy(source, target, length)
            };
        }
    }

    fn options(&mut self, stream: gpuio_runtime::requests::StreamId) -> SubmitOptions {
        SubmitOptions {
            stream,
            class: Some(RequestClass::ALL[self.random.below(6) as usize]),
            ..SubmitOptions::default()
        }
    }

    fn check(self, what: &str) {
        let found = Memory::new(&self.requests, vec![0; LENGTH as usize]);
        for (k, place) in self.places.iter().enumerate() {
            let length = LENGTH - place.base;
            let read = RequestSpec::copy(at(&place.region, 0), found.at(0), length);
            complete(&self.requests.submit(&read).unwrap());
            let expected = &self.model[place.model][place.base as usize..];
            assert!(
                found.bytes()[..length as usize] == *expected,
                "{what}: place {k}"
            );
        }
        for place in &self.places {
            assert!(place.region.release(LONG), "a request still uses it");
        }
        for array in &self.arrays {
            self.context.close(array).unwrap();
        }
    }
}

/// READ and WRITE where they are allowed, if so wished; else COPY.
fn kind(from: &Region, to: &Region, by_name: bool) -> RequestKind {
    let is_memory = |it: &Region| {
        let kind = it.kind();
        matches!(kind, RegionKind::Memory | RegionKind::DeviceMemory)
    };
    match (is_memory(from), is_memory(to)) {
        (false, true) if by_name => RequestKind::Read,
        (true, false) if by_name => RequestKind::Write,
        _ => RequestKind::Copy,
    }
}

fn run(seed: u64, policy: SchedulerPolicy) {
    let mut world = World::new(seed, policy);
    let stream = world
        .requests
        .create_stream(RequestClass::TrainingBw)
        .unwrap();
    let mut batches = Vec::new();
    for _ in 0..15 {
        let count = 1 + world.random.below(25);
        let parts: Vec<_> = (0..count).map(|_| world.part()).collect();
        let options = world.options(stream.id());
        let batch = world.requests.submit_batch(&parts, options).unwrap();
        batches.push((batch, parts));
        let between = world.part();
        let spec = RequestSpec {
            kind: between.kind,
            ..RequestSpec::copy(
                (between.src, between.src_offset),
                (between.dst, between.dst_offset),
                between.length_bytes,
            )
        };
        let options = world.options(stream.id());
        world.requests.submit(&spec.with(options)).unwrap();
    }
    stream.synchronize(LONG).unwrap();
    for (batch, parts) in &batches {
        complete(batch);
        assert_eq!(batch.part_results(), vec![Ok(()); parts.len()]);
        let asked: u64 = parts.iter().map(|it| it.length_bytes).sum();
        assert!(batch.bytes_completed() <= asked);
    }
    world.check(&format!("seed {seed}, {policy}"));
}

#[test]
fn random_batches_leave_what_the_model_says() {
    for (seed, policy) in SchedulerPolicy::ALL
        .into_iter()
        .cycle()
        .take(12)
        .enumerate()
    {
        run(seed as u64, policy);
    }
}
