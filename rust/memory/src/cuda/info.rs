//! What a GPU says about itself, and what the machine around it allows.

use std::ffi::{c_char, CStr};
use std::path::Path;

use cudarc::driver::sys;
use gpuio_core::Result;

use super::context::Context;
use super::driver::Driver;
use crate::device::{DeviceInfo, Vendor};
use crate::topology;

const NAME_ROOM_BYTES: usize = 256;

/// Reads everything once; nothing of it changes while the process lives.
pub(super) fn read(driver: &'static Driver, context: &Context, ordinal: i32) -> Result<DeviceInfo> {
    use sys::CUdevice_attribute_enum as Attribute;
    let device = context.device();
    let attribute = |which| read_attribute(driver, device, which);
    let rdma = attribute(Attribute::CU_DEVICE_ATTRIBUTE_GPU_DIRECT_RDMA_SUPPORTED);
    Ok(DeviceInfo {
        device_id: ordinal,
        vendor: Vendor::Nvidia,
        total_memory: read_total_memory(driver, device)?,
        compute_capability_major: attribute(
            Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR,
        )?,
        compute_capability_minor: attribute(
            Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
        )?,
        supports_gds: has_gpudirect_storage(),
        // A driver older than the attribute does not know it, which is a no.
        supports_gdr: rdma.unwrap_or(0) != 0,
        supports_cxl: topology::has_cxl_memory(),
        name: read_name(driver, device)?,
    })
}

fn read_attribute(
    driver: &Driver,
    device: sys::CUdevice,
    which: sys::CUdevice_attribute,
) -> Result<i32> {
    let mut value = 0;
    // SAFETY: writes the one number it is given.
    let status = unsafe { (driver.cuDeviceGetAttribute)(&mut value, which, device) };
    driver.check("read a CUDA device attribute", status)?;
    Ok(value)
}

fn read_total_memory(driver: &Driver, device: sys::CUdevice) -> Result<u64> {
    let mut bytes = 0;
    // SAFETY: writes the one number it is given.
    let status = unsafe { (driver.cuDeviceTotalMem_v2)(&mut bytes, device) };
    driver.check("read the CUDA device's memory size", status)?;
    Ok(bytes as u64)
}

fn read_name(driver: &Driver, device: sys::CUdevice) -> Result<String> {
    let mut name = [0_u8; NAME_ROOM_BYTES];
    let room: *mut c_char = name.as_mut_ptr().cast();
    // SAFETY: writes at most the length it is given, with a zero at the end.
    let status = unsafe { (driver.cuDeviceGetName)(room, NAME_ROOM_BYTES as i32, device) };
    driver.check("read the CUDA device's name", status)?;
    let name = CStr::from_bytes_until_nul(&name).map(CStr::to_string_lossy);
    Ok(name.unwrap_or_default().into_owned())
}

/// Whether cuFile and its kernel module are installed. Newer kernels can do without the module
/// (peer-to-peer DMA); whether this one can is only known by trying, so the answer is then no.
fn has_gpudirect_storage() -> bool {
    Path::new("/sys/module/nvidia_fs").exists() && loads(c"libcufile.so.0")
}

fn loads(library: &CStr) -> bool {
    // SAFETY: the name is a C string, and a library that loads is closed again.
    unsafe {
        let handle = libc::dlopen(library.as_ptr(), libc::RTLD_LAZY | libc::RTLD_LOCAL);
        !handle.is_null() && libc::dlclose(handle) == 0
    }
}
