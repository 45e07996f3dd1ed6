//! `gpuio info`: what this build is and what this machine has for it.

use crate::quantity::bytes;
use gpuio_core::config::API_VERSION;
use gpuio_core::uri::LocalBackend;
use gpuio_engines::localio::{LocalIoEngine, LocalIoOptions};
use gpuio_memory::cuda;
use gpuio_memory::device::DeviceInfo;
use std::fmt::Write;

/// A few lines. Starts an I/O engine and asks the CUDA driver, which can take a second.
pub fn text() -> String {
    let mut text = format!(
        "gpuio {}, configuration version {API_VERSION}\n\ndevices\n",
        env!("CARGO_PKG_VERSION")
    );
    // Writing to a String does not fail.
    for device in gpuio_runtime::devices() {
        let _ = writeln!(text, "  {}", line(&device));
    }
    let _ = writeln!(text, "\npaths\n  files  {}", files());
    let _ = writeln!(text, "  CUDA   {}", cuda_devices());
    text
}

fn line(device: &DeviceInfo) -> String {
    let name = match device.device_id {
        -1 => "host".into(),
        number => format!("cuda:{number}"),
    };
    let capability = match device.compute_capability_major {
        0 => String::new(),
        major => format!(", compute {major}.{}", device.compute_capability_minor),
    };
    let memory = bytes(device.total_memory);
    format!("{name:<8} {}, {memory}{capability}", device.name)
}

fn files() -> String {
    let options = LocalIoOptions {
        backend: LocalBackend::IoUring,
        ..LocalIoOptions::default()
    };
    match LocalIoEngine::new(options) {
        Ok(_) => "io_uring".into(),
        Err(error) => format!("a thread pool; io_uring: {}", error.message),
    }
}

fn cuda_devices() -> String {
    match cuda::device_count() {
        Ok(0) => "a driver, but no device".into(),
        Ok(1) => "1 device".into(),
        Ok(count) => format!("{count} devices"),
        Err(error) => format!("none: {}", error.message),
    }
}
