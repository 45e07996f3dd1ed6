//! One abstraction over where kernels run: memory near the device, host memory the device can
//! address, copies between the two, and a wait for running work.
//!
//! Two implementations: [`crate::host`] (ordinary memory, CPU threads) and [`crate::cuda`].
//! Addresses are plain numbers (`u64`): a device address means nothing to the CPU in general, and
//! turning it into a pointer is the implementation's business.

use gpuio_core::{Error, ErrorCode, Result};

use crate::mapping::PAGE_BYTES;

/// Who makes the device. The specification's `gpuio_gpu_vendor_t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Vendor {
    /// The host device: CPU threads run the kernels.
    Host = 0,
    /// NVIDIA, by CUDA.
    Nvidia = 1,
    /// AMD. Named by the specification; no backend yet.
    Amd = 2,
}

/// The specification's `gpuio_device_info_t`, with a name beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// CUDA ordinal; -1 for the host device.
    pub device_id: i32,
    /// Who makes it.
    pub vendor: Vendor,
    /// Bytes of memory near the device.
    pub total_memory: u64,
    /// Compute capability, major; 0 for the host device.
    pub compute_capability_major: i32,
    /// Compute capability, minor; 0 for the host device.
    pub compute_capability_minor: i32,
    /// GPUDirect Storage can be used here.
    pub supports_gds: bool,
    /// GPUDirect RDMA can be used here.
    pub supports_gdr: bool,
    /// CXL memory is present.
    pub supports_cxl: bool,
    /// The device's own name.
    pub name: String,
}

/// Memory near the device (GPU memory; on the host device ordinary memory). Freed on drop.
pub trait DeviceMemory: Send + Sync {
    /// The address kernels use.
    fn device_address(&self) -> u64;
    /// Length in bytes.
    fn length_bytes(&self) -> usize;
}

/// Pinned host memory that both sides address. Freed on drop.
pub trait SharedMemory: Send + Sync {
    /// The address this process uses. Aligned to 4096 bytes, zeroed at birth.
    fn host_address(&self) -> usize;
    /// The address kernels use for the same bytes.
    fn device_address(&self) -> u64;
    /// Length in bytes.
    fn length_bytes(&self) -> usize;
}

/// A copy that has been started and not been waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyTicket(pub u64);

/// A device that kernels run on.
pub trait Device: Send + Sync {
    /// What it is.
    fn info(&self) -> DeviceInfo;

    /// Allocates device memory, zeroed, aligned to 4096 bytes.
    fn allocate(&self, length_bytes: usize) -> Result<Box<dyn DeviceMemory>>;

    /// Allocates pinned host memory that kernels can address.
    fn allocate_shared(&self, length_bytes: usize) -> Result<Box<dyn SharedMemory>>;

    /// Where this process, and an engine it drives, can address memory of this device; `None` where
    /// only kernels and copies reach it. The address stands for the whole allocation around it.
    fn host_address(&self, device: u64) -> Option<usize> {
        let _ = device;
        None
    }

    /// Makes existing host memory addressable by kernels and returns the address they use. Address
    /// and length are multiples of 4096 bytes. The memory must stay mapped until
    /// `unregister_host`.
    fn register_host(&self, host_address: usize, length_bytes: usize) -> Result<u64>;

    /// Undoes `register_host`.
    fn unregister_host(&self, host_address: usize);

    /// Copies host memory to device memory and waits. On the host device the copy is made of
    /// relaxed atomic words, so that a kernel that reads concurrently has no data race.
    ///
    /// # Safety
    /// Both ranges are mapped for `length_bytes`; `device` is memory of this device. After a
    /// `Timeout` the copy may still be under way, and both ranges stay valid until the process
    /// ends or the device answers again.
    unsafe fn copy_to_device(&self, device: u64, host: usize, length_bytes: usize) -> Result<()>;

    /// Copies device memory to host memory and waits. Atomic words as in `copy_to_device`.
    ///
    /// # Safety
    /// As `copy_to_device`.
    unsafe fn copy_to_host(&self, host: usize, device: u64, length_bytes: usize) -> Result<()>;

    /// Starts a copy from pinned host memory to device memory by the copy engine. `Busy` when as
    /// many copies are in flight as the device keeps track of: ask for the oldest, then again.
    ///
    /// # Safety
    /// As `copy_to_device`, and both ranges stay valid until the ticket is done.
    unsafe fn start_copy_to_device(
        &self,
        device: u64,
        host: usize,
        length_bytes: usize,
    ) -> Result<CopyTicket>;

    /// Starts a copy from device memory to pinned host memory by the copy engine. `Busy` as for
    /// `start_copy_to_device`; each direction has its own count.
    ///
    /// # Safety
    /// As `copy_to_host`, and both ranges stay valid until the ticket is done.
    unsafe fn start_copy_to_host(
        &self,
        host: usize,
        device: u64,
        length_bytes: usize,
    ) -> Result<CopyTicket>;

    /// Whether the copy is done. Tickets of one direction complete in the order they were given;
    /// the two directions are independent. Does not wait.
    fn copy_done(&self, ticket: CopyTicket) -> Result<bool>;

    /// Waits until all work launched on this device's stream is done; at most `timeout_us`.
    fn synchronize(&self, timeout_us: u64) -> Result<()>;

    /// The stream kernels are launched on: a `CUstream` as a number; 0 on the host device.
    fn stream(&self) -> u64;
}

/// Whether a range can be registered with any device: whole pages, inside the address space.
pub(crate) fn check_registrable(host_address: usize, length_bytes: usize) -> Result<()> {
    let refuse = |reason: String| {
        Err(Error::new(
            ErrorCode::InvalidArgument,
            "register host memory",
            reason,
        ))
    };
    if host_address == 0 || host_address % PAGE_BYTES != 0 {
        return refuse(format!(
            "address {host_address:#x} is not a multiple of {PAGE_BYTES}"
        ));
    }
    if length_bytes == 0 || length_bytes % PAGE_BYTES != 0 {
        return refuse(format!(
            "length {length_bytes} is not a positive multiple of {PAGE_BYTES} bytes"
        ));
    }
    if host_address.checked_add(length_bytes).is_none() {
        return refuse(format!(
            "{length_bytes} bytes at {host_address:#x} leave the address space"
        ));
    }
    Ok(())
}
