//! Places that requests name.

use super::inbox::Op;
use super::Shared;
use gpuio_core::scheduling::{DeviceId, EngineKind, RegionId};
use gpuio_core::{Error, ErrorCode, Result};
use gpuio_engines::engine::ResourceId;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

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
    Resource {
        resource: ResourceId,
        base: u64,
        queue: (EngineKind, DeviceId),
    },
    /// In the array with this id, which is moved page by page.
    Array(u32),
    /// At this address of the device, which this process cannot reach.
    Device(u64),
}

struct Uses {
    /// Requests that have not ended, each as often as it names the region.
    count: usize,
    is_unregistered: bool,
}

/// What the handle and the service share of a region.
pub struct RegionState {
    pub id: RegionId,
    pub kind: RegionKind,
    pub place: Place,
    pub length_bytes: u64,
    pub is_writable: bool,
    uses: Mutex<Uses>,
    free: Condvar,
}

impl RegionState {
    pub fn new(
        id: RegionId,
        kind: RegionKind,
        place: Place,
        length_bytes: u64,
        is_writable: bool,
    ) -> Self {
        let uses = Uses {
            count: 0,
            is_unregistered: false,
        };
        Self {
            id,
            kind,
            place,
            length_bytes,
            is_writable,
            uses: Mutex::new(uses),
            free: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Uses> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more request names it.
    pub fn begin_use(&self) -> Result<()> {
        let mut uses = self.lock();
        if uses.is_unregistered {
            return Err(unknown(self.id));
        }
        uses.count += 1;
        Ok(())
    }

    /// One that named it has ended.
    pub fn end_use(&self, shared: &Shared) {
        let mut uses = self.lock();
        uses.count -= 1;
        let is_over = uses.count == 0 && uses.is_unregistered;
        drop(uses);
        if is_over {
            self.is_free(shared);
        }
    }

    fn is_free(&self, shared: &Shared) {
        self.free.notify_all();
        if let Place::Resource { resource, .. } = self.place {
            shared.send(Op::Close(resource));
        }
    }

    fn unregister(&self, shared: &Shared) {
        let mut uses = self.lock();
        if std::mem::replace(&mut uses.is_unregistered, true) {
            return;
        }
        let is_over = uses.count == 0;
        drop(uses);
        shared.forget_region(self.id);
        if is_over {
            self.is_free(shared);
        }
    }

    fn wait_until_free(&self, timeout: Duration) -> bool {
        let deadline = Instant::now().checked_add(timeout);
        let mut uses = self.lock();
        while uses.count > 0 {
            let left = deadline.map_or(timeout, |it| it.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return false;
            }
            let waited = self.free.wait_timeout(uses, left);
            uses = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
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
    state: Arc<RegionState>,
    shared: Arc<Shared>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.state.unregister(&self.shared);
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
    pub(super) fn new(state: Arc<RegionState>, shared: Arc<Shared>) -> Self {
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
        self.0.state.unregister(&self.0.shared);
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
        self.0.state.wait_until_free(timeout)
    }
}
