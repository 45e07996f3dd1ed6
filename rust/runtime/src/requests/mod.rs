//! Users' requests: asynchronous transfers between registered regions, with streams and events.
//!
//! ```text
//!  any thread: submit ──► inbox (bounded) ──► service thread: scheduler ──► engines
//!       ▲                                                │
//!       └── handle: status, wait, callback ◄── ended ────┘
//! ```
//!
//! **Memory.** Everything a request names belongs to it from `submit` until it has ended,
//! cancelled or not. Ordering is the streams' business: two requests of no stream, or of different
//! streams, run in any order and at once.
//!
//! **The end of a context.** What has not ended then is cancelled; see
//! [`Context`](crate::Context).

mod handle;
mod region;
mod spec;
mod streams;

pub use gpuio_core::scheduling::{
    ClassFigures, DeviceLimits, EventState, Figures, InferenceQos, RegionId, RequestClass,
    RequestKind, RequestStatus, SchedulerPolicy, StreamId,
};
pub use handle::RequestHandle;
pub use region::{Region, RegionKind};
pub use spec::{BatchRead, RequestSpec, SubmitOptions};
pub use streams::{Event, Stream};

use crate::context::ArrayHandle;
use gpuio_core::Result;
use std::sync::Arc;

/// What `submit` does when there is no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFull {
    /// Waits until there is, at most the context's `io_timeout_us`; then `Timeout`.
    #[default]
    Wait,
    /// Gives the error `Busy` at once.
    Fail,
}

/// One device queue's figures.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceFigures {
    /// Which, for people.
    pub name: String,
    /// Requests that wait for a slot.
    pub waiting: usize,
    /// Slices in flight.
    pub in_flight: u32,
    /// What it is given at a time at the moment.
    pub limits: DeviceLimits,
}

/// What the scheduler of a context did so far, and what it has at hand.
#[derive(Clone)]
pub struct FiguresSnapshot {
    /// Counts and histograms, the context's own traffic included.
    pub figures: Figures,
    /// The device queues that have been used.
    pub devices: Vec<DeviceFigures>,
    /// Users' requests that have not ended.
    pub requests: usize,
}

/// The requests of a context. Thread-safe. May outlive the context; everything fails then.
pub struct Requests {}

impl Requests {
    /// Registers host memory.
    ///
    /// # Errors
    /// `InvalidArgument` for a null address, no bytes or a range that leaves the address space;
    /// `NoMemory` with too many regions; `Canceled` when the context has ended.
    ///
    /// # Safety
    /// The range stays mapped, readable and writable until [`Region::release`] has returned `true`
    /// (or all requests that name it have ended); meanwhile others touch the bytes that a request
    /// names as the requests' kinds allow.
    pub unsafe fn register_memory(
        self: &Arc<Self>,
        address: usize,
        length_bytes: u64,
    ) -> Result<Region> {
        let _ = (address, length_bytes);
        todo!()
    }

    /// Registers memory of the context's device. No kernel uses what a request names meanwhile.
    ///
    /// # Errors
    /// As [`Requests::register_memory`].
    ///
    /// # Safety
    /// As [`Requests::register_memory`].
    pub unsafe fn register_device_memory(
        self: &Arc<Self>,
        device_address: u64,
        length_bytes: u64,
    ) -> Result<Region> {
        let _ = (device_address, length_bytes);
        todo!()
    }

    /// Opens a URI and registers it. Blocks as `open(2)` does. `needed_bytes`, counted from the
    /// start of the resource: a shorter file is an error unless the URI says `create=1` or
    /// `grow=1`; 0 for whatever there is. Offsets of requests are counted from the URI's `offset`.
    ///
    /// # Errors
    /// What opening gives; `InvalidArgument` for a URI that is none; `NoMemory` with too many
    /// regions; `Canceled` when the context has ended.
    pub fn open_resource(
        self: &Arc<Self>,
        uri: &str,
        needed_bytes: u64,
        writable: bool,
    ) -> Result<Region> {
        let _ = (uri, needed_bytes, writable);
        todo!()
    }

    /// Registers an open array, byte 0 being its first element. As with `Context::read`, no kernel
    /// writes to it while a request reads it, or uses what one writes. The array stays open until
    /// [`Region::release`] has returned `true`: that is the caller's duty.
    ///
    /// # Errors
    /// `NoMemory` with too many regions; `Canceled` when the context has ended.
    pub fn register_array(self: &Arc<Self>, array: &ArrayHandle) -> Result<Region> {
        let _ = array;
        todo!()
    }

    /// Submits a request. Blocks only as [`OnFull`] says.
    ///
    /// # Errors
    /// The request is not accepted:
    /// - `InvalidArgument`: a kind that its regions do not allow, an unknown region or stream, a
    ///   range that leaves its region, an atomic operation that is not on eight aligned bytes;
    /// - `Unsupported`: an atomic operation on anything but host memory;
    /// - `Permission`: the target was opened for reading only;
    /// - `Busy`, `Timeout`: no room, see [`OnFull`];
    /// - `Canceled`: the context has ended.
    pub fn submit(self: &Arc<Self>, spec: &RequestSpec) -> Result<RequestHandle> {
        let _ = spec;
        todo!()
    }

    /// Submits reads as one request that ends when all have: neighbours are read together, bytes
    /// that several parts want once. A part fails if bytes of its own cannot be read; see
    /// [`RequestHandle::part_results`].
    ///
    /// # Errors
    /// As [`Requests::submit`]; `InvalidArgument` for no part or more than 65,536, parts that read
    /// from several storage devices, parts that are not from resources to host memory.
    pub fn submit_batch(
        self: &Arc<Self>,
        parts: &[BatchRead],
        options: SubmitOptions,
    ) -> Result<RequestHandle> {
        let _ = (parts, options);
        todo!()
    }

    /// A new stream; requests that name no class of their own are of this one.
    ///
    /// # Errors
    /// `NoMemory` with too many streams.
    pub fn create_stream(self: &Arc<Self>, default_class: RequestClass) -> Result<Stream> {
        let _ = default_class;
        todo!()
    }

    /// A new event.
    ///
    /// # Errors
    /// `NoMemory` with too many events.
    pub fn create_event(self: &Arc<Self>) -> Result<Event> {
        todo!()
    }

    /// What happened so far. Blocks until the service has a moment.
    ///
    /// # Errors
    /// `General` or `Timeout` when the service has ended or hangs.
    pub fn figures(&self) -> Result<FiguresSnapshot> {
        todo!()
    }
}
