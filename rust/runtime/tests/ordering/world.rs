//! A context with places and memory, beside a model that does everything at once and in order.

use super::place::{places, Kind, Place, LENGTH};
use super::plant::Planted;
use super::support::{at, pattern, Memory, Random, LONG};
use gpuio_runtime::requests::{
    BatchPart, Region, RequestClass, RequestHandle, RequestKind, RequestSpec, RequestStatus,
    Requests, Stream, StreamId, SubmitOptions,
};
use gpuio_runtime::Context;
use std::sync::Arc;

/// Where a step's bytes are: memory, or a place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Where {
    Memory,
    Place(usize),
}

/// One write from memory to a place, one read, or one copy between places.
#[derive(Clone, Copy)]
pub struct Step {
    from: (Where, u64),
    to: (Where, u64),
    length: u64,
}

pub struct World {
    pub context: Arc<Context>,
    pub requests: Arc<Requests>,
    pub planted: Planted,
    places: Vec<Place>,
    memory: Memory,
    /// What each place must hold, and the memory.
    expected: Vec<Vec<u8>>,
    expected_memory: Vec<u8>,
    handles: Vec<RequestHandle>,
    pub random: Random,
}

/// Of the memory, what is written from; the rest is read to.
const SOURCE: u64 = LENGTH + 4096;
const TARGET: u64 = 3 * LENGTH;

impl World {
    /// The service stands still until `check`, so that everything waits at the same time.
    pub fn new(kind: Kind, seed: u64, planted: Planted) -> Self {
        let (context, places) = places(kind, seed);
        let requests = context.requests();
        let mut bytes = pattern(seed + 1, SOURCE as usize);
        bytes.resize((SOURCE + TARGET) as usize, 0);
        let expected = vec![vec![0; LENGTH as usize]; places.len()];
        context.pause_service(true);
        Self {
            memory: Memory::new(&requests, bytes.clone()),
            expected_memory: bytes,
            context,
            requests,
            planted,
            places,
            expected,
            handles: Vec::new(),
            random: Random(seed),
        }
    }

    pub fn stream(&self) -> Stream {
        let stream = self.requests.create_stream(RequestClass::TrainingBw);
        stream.unwrap()
    }

    /// A write or a read of a few places that lie close together. One in eight is longer than a
    /// slice.
    pub fn any_step(&mut self) -> Step {
        let writes = self.random.below(5) < 3;
        self.step(writes)
    }

    fn step(&mut self, writes: bool) -> Step {
        let random = &mut self.random;
        let length = match random.below(8) {
            0 => (1 << 20) + 1 + random.below(100_000),
            1..=3 => 1 + random.below(100_000),
            _ => 1 + random.below(8000),
        };
        // Most touch the same few pages.
        let room = (LENGTH - length).min(20_000);
        let place = Where::Place(random.below(self.places.len() as u64) as usize);
        let there = (place, random.below(room + 1));
        let memory = match writes {
            true => random.below(SOURCE - length + 1),
            false => SOURCE + random.below(TARGET - length + 1),
        };
        let here = (Where::Memory, memory);
        let (from, to) = match writes {
            true => (here, there),
            false => (there, here),
        };
        Step { from, to, length }
    }

    /// The same, or one time in three a copy between two places.
    pub fn any_step_or_copy(&mut self) -> Step {
        let count = self.places.len() as u64;
        let step = self.any_step();
        if self.random.below(3) > 0 {
            return step;
        }
        let other = match (step.from.0, step.to.0) {
            (Where::Place(place), _) | (_, Where::Place(place)) => place,
            _ => 0,
        };
        let further = 1 + self.random.below(count - 1);
        let place = (other + further as usize) % count as usize;
        let room = (LENGTH - step.length).min(20_000);
        let there = (Where::Place(place), self.random.below(room + 1));
        match step.from.0 {
            Where::Memory => Step {
                from: there,
                ..step
            },
            Where::Place(_) => Step { to: there, ..step },
        }
    }

