//! Users' requests: asynchronous transfers between registered regions, with streams and events.
//!
//! ```text
//!  any thread: submit ──► inbox (bounded) ──► service thread: scheduler ──► engines
//!       ▲                                                │
//!       └── handle: status, wait ◄────────────── ended ──┤
//!                          callbacks ◄─ worker threads ◄─┴► worker threads: copies in memory
//! ```
//!
//! **Memory.** Everything a request names belongs to it from `submit` until it has ended,
//! cancelled or not. Ordering is the streams' business: two requests of no stream, or of different
//! streams, run in any order and at once.
//!
//! **The end of a context.** What has not ended then is cancelled; see
//! [`Context`](crate::Context).

mod any;
mod check;
mod crew;
mod desk;
mod handle;
mod inbox;
mod look;
mod names;
mod order;
mod region;
mod shared;
mod spec;
mod state;
mod streams;
#[cfg(test)]
mod tests;

pub(crate) use desk::{Desk, OpenedRegion};
pub use gpuio_core::scheduling::{
    ClassFigures, EventState, Figures, InferenceQos, RegionId, RequestClass, RequestKind,
    RequestStatus, SchedulerPolicy, StreamId,
};
pub use handle::RequestHandle;
pub use region::{Region, RegionKind};
pub(crate) use shared::Shared;
pub use spec::{BatchPart, RequestSpec, SubmitOptions};
pub(crate) use state::RequestState;
pub use streams::{Event, Stream};

use self::inbox::{Locked, Op};
use self::order::Order;
use self::region::Place;
use crate::context::ArrayHandle;
use crate::line::Line;
use crate::service::Command;
use gpuio_core::config::Config;
use gpuio_core::exposition::DeviceSnapshot;
use gpuio_core::uri::ResourceUri;
use gpuio_core::{Error, ErrorCode, Result};
use gpuio_engines::engine::{EngineStats, OpenOptions};
use gpuio_memory::device::Device;
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

/// What the scheduler of a context did so far, and what it has at hand.
#[derive(Clone)]
pub struct FiguresSnapshot {
    /// Counts and histograms, the context's own traffic included.
    pub figures: Figures,
    /// The device queues that have been used.
    pub devices: Vec<DeviceSnapshot>,
    /// What the engines did.
    pub engines: EngineStats,
    /// Users' requests that have not ended.
    pub requests: usize,
}

/// The requests of a context. Thread-safe. May outlive the context; everything fails then.
pub struct Requests {
    shared: Arc<Shared>,
    device: Arc<dyn Device>,
}

impl Requests {
    /// For a new context: what users see, and what the service keeps.
    pub(crate) fn new(
        config: &Config,
        line: Line,
        device: &Arc<dyn Device>,
    ) -> Result<(Arc<Self>, Desk)> {
        let requests_max = config.queued_requests_max as usize;
        let shared = Arc::new(Shared::new(line, requests_max, config.request_workers));
        let desk = Desk::new(Arc::clone(&shared), device)?;
        let device = Arc::clone(device);
        Ok((Arc::new(Self { shared, device }), desk))
    }

