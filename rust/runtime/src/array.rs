//! An open array, as the service keeps it.

use crate::geometry::Geometry;
use gpuio_core::prefetch::SequenceDetector;
use gpuio_core::Error;
use gpuio_engines::engine::ResourceId;
use gpuio_memory::device::DeviceMemory;

/// Where an array's bytes can be reached without I/O.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapped {
    /// For this process: the start of page 0.
    pub host: usize,
    /// For kernels: the same byte.
    pub device: u64,
}

/// How kernels reach an array.
pub enum Placement {
    /// By pages, through L1 and L2.
    Cached {
        /// The page table.
        table: Box<dyn DeviceMemory>,
    },
    /// By pages through L1 alone: the bytes are addressable (memio).
    CachedMapped {
        /// The page table.
        table: Box<dyn DeviceMemory>,
        /// The bytes.
        mapped: Mapped,
    },
    /// Directly, where the bytes are (memio with `policy=bypass`).
    Bypass {
        /// The bytes.
        mapped: Mapped,
    },
    /// Directly, in a copy near the device that lives as long as the array (`policy=pinned`).
    Pinned {
        /// Whole pages, page 0 first.
        memory: Box<dyn DeviceMemory>,
    },
}

impl Placement {
    /// Device address of the page table, where there is one.
    pub fn table(&self) -> Option<u64> {
        match self {
            Self::Cached { table } | Self::CachedMapped { table, .. } => {
                Some(table.device_address())
            }
            Self::Bypass { .. } | Self::Pinned { .. } => None,
        }
    }

    /// The addressable bytes, where there are any.
    pub fn mapped(&self) -> Option<Mapped> {
        match self {
            Self::CachedMapped { mapped, .. } | Self::Bypass { mapped } => Some(*mapped),
            Self::Cached { .. } | Self::Pinned { .. } => None,
        }
    }
}

/// See the module's comment.
pub struct Array {
    /// Its URI, for messages.
    pub uri: String,
    /// Its shape.
    pub geometry: Geometry,
    /// Its resource.
    pub resource: ResourceId,
    /// Whether it may be written.
    pub writable: bool,
    /// Where its bytes are.
    pub placement: Placement,
    /// Whether a pinned array holds its resource's bytes. Until it does, storing it would destroy
    /// them. True for others.
    pub filled: bool,
    /// Looks for sequences in its misses; none if read-ahead is off.
    pub detector: Option<SequenceDetector>,
    /// Why the last write of one of its pages failed. Taken by flush.
    pub write_error: Option<Error>,
    /// Flushes begun.
    pub flushes: u64,
    /// Bytes read from the resource.
    pub read_bytes: u64,
    /// Bytes written to the resource.
    pub written_bytes: u64,
}
