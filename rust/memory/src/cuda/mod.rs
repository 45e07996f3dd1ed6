//! NVIDIA GPUs, by the CUDA driver API.
//!
//! The driver library is loaded at run time: this crate builds and runs without CUDA, and a
//! machine without a driver gets `Unsupported` with the loader's reason.
//!
//! The device shares the primary context with the CUDA runtime API. Kernels are launched on
//! [`stream`](crate::device::Device::stream); copies run on two further streams, one a direction,
//! and so beside kernels. Calls may come from any thread and leave its current context as it was.
//!
//! Allocating and freeing may wait for running kernels, as the driver sees fit. Allocate arenas
//! before launching a kernel that itself waits for the host.

mod context;
mod copies;
mod driver;
mod error;
mod info;
mod memory;
mod pinned;
mod wait;

use std::sync::Arc;
use std::time::Duration;

use gpuio_core::{Error, ErrorCode, Result};

use crate::device::{
    check_registrable, CopyTicket, Device, DeviceInfo, DeviceMemory, SharedMemory,
};
use context::{Context, Stream};
use copies::{Copy, CopyLane, Direction};
use driver::{Driver, NO_DEVICE};

/// How many CUDA devices this process sees.
///
/// # Errors
/// `Unsupported` when there is no CUDA driver, with the reason. A driver without any device is
/// no error: the count is 0.
pub fn device_count() -> Result<u32> {
    count_devices(Driver::get()?)
}

fn count_devices(driver: &Driver) -> Result<u32> {
    let mut count = 0;
    // SAFETY: writes the one number it is given.
    let status = unsafe { (driver.cuDeviceGetCount)(&mut count) };
    if status == NO_DEVICE {
        return Ok(0);
    }
    driver.check("count the CUDA devices", status)?;
    Ok(u32::try_from(count).unwrap_or(0))
}

/// One GPU.
///
/// Memory may outlive the device: it holds on to the context. Work still on the streams when the
/// device is dropped runs to its end.
pub struct CudaDevice {
    info: DeviceInfo,
    compute: Stream,
    to_device: CopyLane,
    to_host: CopyLane,
    context: Arc<Context>,
}

impl CudaDevice {
    /// Opens the device with this ordinal, counted from 0 as `CUDA_VISIBLE_DEVICES` leaves them.
    ///
    /// # Errors
    /// `Unsupported` without a driver, `NotFound` without such a device, `Busy` when another
    /// process holds it exclusively, else what CUDA answers.
    pub fn open(ordinal: u32) -> Result<Self> {
        Self::open_with(Driver::get()?, ordinal)
    }

    fn open_with(driver: &'static Driver, ordinal: u32) -> Result<Self> {
        let count = count_devices(driver)?;
        if ordinal >= count {
            return Err(Error::new(
                ErrorCode::NotFound,
                "open the CUDA device",
                format!("there is no device {ordinal}; this process sees {count} (from 0)"),
            ));
        }
        // Below the count, which came as a positive `i32`.
        let ordinal = ordinal as i32;
        let context = Arc::new(Context::retain(driver, ordinal)?);
        Ok(Self {
            info: info::read(driver, &context, ordinal)?,
            compute: Stream::new(&context)?,
            to_device: CopyLane::new(&context, Direction::ToDevice)?,
            to_host: CopyLane::new(&context, Direction::ToHost)?,
            context,
        })
    }

    fn lane(&self, direction: Direction) -> &CopyLane {
        match direction {
            Direction::ToDevice => &self.to_device,
            Direction::ToHost => &self.to_host,
        }
    }
}

impl Device for CudaDevice {
    fn info(&self) -> DeviceInfo {
        self.info.clone()
    }

    fn allocate(&self, length_bytes: usize) -> Result<Box<dyn DeviceMemory>> {
        Ok(Box::new(memory::GpuMemory::new(
            self.to_device.stream(),
            length_bytes,
        )?))
    }

    fn allocate_shared(&self, length_bytes: usize) -> Result<Box<dyn SharedMemory>> {
        Ok(Box::new(pinned::PinnedMemory::new(
            &self.context,
            length_bytes,
        )?))
    }

    fn register_host(&self, host_address: usize, length_bytes: usize) -> Result<u64> {
        check_registrable(host_address, length_bytes)?;
        pinned::register(&self.context, host_address, length_bytes)
    }

    fn unregister_host(&self, host_address: usize) {
        pinned::unregister(&self.context, host_address);
    }

    unsafe fn copy_to_device(&self, device: u64, host: usize, length_bytes: usize) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe {
            self.to_device.copy(Copy {
                device,
                host,
                length_bytes,
            })
        }
    }

    unsafe fn copy_to_host(&self, host: usize, device: u64, length_bytes: usize) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe {
            self.to_host.copy(Copy {
                device,
                host,
                length_bytes,
            })
        }
    }

    unsafe fn start_copy_to_device(
        &self,
        device: u64,
        host: usize,
        length_bytes: usize,
    ) -> Result<CopyTicket> {
        // SAFETY: the caller's promise.
        unsafe {
            self.to_device.start(Copy {
                device,
                host,
                length_bytes,
            })
        }
    }

    unsafe fn start_copy_to_host(
        &self,
        host: usize,
        device: u64,
        length_bytes: usize,
    ) -> Result<CopyTicket> {
        // SAFETY: the caller's promise.
        unsafe {
            self.to_host.start(Copy {
                device,
                host,
                length_bytes,
            })
        }
    }

    fn copy_done(&self, ticket: CopyTicket) -> Result<bool> {
        self.lane(Direction::of(ticket)).is_done(ticket)
    }

    fn synchronize(&self, timeout_us: u64) -> Result<()> {
        if wait::poll(Duration::from_micros(timeout_us), || self.compute.is_idle())? {
            return Ok(());
        }
        Err(Error::new(
            ErrorCode::Timeout,
            "synchronize",
            format!(
                "kernels on device {} ({}) were not done after {timeout_us} us; they still run",
                self.info.device_id, self.info.name
            ),
        ))
    }

    fn stream(&self) -> u64 {
        self.compute.raw().expose_provenance() as u64
    }
}

#[cfg(test)]
mod tests;
