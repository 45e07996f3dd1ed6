//! Places that requests name.

use super::order::{Side, Spot};
use super::Shared;
use gpuio_core::scheduling::RegionId;
use gpuio_core::{Error, ErrorCode};
use gpuio_engines::engine::ResourceId;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What a region is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegionKind {
    /// Memory of this host.
    Memory,
    /// An opened URI.
    Resource,
    /// An array of the context.
    Array,
    /// Memory of the context's device.
    DeviceMemory,
}

/// Where a region's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At this address in this process.
    Memory(usize),
    /// In a resource, from byte `base` on.
    Resource { resource: ResourceId, base: u64 },
    /// In the array with this id, which is moved page by page.
    Array(u32),
    /// At this address of the device, which this process cannot reach.
    Device(u64),
}

/// What requests have to know of a region.
#[derive(Clone, Copy, Debug)]
pub struct RegionState {
    pub id: RegionId,
    pub kind: RegionKind,
    pub place: Place,
    pub length_bytes: u64,
    pub is_writable: bool,
}

impl RegionState {
    /// Byte `offset` of it.
    pub fn side(&self, offset: u64) -> Side {
        let first = match self.place {
            Place::Memory(address) => Spot::Host(address),
            Place::Resource { resource, base, .. } => Spot::Resource(resource, base),
            Place::Array(id) => Spot::Array(id, 0),
            Place::Device(address) => Spot::Device(address),
        };
        Side {
            region: self.id,
            offset,
            first: first.plus(offset),
        }
    }
}

/// The error for a region that there is not.
pub fn unknown(id: RegionId) -> Error {
    let message = format!(
        "there is no region {}; it was unregistered, or never was",
        id.0
    );
    Error::new(ErrorCode::InvalidArgument, "submit", message)
}

/// Unregisters when the last clone goes.
struct Owner {
    state: RegionState,
    shared: Arc<Shared>,
}

impl Owner {
    fn unregister(&self) {
        if self.shared.inbox.unregister(self.state.id) {
            self.shared.line.wake.ring();
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.unregister();
    }
}

/// A registered region. Clones stand for the same; the last one that goes unregisters it.
#[derive(Clone)]
pub struct Region(Arc<Owner>);

impl fmt::Debug for Region {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, bytes) = (self.id().0, self.length_bytes());
        write!(out, "region {id} ({:?}, {bytes} bytes)", self.kind())
    }
}

impl Region {
    pub(super) fn new(state: RegionState, shared: Arc<Shared>) -> Self {
        Self(Arc::new(Owner { state, shared }))
    }

    /// What requests name it by. Never used for another region of the context.
    pub fn id(&self) -> RegionId {
        self.0.state.id
    }

    /// What it is.
    pub fn kind(&self) -> RegionKind {
        self.0.state.kind
    }

    /// Its length. Of a resource, what it was when it was opened, counted from the URI's `offset`;
    /// with `create=1`, writing can make it longer.
    pub fn length_bytes(&self) -> u64 {
        self.0.state.length_bytes
    }

    /// Takes no more requests. Those that have not ended go on; the resource is closed after the
    /// last. Does not block. Doing it again does nothing.
    pub fn unregister(&self) {
        self.0.unregister();
    }

    /// Unregisters it and waits until no request uses it any more, at most `timeout`. `true`: its
    /// memory is the caller's again. On the service thread it does not wait, see
    /// [`RequestHandle::on_complete`](super::RequestHandle::on_complete).
    pub fn release(&self, timeout: Duration) -> bool {
        self.unregister();
        let timeout = match self.0.shared.line.signals.is_service_thread() {
            true => Duration::ZERO,
            false => timeout,
        };
        let inbox = &self.0.shared.inbox;
        inbox.wait_until_free(self.id(), timeout)
    }
}
