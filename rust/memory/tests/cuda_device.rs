//! The device contract, on every CUDA device there is.

mod contract;

use gpuio_core::ErrorCode;
use gpuio_memory::cuda::{self, CudaDevice};
use gpuio_memory::device::Device;

#[test]
fn every_cuda_device_keeps_the_contract() {
    let count = match cuda::device_count() {
        Ok(count) => count,
        Err(error) => {
            assert_eq!(error.code, ErrorCode::Unsupported, "{error}");
            println!("skipped: {error}");
            return;
        }
    };
    if count == 0 {
        println!("skipped: the CUDA driver is here and sees no device");
    }
    for ordinal in 0..count {
        let device = CudaDevice::open(ordinal).expect("open");
        println!("device {ordinal}: {:?}", device.info());
        for (name, check) in contract::CHECKS {
            check(&device).unwrap_or_else(|reason| panic!("{name}: {reason}"));
        }
    }
}

#[test]
fn memory_outlives_its_device() {
    let Ok(device) = CudaDevice::open(0) else {
        println!("skipped: no CUDA device");
        return;
    };
    let memory = device.allocate(4096).expect("device memory");
    let shared = device.allocate_shared(4096).expect("shared memory");
    drop(device);
    drop(memory);
    drop(shared);
}

#[test]
fn a_device_that_is_not_there_is_an_error() {
    let error = CudaDevice::open(u32::MAX).err().expect("no such device");
    let expected = [ErrorCode::Unsupported, ErrorCode::NotFound];
    assert!(expected.contains(&error.code), "{error}");
}
