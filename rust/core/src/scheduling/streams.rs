//! Order: within a stream one request after the other, across streams only by events.
//!
//! A wait stands for the latest place where its event was recorded *when the wait was asked for*.
//! So everything waits for something that was asked for earlier, and streams cannot wait for each
//! other in a circle.

use super::events::{EventId, EventState, Events};
use super::{RequestId, StreamId};
use crate::{Error, ErrorCode, Result};
use hashbrown::HashMap;
use std::collections::VecDeque;

/// Most records and waits that stand in one stream.
pub const MAX_STREAM_MARKS: usize = 1 << 16;

/// Requests that ended while they waited are taken out of a stream's queue at the latest when
/// they are half of it and this many.
const SWEEP_COUNT: usize = 32;

#[derive(Clone, Copy)]
enum Step {
    Request(RequestId),
    Record(EventId),
    Wait(EventId, u32),
}

#[derive(Default)]
struct Stream {
    steps: VecDeque<Step>,
    running: Option<RequestId>,
    is_waiting: bool,
    mark_count: usize,
    ended_count: usize,
}

/// All streams that have something to do, and the events.
pub(super) struct Streams {
    streams: HashMap<StreamId, Stream>,
    pub events: Events,
}

impl Streams {
    pub fn new() -> Self {
        Self {
            streams: HashMap::new(),
            events: Events::new(),
        }
    }

    /// A request comes last in its stream. Returns whether it is its turn now.
    pub fn enter(&mut self, stream: StreamId, request: RequestId) -> bool {
        if stream == StreamId::NONE {
            return true;
        }
        let stream = self.streams.entry(stream).or_default();
        let is_idle = stream.running.is_none() && !stream.is_waiting;
        let is_turn = is_idle && stream.steps.is_empty();
        if is_turn {
            stream.running = Some(request);
        } else {
            stream.steps.push_back(Step::Request(request));
        }
        is_turn
    }

    /// Whether a request that came now would have its turn at once.
    pub fn is_idle(&self, stream: StreamId) -> bool {
        // A stream that has nothing to do is not kept.
        stream == StreamId::NONE || !self.streams.contains_key(&stream)
    }

    /// The event is reached when everything that stands in the stream now has ended. Requests
    /// whose turn has come by it are appended to `turns`. `is_live` says whether a request has
    /// not ended.
    pub fn record(
        &mut self,
        stream: StreamId,
        event: EventId,
        now_ns: u64,
        is_live: &dyn Fn(RequestId) -> bool,
        turns: &mut Vec<RequestId>,
    ) -> Result<()> {
        self.has_room(stream)?;
        self.events.record(event)?;
        self.mark(stream, Step::Record(event));
        self.advance(stream, now_ns, is_live, turns);
        Ok(())
    }

    /// What is asked for in the stream from now on waits for the event.
    pub fn wait(&mut self, stream: StreamId, event: EventId) -> Result<()> {
        self.has_room(stream)?;
        let record = self.events.latest_record(event)?;
        if self.events.state(event)? == EventState::Pending {
            self.mark(stream, Step::Wait(event, record));
            self.advance(stream, 0, &|_| true, &mut Vec::new());
        }
        Ok(())
    }

    /// A request of the stream has ended, whether it was its turn or not.
    pub fn ended(
        &mut self,
        stream: StreamId,
        request: RequestId,
        now_ns: u64,
        is_live: &dyn Fn(RequestId) -> bool,
        turns: &mut Vec<RequestId>,
    ) {
        let Some(state) = self.streams.get_mut(&stream) else {
            return; // in no stream
        };
        if state.running == Some(request) {
            state.running = None;
            self.advance(stream, now_ns, is_live, turns);
            return;
        }
        state.ended_count += 1;
        if state.ended_count >= SWEEP_COUNT && 2 * state.ended_count > state.steps.len() {
            state.ended_count = 0;
            state.steps.retain(|step| match step {
                Step::Request(id) => is_live(*id),
                _ => true,
            });
        }
    }

    /// Bytes allocated, without the events.
    pub fn memory_bytes(&self) -> usize {
        let steps = self.streams.values().map(|it| it.steps.capacity());
        steps.sum::<usize>() * size_of::<Step>()
            + self.streams.capacity() * size_of::<(StreamId, Stream)>()
    }

    fn has_room(&self, stream: StreamId) -> Result<()> {
        let refuse = |code, message| Err(Error::new(code, "use an event in a stream", message));
        if stream == StreamId::NONE {
            let message = "stream 0 has no order, so nothing comes before or after an event";
            return refuse(ErrorCode::InvalidArgument, message);
        }
        let marks = self.streams.get(&stream).map_or(0, |it| it.mark_count);
        if marks >= MAX_STREAM_MARKS {
            return refuse(ErrorCode::Busy, "too many records and waits stand in it");
        }
        Ok(())
    }

