//! A memory pool: one allocation of a device, handed out in pieces.
//!
//! Allocating from a device is slow and may wait for running kernels; allocating from a pool takes
//! a lock and neither touches the device nor the memory.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gpuio_core::{Error, ErrorCode, Result};

use crate::allocator::BuddyAllocator;
use crate::device::{Device, DeviceMemory, SharedMemory};
use crate::mapping::PAGE_BYTES;
use crate::region::{MemoryFlags, MemoryRegion};

/// The specification's `gpuio_memory_pool_t`. A handle: clones are the same pool, which lives as
/// long as any of them or any piece of it.
#[derive(Clone)]
pub struct MemoryPool {
    inner: Arc<Inner>,
}

struct Inner {
    /// Keeps the memory alive; never looked at again.
    _backing: Backing,
    whole: MemoryRegion,
    state: Mutex<State>,
}

enum Backing {
    Device { _memory: Box<dyn DeviceMemory> },
    Shared { _memory: Box<dyn SharedMemory> },
}

struct State {
    allocator: BuddyAllocator,
    next_handle: u64,
}

/// How full a pool is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolUsage {
    /// All bytes.
    pub capacity_bytes: usize,
    /// Bytes handed out, rounding included.
    pub used_bytes: usize,
    /// The longest request that can succeed now.
    pub largest_free_bytes: usize,
    /// How many pieces are handed out.
    pub region_count: usize,
}

impl MemoryPool {
    /// A pool of memory near the device. Its pieces are powers of two of at least `block_bytes`.
    ///
    /// # Errors
    /// The device's; `InvalidArgument` for a `block_bytes` that is no power of two or exceeds
    /// the capacity.
    pub fn near(device: &dyn Device, capacity_bytes: usize, block_bytes: usize) -> Result<Self> {
        let allocator = BuddyAllocator::new(capacity_bytes, block_bytes)?;
        let memory = device.allocate(allocator.capacity_bytes())?;
        let addresses = (0, memory.device_address());
        let backing = Backing::Device { _memory: memory };
        Ok(Self::over(
            backing,
            addresses,
            MemoryFlags::DEVICE,
            allocator,
        ))
    }

    /// A pool of pinned host memory that kernels can address. Otherwise as `near`.
    ///
    /// # Errors
    /// As `near`.
    pub fn shared(device: &dyn Device, capacity_bytes: usize, block_bytes: usize) -> Result<Self> {
        let allocator = BuddyAllocator::new(capacity_bytes, block_bytes)?;
        let memory = device.allocate_shared(allocator.capacity_bytes())?;
        let addresses = (memory.host_address(), memory.device_address());
        let backing = Backing::Shared { _memory: memory };
        let flags = MemoryFlags::HOST | MemoryFlags::PINNED;
        Ok(Self::over(backing, addresses, flags, allocator))
    }

    fn over(
        backing: Backing,
        (base_addr, gpu_addr): (usize, u64),
        flags: MemoryFlags,
        allocator: BuddyAllocator,
    ) -> Self {
        let whole = MemoryRegion {
            base_addr,
            gpu_addr,
            bus_addr: 0,
            length: allocator.capacity_bytes(),
            flags,
            handle: 0,
            registered: flags.contains(MemoryFlags::PINNED),
        };
        let state = Mutex::new(State {
            allocator,
            next_handle: 1,
        });
        Self {
            inner: Arc::new(Inner {
                _backing: backing,
                whole,
                state,
            }),
        }
    }

    /// Takes a piece of `length_bytes` whose addresses are multiples of `alignment_bytes`. Its
    /// bytes are whatever its last owner left there.
    ///
    /// # Errors
    /// `InvalidArgument` for zero bytes or an alignment that is no power of two or more than a
    /// page (4096); `NoMemory` with the sizes when no free run is long enough.
    pub fn allocate(&self, length_bytes: usize, alignment_bytes: usize) -> Result<PoolRegion> {
        if alignment_bytes > PAGE_BYTES {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                "allocate from the pool",
                format!("an alignment of {alignment_bytes} bytes is more than {PAGE_BYTES}"),
            ));
        }
        let mut state = self.inner.lock();
        let offset = state.allocator.allocate(length_bytes, alignment_bytes)?;
        let handle = state.next_handle;
        state.next_handle += 1;
        drop(state);
        let whole = &self.inner.whole;
        let base_addr = if whole.base_addr == 0 {
            0
        } else {
            whole.base_addr + offset
        };
        let region = MemoryRegion {
            base_addr,
            gpu_addr: whole.gpu_addr + offset as u64,
            length: length_bytes,
            handle,
            ..*whole
        };
        Ok(PoolRegion {
            inner: Arc::clone(&self.inner),
            offset,
            region,
        })
    }

    /// The whole pool as one region, with handle 0.
    pub fn region(&self) -> MemoryRegion {
        self.inner.whole
    }

    /// How full it is now.
    pub fn usage(&self) -> PoolUsage {
        let state = self.inner.lock();
        PoolUsage {
            capacity_bytes: state.allocator.capacity_bytes(),
            used_bytes: state.allocator.used_bytes(),
            largest_free_bytes: state.allocator.largest_free_bytes(),
            region_count: state.allocator.live_count(),
        }
    }
}

impl Inner {
    /// The allocator neither calls out nor panics between changes, so a lock that a panicking
    /// thread held is as good as any.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A piece of a pool, given back on drop. It keeps the pool's memory alive. Reads as its
/// [`MemoryRegion`], which is true as long as the piece lives.
pub struct PoolRegion {
    inner: Arc<Inner>,
    offset: usize,
    region: MemoryRegion,
}

impl PoolRegion {
    /// Where the piece starts in the pool, in bytes.
    pub fn offset_bytes(&self) -> usize {
        self.offset
    }
}

impl Deref for PoolRegion {
    type Target = MemoryRegion;

    fn deref(&self) -> &MemoryRegion {
        &self.region
    }
}

impl Drop for PoolRegion {
    fn drop(&mut self) {
        let freed = self.inner.lock().allocator.free(self.offset);
        debug_assert!(freed.is_ok(), "a region is handed out once: {freed:?}");
    }
}
