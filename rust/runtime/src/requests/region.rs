//! Places that requests name.

use gpuio_core::scheduling::RegionId;
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

/// A registered region. Clones stand for the same; the last one that goes unregisters it.
#[derive(Clone)]
pub struct Region {}

impl Region {
    /// What requests name it by. Never used for another region of the context.
    pub fn id(&self) -> RegionId {
        todo!()
    }

    /// What it is.
    pub fn kind(&self) -> RegionKind {
        todo!()
    }

    /// Its length. Writing to a resource that was opened with `create=1` may exceed it.
    pub fn length_bytes(&self) -> u64 {
        todo!()
    }

    /// Takes no more requests. Those that have not ended go on; the resource is closed after the
    /// last. Does not block. Doing it again does nothing.
    pub fn unregister(&self) {
        todo!()
    }

    /// Unregisters it and waits until no request uses it any more, at most `timeout`. `true`: its
    /// memory is the caller's again. Not to be called from a completion callback.
    pub fn release(&self, timeout: Duration) -> bool {
        let _ = timeout;
        todo!()
    }
}
