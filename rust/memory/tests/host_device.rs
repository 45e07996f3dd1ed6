//! The device contract, on the host device.

mod contract;

use gpuio_memory::device::{Device, Vendor};
use gpuio_memory::host::HostDevice;

#[test]
fn the_host_device_keeps_the_contract() {
    let device = HostDevice::new();
    for (name, check) in contract::CHECKS {
        check(&device).unwrap_or_else(|reason| panic!("{name}: {reason}"));
    }
}

#[test]
fn kernels_use_the_addresses_of_the_process() {
    let device = HostDevice::new();
    assert_eq!(device.info().vendor, Vendor::Host);
    assert_eq!(device.info().device_id, -1);
    let shared = device.allocate_shared(4096).expect("shared memory");
    assert_eq!(shared.host_address() as u64, shared.device_address());
    let registered = device
        .register_host(shared.host_address(), 4096)
        .expect("register");
    assert_eq!(registered, shared.device_address());
}
