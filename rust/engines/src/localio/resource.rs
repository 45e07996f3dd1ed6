//! The open files of an engine, and the gate each of them keeps before the kernel.

use gpuio_core::{Error, ErrorCode, Result};

use super::backend::{FileHandle, RequestKind};
use super::file::OpenedFile;
use super::operation::WaitList;

/// Most resources open at a time in one engine.
pub const MAX_RESOURCES: u32 = 1024;

/// Places in a table of registered files: two descriptors a resource.
pub(super) const REGISTERED_FILES: u32 = 2 * MAX_RESOURCES;

/// One open file.
pub(super) struct Resource {
    pub(super) file: OpenedFile,
    /// What the user wrote, for messages.
    pub(super) text: String,
    /// Requests through the page cache go here,
    pub(super) buffered: FileHandle,
    /// and past it here.
    pub(super) direct: FileHandle,
    pub(super) gate: Gate,
    /// Operations whose next request waits for the gate.
    pub(super) waiting: WaitList,
    /// Operations accepted and not finished.
    pub(super) active: u32,
    /// Closed by the caller; goes when `active` is 0.
    pub(super) closing: bool,
}

/// How a request may overlap with others of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// With anything.
    Shared,
    /// Not with a write through the page cache.
    DirectWrite,
    /// Not with a direct write.
    BufferedWrite,
}

impl Lane {
    pub(super) fn of(kind: RequestKind, direct: bool) -> Self {
        match (kind, direct) {
            (RequestKind::Write, true) => Self::DirectWrite,
            (RequestKind::Write, false) => Self::BufferedWrite,
            _ => Self::Shared,
        }
    }
}

/// Bounds the requests of one file in the kernel, and keeps direct and cached writes apart: while a
/// direct write runs, a cached write beside it can leave the page cache stale (the kernel caches in
/// folios larger than a page and gives up invalidating one that is dirty).
pub(super) struct Gate {
    depth: u32,
    in_kernel: u32,
    direct_writes: u32,
    buffered_writes: u32,
}

impl Gate {
    pub(super) fn new(depth: u32) -> Self {
        Self {
            depth: depth.max(1),
            in_kernel: 0,
            direct_writes: 0,
            buffered_writes: 0,
        }
    }

    /// Whether a request may run now.
    pub(super) fn admits(&self, lane: Lane) -> bool {
        let apart = match lane {
            Lane::Shared => true,
            Lane::DirectWrite => self.buffered_writes == 0,
            Lane::BufferedWrite => self.direct_writes == 0,
        };
        apart && self.in_kernel < self.depth
    }

    /// Lets a request in that may run now.
    pub(super) fn enter(&mut self, lane: Lane) {
        self.in_kernel += 1;
        *self.count(lane) += u32::from(lane != Lane::Shared);
    }

    /// A request that was let in is done.
    pub(super) fn leave(&mut self, lane: Lane) {
        self.in_kernel -= 1;
        *self.count(lane) -= u32::from(lane != Lane::Shared);
    }

    fn count(&mut self, lane: Lane) -> &mut u32 {
        match lane {
            Lane::BufferedWrite => &mut self.buffered_writes,
            Lane::Shared | Lane::DirectWrite => &mut self.direct_writes,
        }
    }
}

/// The resources of an engine by their numbers.
#[derive(Default)]
pub(super) struct ResourceTable {
    places: Vec<Option<Resource>>,
}

impl ResourceTable {
    /// A free number.
    pub(super) fn vacancy(&mut self) -> Result<u32> {
        if let Some(index) = self.places.iter().position(Option::is_none) {
            return Ok(index as u32);
        }
        if self.places.len() == MAX_RESOURCES as usize {
            let message = format!("{MAX_RESOURCES} resources are open; close one first");
            return Err(Error::new(ErrorCode::NoMemory, "open", message));
        }
        self.places.push(None);
        Ok(self.places.len() as u32 - 1)
    }

    pub(super) fn fill(&mut self, index: u32, resource: Resource) {
        self.places[index as usize] = Some(resource);
    }

    pub(super) fn remove(&mut self, index: u32) -> Option<Resource> {
        self.places.get_mut(index as usize).and_then(Option::take)
    }

    pub(super) fn get(&mut self, index: u32) -> Option<&mut Resource> {
        self.places.get_mut(index as usize).and_then(Option::as_mut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gate_bounds_the_depth() {
        let mut gate = Gate::new(2);
        gate.enter(Lane::Shared);
        assert!(gate.admits(Lane::Shared));
        gate.enter(Lane::Shared);
        assert!(!gate.admits(Lane::Shared));
        gate.leave(Lane::Shared);
        assert!(gate.admits(Lane::DirectWrite));
    }

    #[test]
    fn the_gate_keeps_direct_and_cached_writes_apart() {
        let mut gate = Gate::new(8);
        gate.enter(Lane::DirectWrite);
        gate.enter(Lane::DirectWrite);
        assert!(gate.admits(Lane::DirectWrite) && gate.admits(Lane::Shared));
        gate.leave(Lane::DirectWrite);
        assert!(!gate.admits(Lane::BufferedWrite));
        gate.leave(Lane::DirectWrite);
        gate.enter(Lane::BufferedWrite);
        assert!(gate.admits(Lane::BufferedWrite) && !gate.admits(Lane::DirectWrite));
    }
}
