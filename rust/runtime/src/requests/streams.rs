//! Streams and events, as their owners see them.

use gpuio_core::scheduling::{EventState, StreamId};
use gpuio_core::Result;
use std::time::Duration;

/// A sequence of requests that run one after the other. Clones stand for the same. When the last
/// one goes the requests in it go on; nothing can be added.
#[derive(Clone)]
pub struct Stream {}

impl Stream {
    /// What requests name it by. Never used for another stream of the context.
    pub fn id(&self) -> StreamId {
        todo!()
    }

    /// What is submitted to the stream from now on begins after the event, as it was recorded
    /// last; at once if it never was. Does not block.
    ///
    /// # Errors
    /// `InvalidArgument` for another context's event; `Canceled` when the context has ended.
    pub fn wait(&self, event: &Event) -> Result<()> {
        let _ = event;
        todo!()
    }

    /// Waits until everything that was submitted to the stream so far has ended, at most
    /// `timeout`. Not to be called from a completion callback.
    ///
    /// # Errors
    /// `Timeout`; `NoMemory` if there is no room for an event; `Canceled` when the context has
    /// ended.
    pub fn synchronize(&self, timeout: Duration) -> Result<()> {
        let _ = timeout;
        todo!()
    }
}

/// A mark in a stream. Clones stand for the same.
#[derive(Clone)]
pub struct Event {}

impl Event {
    /// The event is reached when everything that was submitted to the stream so far has ended.
    /// Does not block.
    ///
    /// # Errors
    /// `Busy` if it was recorded before and not reached; `InvalidArgument` for another context's
    /// stream; `Canceled` when the context has ended.
    pub fn record(&self, stream: &Stream) -> Result<()> {
        let _ = stream;
        todo!()
    }

    /// Where it stands, and when it was reached. Does not block.
    pub fn query(&self) -> EventState {
        todo!()
    }

    /// Waits until it is reached, at most `timeout`; not at all if it was never recorded. Not to be
    /// called from a completion callback.
    ///
    /// # Errors
    /// `Timeout`; `Canceled` when the context ended before.
    pub fn wait(&self, timeout: Duration) -> Result<()> {
        let _ = timeout;
        todo!()
    }

    /// Nanoseconds from when `earlier` was reached to when this was; 0 if it was the other way
    /// round.
    ///
    /// # Errors
    /// `InvalidArgument` if one of them was never recorded; `Busy` if one was not reached.
    pub fn elapsed_ns(&self, earlier: &Event) -> Result<u64> {
        let _ = earlier;
        todo!()
    }
}
