//! Pinned host memory: allocated by the driver, or the caller's own and registered.

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use cudarc::driver::sys;
use gpuio_core::Result;

use super::context::Context;
use super::memory::{naming_length, with_slack};
use crate::device::SharedMemory;
use crate::mapping::PAGE_BYTES;

/// Pinned host memory, mapped for the GPU. Freed on drop.
pub(super) struct PinnedMemory {
    /// Keeps the memory; the addresses below lie inside it.
    _allocation: PinnedAllocation,
    host_address: usize,
    device_address: u64,
    length_bytes: usize,
}

impl PinnedMemory {
    pub(super) fn new(context: &Arc<Context>, length_bytes: usize) -> Result<Self> {
        let room_bytes = with_slack(length_bytes)?;
        let mut allocation = PinnedAllocation::new(context, length_bytes)?;
        // The driver packs small allocations into one page.
        if allocation.base.addr() % PAGE_BYTES != 0 {
            drop(allocation);
            allocation = PinnedAllocation::new(context, room_bytes)?;
        }
        let base: *mut u8 = allocation.base.cast();
        let skip_bytes = base.addr().next_multiple_of(PAGE_BYTES) - base.addr();
        // SAFETY: the skip is less than the slack, so the range lies inside the allocation; it
        // is fresh and nobody else knows it.
        let host_address = unsafe {
            let aligned = base.add(skip_bytes);
            aligned.write_bytes(0, length_bytes);
            aligned.expose_provenance()
        };
        let device_address = mapped_address(context, allocation.base)? + skip_bytes as u64;
        Ok(Self {
            _allocation: allocation,
            host_address,
            device_address,
            length_bytes,
        })
    }
}

impl SharedMemory for PinnedMemory {
    fn host_address(&self) -> usize {
        self.host_address
    }

    fn device_address(&self) -> u64 {
        self.device_address
    }

    fn length_bytes(&self) -> usize {
        self.length_bytes
    }
}

/// What `cuMemHostAlloc` gave. Freed on drop.
struct PinnedAllocation {
    context: Arc<Context>,
    base: *mut c_void,
}

// SAFETY: the pointer is a name for memory this struct only frees, from whatever thread.
unsafe impl Send for PinnedAllocation {}
// SAFETY: no method goes through the pointer.
unsafe impl Sync for PinnedAllocation {}

impl PinnedAllocation {
    fn new(context: &Arc<Context>, length_bytes: usize) -> Result<Self> {
        let current = context.enter()?;
        let mut base: *mut c_void = ptr::null_mut();
        let flags = sys::CU_MEMHOSTALLOC_PORTABLE | sys::CU_MEMHOSTALLOC_DEVICEMAP;
        // SAFETY: writes the one pointer it is given; a context is current.
        let status = unsafe { (current.driver.cuMemHostAlloc)(&mut base, length_bytes, flags) };
        naming_length(
            current.driver.check("allocate pinned memory", status),
            length_bytes,
        )?;
        drop(current);
        Ok(Self {
            context: Arc::clone(context),
            base,
        })
    }
}

impl Drop for PinnedAllocation {
    fn drop(&mut self) {
        if let Ok(current) = self.context.enter() {
            // SAFETY: the allocation is this struct's own.
            unsafe { (current.driver.cuMemFreeHost)(self.base) };
        }
    }
}

/// Pins existing memory and returns the GPU's address for it.
///
/// The driver checks that the range is mapped: a wrong one is an error, not a fault.
pub(super) fn register(context: &Arc<Context>, host: usize, length_bytes: usize) -> Result<u64> {
    let current = context.enter()?;
    let base: *mut c_void = ptr::with_exposed_provenance_mut(host);
    let flags = sys::CU_MEMHOSTREGISTER_PORTABLE | sys::CU_MEMHOSTREGISTER_DEVICEMAP;
    // SAFETY: pinning changes no byte; the driver refuses what is not mapped.
    let status = unsafe { (current.driver.cuMemHostRegister_v2)(base, length_bytes, flags) };
    naming_length(
        current.driver.check("register host memory", status),
        length_bytes,
    )?;
    drop(current);
    mapped_address(context, base).inspect_err(|_| unregister(context, host))
}

/// Undoes `register`. Memory that is not registered is left alone.
pub(super) fn unregister(context: &Arc<Context>, host: usize) {
    if let Ok(current) = context.enter() {
        // SAFETY: unpins; the driver refuses an address that was not registered.
        unsafe { (current.driver.cuMemHostUnregister)(ptr::with_exposed_provenance_mut(host)) };
    }
}

/// The GPU's address of pinned memory.
fn mapped_address(context: &Arc<Context>, base: *mut c_void) -> Result<u64> {
    let current = context.enter()?;
    let mut address: sys::CUdeviceptr = 0;
    // SAFETY: writes the one address it is given; `base` is pinned and mapped.
    let status = unsafe { (current.driver.cuMemHostGetDevicePointer_v2)(&mut address, base, 0) };
    current
        .driver
        .check("map pinned memory for the GPU", status)?;
    Ok(address)
}