    /// What the model makes of it.
    fn expect(&mut self, step: &Step) {
        let range = |first: u64| first as usize..(first + step.length) as usize;
        let bytes = |it: Where| match it {
            Where::Memory => &self.expected_memory,
            Where::Place(place) => &self.expected[place],
        };
        let moved = bytes(step.from.0)[range(step.from.1)].to_vec();
        let target = match step.to.0 {
            Where::Memory => &mut self.expected_memory,
            Where::Place(place) => &mut self.expected[place],
        };
        target[range(step.to.1)].copy_from_slice(&moved);
    }

    fn ends(&self, step: &Step) -> ((&Region, u64), (&Region, u64), RequestKind) {
        let region = |it: Where| match it {
            Where::Memory => &self.memory.region,
            Where::Place(place) => &self.places[place].region,
        };
        let kind = match (step.from.0, step.to.0) {
            (Where::Memory, Where::Place(place)) => self.places[place].kinds().0,
            (Where::Place(place), Where::Memory) => self.places[place].kinds().1,
            _ => RequestKind::Copy,
        };
        let (from, to) = (step.from, step.to);
        ((region(from.0), from.1), (region(to.0), to.1), kind)
    }

    /// Whether an engine carries it out.
    fn is_for_an_engine(&self, step: &Step) -> bool {
        match (step.from.0, step.to.0) {
            (Where::Memory, Where::Place(place)) | (Where::Place(place), Where::Memory) => {
                self.places[place].is_resource()
            }
            _ => false,
        }
    }

    /// Classes pass each other wherever nothing has an order.
    fn options(&mut self, stream: StreamId) -> SubmitOptions {
        let class = RequestClass::ALL[self.random.below(6) as usize];
        SubmitOptions {
            stream,
            class: Some(class),
            ..SubmitOptions::default()
        }
    }

    /// Submits a step that comes after all others, as far as the model goes.
    pub fn submit(&mut self, stream: &Stream, step: Step) {
        self.expect(&step);
        let stream = match self.planted {
            Planted::NoStream => StreamId::NONE,
            _ => stream.id(),
        };
        self.submit_to(stream, &step);
    }

    fn submit_to(&mut self, stream: StreamId, step: &Step) {
        let options = self.options(stream);
        let (from, to, kind) = self.ends(step);
        let (from, to) = (at(from.0, from.1), at(to.0, to.1));
        let spec = RequestSpec {
            kind,
            ..RequestSpec::copy(from, to, step.length).with(options)
        };
        self.handles.push(self.requests.submit(&spec).unwrap());
    }

    /// Submits steps as one batch.
    pub fn submit_batch(&mut self, stream: &Stream, steps: &[Step]) {
        steps.iter().for_each(|step| self.expect(step));
        let (kept, loose): (Vec<Step>, _) = steps.iter().partition(|step| match self.planted {
            Planted::LooseParts => false,
            Planted::LooseCopies => self.is_for_an_engine(step),
            _ => true,
        });
        let loose: Vec<Step> = loose;
        for step in &loose {
            self.submit_to(StreamId::NONE, step);
        }
        if kept.is_empty() {
            return;
        }
        let id = match self.planted {
            Planted::NoStream => StreamId::NONE,
            _ => stream.id(),
        };
        let options = self.options(id);
        let part = |step: &Step| {
            let (from, to, kind) = self.ends(step);
            let (from, to) = (at(from.0, from.1), at(to.0, to.1));
            BatchPart {
                kind,
                ..BatchPart::copy(from, to, step.length)
            }
        };
        let parts: Vec<_> = kept.iter().map(part).collect();
        let batch = self.requests.submit_batch(&parts, options);
        self.handles.push(batch.unwrap());
    }

    /// Lets the service go on, waits for everything, and compares with the model.
    pub fn check(&mut self) -> Result<(), String> {
        self.context.pause_service(false);
        for handle in &self.handles {
            match handle.wait(LONG) {
                Some(RequestStatus::Completed) => {}
                other => return Err(format!("{other:?}: {:?}", handle.error())),
            }
        }
        for (k, place) in self.places.iter().enumerate() {
            compare(&place.bytes(&self.requests), &self.expected[k], "written")?;
        }
        compare(&self.memory.bytes(), &self.expected_memory, "read")
    }
}

fn compare(found: &[u8], expected: &[u8], what: &str) -> Result<(), String> {
    let at = found.iter().zip(expected).position(|(a, b)| a != b);
    at.map_or(Ok(()), |at| Err(format!("byte {at} that was {what}")))
}
