//! What a batch is made of.

use crate::limits::MAX_FILE_OFFSET;
use crate::scheduling::{DeviceId, EngineKind, RegionId, RequestKind};

/// Where bytes are counted from. Bytes of different spaces are different bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// Memory of this process, by address.
    Memory,
    /// A resource.
    Resource(RegionId),
    /// An array, by the caller's number.
    Array(u32),
    /// Memory of the device that this process cannot reach, by address.
    Device,
}

impl Space {
    /// A number of its own: 0 for memory.
    pub(super) const fn number(self) -> u64 {
        match self {
            Self::Memory => 0,
            Self::Device => 1,
            Self::Resource(resource) => 1 << 32 | resource.0 as u64,
            Self::Array(array) => 2 << 32 | array as u64,
        }
    }
}

/// One end of a part: its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchPlace {
    /// In what.
    pub space: Space,
    /// Which.
    pub first: u64,
}

/// One read, write or copy of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchPart {
    /// READ from a resource to memory, WRITE from memory to a resource, COPY between any two
    /// places. Reads and writes are put together with their neighbours; a copy stays by itself.
    pub kind: RequestKind,
    /// Who carries it out.
    pub engine: EngineKind,
    /// In which device queue.
    pub device: DeviceId,
    /// Where the bytes come from.
    pub src: BatchPlace,
    /// Where they go to.
    pub dst: BatchPlace,
    /// How many; at least 1.
    pub length_bytes: u64,
}

impl BatchPart {
    /// A part of this kind. Of a WRITE, `resource` is the target.
    pub const fn with_memory(
        kind: RequestKind,
        (engine, device): (EngineKind, DeviceId),
        (resource, offset): (RegionId, u64),
        memory: u64,
        length_bytes: u64,
    ) -> Self {
        let there = BatchPlace {
            space: Space::Resource(resource),
            first: offset,
        };
        let here = BatchPlace {
            space: Space::Memory,
            first: memory,
        };
        let (src, dst) = match kind {
            RequestKind::Write => (here, there),
            _ => (there, here),
        };
        Self {
            kind,
            engine,
            device,
            src,
            dst,
            length_bytes,
        }
    }

    /// The end that slices and errors name: the resource's, or where a copy comes from; and the
    /// other one.
    pub(super) const fn ends(&self) -> (BatchPlace, BatchPlace) {
        match self.kind {
            RequestKind::Write => (self.dst, self.src),
            _ => (self.src, self.dst),
        }
    }

    /// What is read or written; number 0 for what is no resource.
    pub const fn resource(&self) -> RegionId {
        match self.ends().0.space {
            Space::Resource(resource) => resource,
            _ => RegionId(0),
        }
    }

    /// The first byte that is read or written there; of a copy, that it reads.
    pub const fn offset(&self) -> u64 {
        self.ends().0.first
    }

    /// The first byte at the other end: of reads and writes, an address.
    pub const fn memory(&self) -> u64 {
        self.ends().1.first
    }

    /// Whether it is of a kind that a batch has, between places for that.
    pub(super) const fn fits(&self) -> bool {
        let (there, here) = self.ends();
        match self.kind {
            RequestKind::Copy => true,
            RequestKind::Read | RequestKind::Write => {
                matches!(there.space, Space::Resource(_)) && matches!(here.space, Space::Memory)
            }
            _ => false,
        }
    }

    /// Whether it has bytes, none of them beyond the largest offset.
    pub(super) fn is_in_range(&self) -> bool {
        let ends = [self.src, self.dst].map(|it| it.first.checked_add(self.length_bytes));
        let fits = |end: Option<u64>| end.is_some_and(|it| it <= MAX_FILE_OFFSET);
        self.length_bytes > 0 && ends.into_iter().all(fits)
    }
}
