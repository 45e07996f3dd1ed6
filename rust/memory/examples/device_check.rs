//! Runs the device contract on the host device and on every CUDA device, with a line a check.
//! One executable without a test harness, for machines that have a GPU and no Rust.
//!
//! Exits with 0 when every check of every device passed, with 1 otherwise. Without a GPU the
//! host device alone is checked; `--require-cuda` makes that a failure.

#[path = "../tests/contract/mod.rs"]
mod contract;

use std::process::ExitCode;

use gpuio_memory::cuda::{self, CudaDevice};
use gpuio_memory::device::Device;
use gpuio_memory::host::HostDevice;

fn main() -> ExitCode {
    let require_cuda = std::env::args().any(|argument| argument == "--require-cuda");
    let mut failure_count = check("host", &HostDevice::new());
    match cuda::device_count() {
        Ok(count) if count > 0 => {
            for ordinal in 0..count {
                failure_count += check_cuda(ordinal);
            }
        }
        Ok(_) => failure_count += absent("the driver sees no device", require_cuda),
        Err(error) => failure_count += absent(&error.to_string(), require_cuda),
    }
    println!("{failure_count} failed");
    if failure_count == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn check_cuda(ordinal: u32) -> u32 {
    match CudaDevice::open(ordinal) {
        Ok(device) => check(&format!("cuda:{ordinal}"), &device),
        Err(error) => {
            println!("FAIL cuda:{ordinal}: open: {error}");
            1
        }
    }
}

fn check(label: &str, device: &dyn Device) -> u32 {
    println!("---- {label}: {:?}", device.info());
    let mut failure_count = 0;
    for (name, check) in contract::CHECKS {
        match check(device) {
            Ok(()) => println!("PASS {label}: {name}"),
            Err(reason) => {
                println!("FAIL {label}: {name}: {reason}");
                failure_count += 1;
            }
        }
    }
    failure_count
}

fn absent(reason: &str, is_failure: bool) -> u32 {
    println!(
        "{} cuda: {reason}",
        if is_failure { "FAIL" } else { "skipped" }
    );
    u32::from(is_failure)
}
