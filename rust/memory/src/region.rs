//! What is known about a piece of memory: the specification's `gpuio_memory_region_t`.

use std::ops::BitOr;

/// What kind of memory a region is. The specification's `gpuio_mem_flags_t`: a set of bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MemoryFlags(u32);

impl MemoryFlags {
    /// The CPU of this process can address it.
    pub const HOST: Self = Self(1);
    /// It lies near the device.
    pub const DEVICE: Self = Self(2);
    /// It stays in physical memory, so that devices can copy from and to it.
    pub const PINNED: Self = Self(4);

    /// The bits as a number.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether all bits of `other` are set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for MemoryFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A description of memory. It owns nothing: whoever hands it out says how long it is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryRegion {
    /// The address the CPU uses; 0 when it has none.
    pub base_addr: usize,
    /// The address kernels use; 0 when they have none.
    pub gpu_addr: u64,
    /// The address devices on the bus use; 0 when unknown.
    pub bus_addr: u64,
    /// Length in bytes.
    pub length: usize,
    /// What kind of memory it is.
    pub flags: MemoryFlags,
    /// A number that names the region among those of its pool or cache.
    pub handle: u64,
    /// It is registered with a device.
    pub registered: bool,
}
