//! GPU memory.

use std::sync::Arc;
use std::time::Duration;

use cudarc::driver::sys;
use gpuio_core::{Error, ErrorCode, Result};

use super::context::{Context, Event, Stream};
use super::wait;
use crate::device::DeviceMemory;
use crate::mapping::PAGE_BYTES;

/// The longest an allocation waits for its zeroing. Zeroing runs on the GPU's multiprocessors
/// and so behind kernels that fill them.
const ZERO_TIMEOUT: Duration = Duration::from_secs(60);

/// GPU memory. Freed on drop, which waits for kernels that run.
pub(super) struct GpuMemory {
    allocation: GpuAllocation,
    device_address: u64,
    length_bytes: usize,
}

impl GpuMemory {
    /// Allocates and zeroes, with the zeroing on `stream`.
    pub(super) fn new(stream: &Stream, length_bytes: usize) -> Result<Self> {
        let room_bytes = with_slack(length_bytes)?;
        let mut allocation = GpuAllocation::new(stream.context(), length_bytes)?;
        // The driver aligns to 256 bytes; large allocations happen to be aligned further.
        if allocation.address % PAGE_BYTES as u64 != 0 {
            drop(allocation);
            allocation = GpuAllocation::new(stream.context(), room_bytes)?;
        }
        let device_address = allocation.address.next_multiple_of(PAGE_BYTES as u64);
        let memory = Self {
            allocation,
            device_address,
            length_bytes,
        };
        memory.zero(stream)?;
        Ok(memory)
    }

    fn zero(&self, stream: &Stream) -> Result<()> {
        let current = self.allocation.context.enter()?;
        let driver = current.driver;
        // SAFETY: the range lies inside this allocation, which nobody else knows yet.
        let status = unsafe {
            (driver.cuMemsetD8Async)(self.device_address, 0, self.length_bytes, stream.raw())
        };
        driver.check("zero GPU memory", status)?;
        let zeroed = Event::new(&self.allocation.context)?;
        zeroed.record(stream)?;
        if wait::poll(ZERO_TIMEOUT, || zeroed.is_done())? {
            return Ok(());
        }
        Err(Error::new(
            ErrorCode::Timeout,
            "allocate GPU memory",
            format!(
                "zeroing {} bytes did not end within {} s; allocate before kernels fill the GPU",
                self.length_bytes,
                ZERO_TIMEOUT.as_secs()
            ),
        ))
    }
}

impl DeviceMemory for GpuMemory {
    fn device_address(&self) -> u64 {
        self.device_address
    }

    fn length_bytes(&self) -> usize {
        self.length_bytes
    }
}

/// What `cuMemAlloc` gave. Freed on drop.
struct GpuAllocation {
    context: Arc<Context>,
    address: sys::CUdeviceptr,
}

impl GpuAllocation {
    fn new(context: &Arc<Context>, length_bytes: usize) -> Result<Self> {
        let current = context.enter()?;
        let mut address: sys::CUdeviceptr = 0;
        // SAFETY: writes the one address it is given; a context is current.
        let status = unsafe { (current.driver.cuMemAlloc_v2)(&mut address, length_bytes) };
        naming_length(
            current.driver.check("allocate GPU memory", status),
            length_bytes,
        )?;
        drop(current);
        Ok(Self {
            context: Arc::clone(context),
            address,
        })
    }
}

impl Drop for GpuAllocation {
    fn drop(&mut self) {
        if let Ok(current) = self.context.enter() {
            // SAFETY: the allocation is this struct's own; the driver waits for its users.
            unsafe { (current.driver.cuMemFree_v2)(self.address) };
        }
    }
}

/// `length_bytes` with room to align it to a page.
pub(super) fn with_slack(length_bytes: usize) -> Result<usize> {
    let refuse = |message: String| {
        Err(Error::new(
            ErrorCode::InvalidArgument,
            "allocate memory",
            message,
        ))
    };
    if length_bytes == 0 {
        return refuse("the length is 0 bytes; ask for at least 1".to_owned());
    }
    match length_bytes.checked_add(PAGE_BYTES) {
        Some(room_bytes) => Ok(room_bytes),
        None => refuse(format!(
            "{length_bytes} bytes exceed the address space; ask for less"
        )),
    }
}

/// Adds to an error how much memory was asked for.
pub(super) fn naming_length(result: Result<()>, length_bytes: usize) -> Result<()> {
    result.map_err(|error| error.with_resource(format!("({length_bytes} bytes)")))
}