    /// Registers host memory. Does not block.
    ///
    /// # Errors
    /// `InvalidArgument` for a null address, no bytes or a range that leaves the address space;
    /// `NoMemory` with too many regions.
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
        check_memory(address as u64, length_bytes)?;
        let place = Place::Memory(address);
        self.region(RegionKind::Memory, place, length_bytes, true)
    }

    /// Registers memory of the context's device. No kernel uses what a request names meanwhile.
    /// Does not block.
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
        check_memory(device_address, length_bytes)?;
        // The host device's memory is memory of the host.
        let place = match self.device.host_address(device_address) {
            Some(address) => Place::Memory(address),
            None => Place::Device(device_address),
        };
        self.region(RegionKind::DeviceMemory, place, length_bytes, true)
    }

    /// Opens a URI and registers it. Blocks as `open(2)` does. Offsets of requests are counted from
    /// the URI's `offset`, and so is `needed_bytes`: a shorter file is an error unless the URI says
    /// `create=1` or `grow=1`; 0 for whatever there is.
    ///
    /// # Errors
    /// What opening gives; `InvalidArgument` for a URI that is none; `NoMemory` with too many
    /// regions; `Busy` on the service thread, see
    /// [`RequestHandle::on_complete`]; `General` when the context has ended.
    pub fn open_resource(
        self: &Arc<Self>,
        uri: &str,
        needed_bytes: u64,
        writable: bool,
    ) -> Result<Region> {
        let uri = ResourceUri::parse(uri)?;
        let (base, text) = (uri.offset(), uri.text.clone());
        let needed_bytes = match needed_bytes {
            0 => 0,
            bytes => base.checked_add(bytes).ok_or_else(|| {
                let message = "needed_bytes and the URI's offset leave the address space";
                Error::new(ErrorCode::InvalidArgument, "open", message).with_resource(text)
            })?,
        };
        let options = OpenOptions {
            writable,
            needed_bytes,
        };
        let line = &self.shared.line;
        let opened = line.ask(|reply| Command::OpenRegion(uri, options, reply))?;
        let place = Place::Resource {
            resource: opened.resource,
            base,
        };
        let length_bytes = opened.length_bytes.saturating_sub(base);
        let region = self.region(RegionKind::Resource, place, length_bytes, writable);
        if region.is_err() {
            self.shared.send(Op::Close(opened.resource));
        }
        region
    }

    /// Registers an open array, byte 0 being its first element. As with `Context::read`, no kernel
    /// writes to it while a request reads it, or uses what one writes. The array stays open until
    /// [`Region::release`] has returned `true`: that is the caller's duty. Does not block.
    ///
    /// # Errors
    /// `NoMemory` with too many regions.
    pub fn register_array(self: &Arc<Self>, array: &ArrayHandle) -> Result<Region> {
        let (opened, writable) = (&array.opened, array.is_writable());
        let geometry = &opened.geometry;
        let place = match opened.pinned {
            0 => Place::Array(opened.id),
            pinned => {
                let first = pinned + geometry.origin;
                let host = self.device.host_address(first);
                host.map_or(Place::Device(first), Place::Memory)
            }
        };
        self.region(RegionKind::Array, place, geometry.array_bytes(), writable)
    }

    fn region(
        &self,
        kind: RegionKind,
        place: Place,
        length_bytes: u64,
        writable: bool,
    ) -> Result<Region> {
        let names = &mut self.shared.inbox.lock().names;
        let state = names.add_region(kind, place, length_bytes, writable)?;
        Ok(Region::new(state, Arc::clone(&self.shared)))
    }

    /// Submits a request. Blocks only as [`OnFull`] says; with a deadline also until the service
    /// has said whether it can be met, but not in a completion callback.
    ///
    /// # Errors
    /// The request is not accepted:
    /// - `InvalidArgument`: a kind that its regions do not allow, an unknown region or stream, a
    ///   range that leaves its region, an atomic operation that is not on eight aligned bytes, a
    ///   copy onto itself;
    /// - `Unsupported`: an atomic operation on anything but host memory;
    /// - `Permission`: the target was opened for reading only;
    /// - `Busy`, `Timeout`: no room, see [`OnFull`];
    /// - `Timeout`: the deadline cannot be met, as far as can be told now. Only DEADLINE and
    ///   ADAPTIVE can tell;
    /// - `Canceled`: the context has ended.
    pub fn submit(self: &Arc<Self>, spec: &RequestSpec) -> Result<RequestHandle> {
        let content = self.shared.inbox.lock();
        let order = check::request(&content.names, spec)?;
        self.accept(content, order, spec.options.on_full)
    }

    /// Submits reads, writes and copies as one request that ends when all have. Between resources
    /// and host memory, neighbours are moved together, bytes that several parts read once. It
    /// leaves what the parts would one after the other, in this order, also where they overlap:
    /// those that do, in a resource, an array or memory, wait for each other. (Of a resource that
    /// was opened twice, or as an array too, it does not see that both are the same.) A part fails
    /// if bytes of its own cannot be moved, and takes no other with it; see
    /// [`RequestHandle::part_results`].
    ///
    /// # Errors
    /// As [`Requests::submit`]; `InvalidArgument` for no part or more than 65,536, and for atomic
    /// operations, each of which is one instruction.
    pub fn submit_batch(
        self: &Arc<Self>,
        parts: &[BatchPart],
        options: SubmitOptions,
    ) -> Result<RequestHandle> {
        let order = check::batch(&self.shared, parts, options)?;
        self.accept(self.shared.inbox.lock(), order, options.on_full)
    }

    fn accept(&self, content: Locked<'_>, order: Order, on_full: OnFull) -> Result<RequestHandle> {
        let shared = &self.shared;
        let mut content = shared.inbox.room(content, on_full, &shared.line)?;
        let id = content.enter(order.uses())?;
        let state = RequestState::new(content.spare(), id, order, shared);
        // Cannot be refused: it was not closed when there was room, and the lock was held since.
        let is_first = shared
            .inbox
            .push(&mut content, Op::Submit(Arc::clone(&state)))?;
        drop(content);
        if is_first {
            shared.line.wake.ring();
        }
        if state.order.qos().is_some() {
            state.wait_for_admission(shared.line.timeout)?;
        }
        Ok(RequestHandle::new(state))
    }

    /// A new stream; requests that name no class of their own are of this one. Does not block.
    ///
    /// # Errors
    /// `NoMemory` with too many streams.
    pub fn create_stream(self: &Arc<Self>, default_class: RequestClass) -> Result<Stream> {
        let id = self.shared.inbox.lock().names.add_stream(default_class)?;
        Ok(Stream::new(id, Arc::clone(&self.shared)))
    }

    /// A new event. Does not block.
    ///
    /// # Errors
    /// `NoMemory` with too many events.
    pub fn create_event(self: &Arc<Self>) -> Result<Event> {
        Event::new(&self.shared)
    }

    /// What happened so far. Blocks until the service has a moment.
    ///
    /// # Errors
    /// `General` or `Timeout` when the service has ended or hangs; `Busy` on the service
    /// thread, see [`RequestHandle::on_complete`].
    pub fn figures(&self) -> Result<FiguresSnapshot> {
        self.shared.line.ask(Command::Figures)
    }
}

fn check_memory(address: u64, length_bytes: u64) -> Result<()> {
    let refuse = |message: String| {
        let operation = "register a region";
        Err(Error::new(ErrorCode::InvalidArgument, operation, message))
    };
    if address == 0 || length_bytes == 0 {
        return refuse("a region has an address and at least one byte".into());
    }
    // Lengths as in the language: no more than a signed word.
    let end = address.checked_add(length_bytes);
    if length_bytes > isize::MAX as u64 || end.is_none() {
        return refuse(format!(
            "{length_bytes} bytes at {address:#x} leave the address space"
        ));
    }
    Ok(())
}