    fn mark(&mut self, stream: StreamId, step: Step) {
        let stream = self.streams.entry(stream).or_default();
        stream.steps.push_back(step);
        stream.mark_count += 1;
    }

    /// Goes on in a stream until it runs a request, waits, or is at its end; and in the streams
    /// that waited for the events that were reached on the way.
    fn advance(
        &mut self,
        stream: StreamId,
        now_ns: u64,
        is_live: &dyn Fn(RequestId) -> bool,
        turns: &mut Vec<RequestId>,
    ) {
        let mut moving = vec![stream];
        while let Some(id) = moving.pop() {
            let Some(stream) = self.streams.get_mut(&id) else {
                continue;
            };
            let mut woken = Vec::new();
            while stream.running.is_none() && !stream.is_waiting {
                match stream.steps.pop_front() {
                    None => break,
                    Some(Step::Request(request)) if is_live(request) => {
                        stream.running = Some(request);
                        turns.push(request);
                    }
                    Some(Step::Request(_)) => {
                        stream.ended_count = stream.ended_count.saturating_sub(1);
                    }
                    Some(Step::Record(event)) => {
                        stream.mark_count -= 1;
                        woken.append(&mut self.events.reach(event, now_ns));
                    }
                    Some(Step::Wait(event, record)) => {
                        stream.mark_count -= 1;
                        stream.is_waiting = !self.events.wait(event, record, id);
                    }
                }
            }
            if stream.running.is_none() && !stream.is_waiting {
                self.streams.remove(&id);
            }
            for id in woken {
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.is_waiting = false;
                    moving.push(id);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::slab::Handle;
    use super::*;

    const A: StreamId = StreamId(1);
    const B: StreamId = StreamId(2);

    fn request(slot: u32) -> RequestId {
        RequestId(Handle {
            slot,
            generation: 0,
        })
    }

    fn end(streams: &mut Streams, stream: StreamId, slot: u32) -> Vec<RequestId> {
        let mut turns = Vec::new();
        streams.ended(stream, request(slot), 7, &|_| true, &mut turns);
        turns
    }

    #[test]
    fn one_request_of_a_stream_at_a_time_and_streams_side_by_side() {
        let mut streams = Streams::new();
        assert!(streams.enter(A, request(1)));
        assert!(!streams.enter(A, request(2)));
        assert!(streams.enter(B, request(3)));
        assert!(streams.enter(StreamId::NONE, request(4)));
        assert_eq!(end(&mut streams, A, 1), [request(2)]);
        assert_eq!(end(&mut streams, A, 2), []);
        assert_eq!(end(&mut streams, StreamId::NONE, 4), []);
        assert!(streams.enter(A, request(5)));
    }

    #[test]
    fn a_wait_is_for_what_stood_before_the_record() {
        let mut streams = Streams::new();
        let event = streams.events.create().unwrap();
        assert_eq!(streams.events.state(event), Ok(EventState::Unrecorded));
        streams.enter(A, request(1));
        let record = streams.record(A, event, 0, &|_| true, &mut Vec::new());
        assert_eq!(record, Ok(()));
        streams.enter(A, request(2));
        streams.wait(B, event).unwrap();
        assert!(!streams.enter(B, request(3)));
        assert_eq!(streams.events.state(event), Ok(EventState::Pending));
        assert_eq!(
            streams.events.destroy(event).unwrap_err().code,
            ErrorCode::Busy
        );
        let again = streams.record(B, event, 0, &|_| true, &mut Vec::new());
        assert_eq!(again.unwrap_err().code, ErrorCode::Busy);
        let mut turns = end(&mut streams, A, 1);
        turns.sort_by_key(|id| id.slot());
        assert_eq!(turns, [request(2), request(3)]);
        assert_eq!(
            streams.events.state(event),
            Ok(EventState::Reached { at_ns: 7 })
        );
        assert_eq!(streams.events.destroy(event), Ok(()));
        assert_eq!(
            streams.wait(B, event).unwrap_err().code,
            ErrorCode::NotFound
        );
    }

    #[test]
    fn requests_that_end_while_they_wait_leave_nothing_behind() {
        let mut streams = Streams::new();
        streams.enter(A, request(0));
        for slot in 1..100_000 {
            streams.enter(A, request(slot));
            let mut turns = Vec::new();
            streams.ended(A, request(slot), 0, &|id| id.slot() == 0, &mut turns);
            assert_eq!(turns, []);
        }
        assert!(
            streams.memory_bytes() < 10_000,
            "{}",
            streams.memory_bytes()
        );
        let mut turns = Vec::new();
        streams.ended(A, request(0), 0, &|_| false, &mut turns);
        assert_eq!((turns, streams.streams.len()), (vec![], 0));
    }

    #[test]
    fn stream_0_has_no_events() {
        let mut streams = Streams::new();
        let event = streams.events.create().unwrap();
        let error = streams.wait(StreamId::NONE, event).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArgument);
    }
}
