//! The host device: device memory is ordinary memory, kernels are functions on CPU threads.
//!
//! A device address is the host address of the same byte. Copies happen in the calling thread
//! and are done when the call returns, so every ticket is complete at birth.

mod copy;

use std::thread;

use gpuio_core::{Error, ErrorCode, Result};

use crate::device::{
    check_registrable, CopyTicket, Device, DeviceInfo, DeviceMemory, SharedMemory, Vendor,
};
use crate::mapping::Mapping;
use crate::topology;

/// The one ticket of the host device: its copy is done.
const DONE: CopyTicket = CopyTicket(0);

/// The device that needs no GPU.
#[derive(Debug, Default)]
pub struct HostDevice;

impl HostDevice {
    /// The host device. It holds nothing: several may exist and are the same device.
    pub fn new() -> Self {
        Self
    }
}

/// Memory of the host device, near or shared: the same thing here.
struct HostMemory {
    mapping: Mapping,
    /// What was asked for; the mapping is rounded up to whole pages.
    length_bytes: usize,
}

impl HostMemory {
    fn new(length_bytes: usize) -> Result<Self> {
        Ok(Self {
            mapping: Mapping::new(length_bytes)?,
            length_bytes,
        })
    }
}

impl DeviceMemory for HostMemory {
    fn device_address(&self) -> u64 {
        self.mapping.address() as u64
    }

    fn length_bytes(&self) -> usize {
        self.length_bytes
    }
}

impl SharedMemory for HostMemory {
    fn host_address(&self) -> usize {
        self.mapping.address()
    }

    fn device_address(&self) -> u64 {
        self.mapping.address() as u64
    }

    fn length_bytes(&self) -> usize {
        self.length_bytes
    }
}

impl Device for HostDevice {
    fn info(&self) -> DeviceInfo {
        let thread_count = thread::available_parallelism().map_or(1, usize::from);
        DeviceInfo {
            device_id: -1,
            vendor: Vendor::Host,
            total_memory: topology::physical_memory_bytes(),
            compute_capability_major: 0,
            compute_capability_minor: 0,
            supports_gds: false,
            supports_gdr: false,
            supports_cxl: topology::has_cxl_memory(),
            name: format!("host CPU, {thread_count} threads"),
        }
    }

    fn allocate(&self, length_bytes: usize) -> Result<Box<dyn DeviceMemory>> {
        Ok(Box::new(HostMemory::new(length_bytes)?))
    }

    fn allocate_shared(&self, length_bytes: usize) -> Result<Box<dyn SharedMemory>> {
        Ok(Box::new(HostMemory::new(length_bytes)?))
    }

    fn host_address(&self, device: u64) -> Option<usize> {
        usize::try_from(device).ok()
    }

    /// Checks what a GPU would refuse, so that a program which runs here registers correctly
    /// there; there is nothing else to do.
    fn register_host(&self, host_address: usize, length_bytes: usize) -> Result<u64> {
        check_registrable(host_address, length_bytes)?;
        Ok(host_address as u64)
    }

    fn unregister_host(&self, _host_address: usize) {}

    unsafe fn copy_to_device(&self, device: u64, host: usize, length_bytes: usize) -> Result<()> {
        let device = address_of(device)?;
        // SAFETY: the caller vouches for both ranges; only the host side is read plainly.
        unsafe { copy::store_words(device, host, length_bytes) };
        Ok(())
    }

    unsafe fn copy_to_host(&self, host: usize, device: u64, length_bytes: usize) -> Result<()> {
        let device = address_of(device)?;
        // SAFETY: the caller vouches for both ranges; only the host side is written plainly.
        unsafe { copy::load_words(host, device, length_bytes) };
        Ok(())
    }

    unsafe fn start_copy_to_device(
        &self,
        device: u64,
        host: usize,
        length_bytes: usize,
    ) -> Result<CopyTicket> {
        // SAFETY: the caller's promise is the one of `copy_to_device` and more.
        unsafe { self.copy_to_device(device, host, length_bytes) }?;
        Ok(DONE)
    }

    unsafe fn start_copy_to_host(
        &self,
        host: usize,
        device: u64,
        length_bytes: usize,
    ) -> Result<CopyTicket> {
        // SAFETY: the caller's promise is the one of `copy_to_host` and more.
        unsafe { self.copy_to_host(host, device, length_bytes) }?;
        Ok(DONE)
    }

    fn copy_done(&self, _ticket: CopyTicket) -> Result<bool> {
        Ok(true)
    }

    /// Returns at once: kernels of the host device run in the C++ host executor, which waits for
    /// its own threads. This device starts no work that outlives a call.
    fn synchronize(&self, _timeout_us: u64) -> Result<()> {
        Ok(())
    }

    fn stream(&self) -> u64 {
        0
    }
}

fn address_of(device: u64) -> Result<usize> {
    usize::try_from(device).map_err(|_| {
        Error::new(
            ErrorCode::InvalidArgument,
            "copy memory",
            format!("device address {device:#x} is no address of this process"),
        )
    })
}
