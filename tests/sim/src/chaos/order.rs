//! The oracle of order: streams and events once more, in the simplest way.

use gpuio_core::scheduling::{EventId, StreamId};
use std::collections::HashMap;

/// An event, recorded once.
struct Mark {
    stream: usize,
    /// Requests of the stream before it, and waits before it.
    position: usize,
    wait_count: usize,
    is_reached: bool,
}

#[derive(Default)]
struct Stream {
    /// The requests, by tag, and which of them have ended.
    tags: Vec<usize>,
    has_ended: Vec<bool>,
    ended_prefix: usize,
    /// Marks that are waited for: each with the number of requests before the wait.
    waits: Vec<(usize, usize)>,
    /// So many of them are over, from the first on.
    waits_over: usize,
}

/// What has to happen before what.
pub(super) struct Order {
    streams: Vec<Stream>,
    marks: Vec<Mark>,
    latest: HashMap<EventId, usize>,
}

impl Order {
    pub fn new(stream_count: usize) -> Self {
        Self {
            streams: (0..=stream_count).map(|_| Stream::default()).collect(),
            marks: Vec::new(),
            latest: HashMap::new(),
        }
    }

    /// A request was submitted; returns its position in its stream.
    pub fn submitted(&mut self, stream: StreamId, tag: usize) -> usize {
        let stream = &mut self.streams[stream.0 as usize];
        stream.tags.push(tag);
        stream.has_ended.push(false);
        stream.tags.len() - 1
    }

    pub fn recorded(&mut self, stream: StreamId, event: EventId) {
        let index = stream.0 as usize;
        self.latest.insert(event, self.marks.len());
        self.marks.push(Mark {
            stream: index,
            position: self.streams[index].tags.len(),
            wait_count: self.streams[index].waits.len(),
            is_reached: false,
        });
    }

    pub fn waited(&mut self, stream: StreamId, event: EventId) {
        if let Some(&mark) = self.latest.get(&event) {
            let stream = &mut self.streams[stream.0 as usize];
            stream.waits.push((stream.tags.len(), mark));
        }
    }

    pub fn ended(&mut self, stream: StreamId, position: usize) {
        let stream = &mut self.streams[stream.0 as usize];
        stream.has_ended[position] = true;
        while stream.has_ended.get(stream.ended_prefix) == Some(&true) {
            stream.ended_prefix += 1;
        }
    }

    /// Whether everything that has to happen before this request has.
    pub fn may_begin(&mut self, stream: StreamId, position: usize) -> bool {
        let index = stream.0 as usize;
        let stream = &self.streams[index];
        if index == 0 {
            return true;
        }
        let waits = stream
            .waits
            .partition_point(|(before, _)| *before <= position);
        stream.ended_prefix >= position && self.are_reached(index, waits)
    }

    /// The first request of each stream that has not ended, if nothing holds it back.
    pub fn fronts(&mut self) -> Vec<usize> {
        let streams = 1..self.streams.len();
        let fronts = streams.filter_map(|index| {
            let position = self.streams[index].ended_prefix;
            let tag = *self.streams[index].tags.get(position)?;
            self.may_begin(StreamId(index as u32), position)
                .then_some(tag)
        });
        fronts.collect()
    }

    /// Whether the first `count` waits of a stream are over; once over, they stay so.
    fn are_reached(&mut self, stream: usize, count: usize) -> bool {
        while self.streams[stream].waits_over < count {
            let (_, mark) = self.streams[stream].waits[self.streams[stream].waits_over];
            if !self.is_reached(mark) {
                return false;
            }
            self.streams[stream].waits_over += 1;
        }
        true
    }

    fn is_reached(&mut self, mark: usize) -> bool {
        let Mark {
            stream,
            position,
            wait_count,
            is_reached,
        } = self.marks[mark];
        let reached = is_reached
            || (self.streams[stream].ended_prefix >= position
                && self.are_reached(stream, wait_count));
        self.marks[mark].is_reached = reached;
        reached
    }
}
