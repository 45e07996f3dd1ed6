//! Contexts, files and regions for the tests.

use gpuio_core::config::{Config, ConfigLayer, DeviceChoice};
use gpuio_runtime::requests::{Region, RequestHandle, RequestStatus, Requests};
use gpuio_runtime::Context;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;
use std::time::Duration;

/// Longer than anything takes; a test that waits so long has failed.
pub const LONG: Duration = Duration::from_secs(60);

pub fn context_with(layer: ConfigLayer) -> Arc<Context> {
    let layer = ConfigLayer {
        device: layer.device.or(Some(DeviceChoice::Host)),
        page_bytes: Some(4096),
        l1_capacity_bytes: Some(1 << 20),
        l2_capacity_bytes: Some(1 << 20),
        ..layer
    };
    let rest = ConfigLayer::default();
    let config = Config::resolve(layer, rest.clone(), rest).unwrap();
    Context::new(config).unwrap()
}

pub fn context() -> Arc<Context> {
    context_with(ConfigLayer::default())
}

/// A file that goes with this.
pub struct TestFile(pub PathBuf);

impl TestFile {
    pub fn new(bytes: &[u8]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("gpuio-requests-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, bytes).unwrap();
        Self(path)
    }

    pub fn uri(&self) -> String {
        format!("localio://{}", self.0.display())
    }

    pub fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.0).unwrap()
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Memory that stays where it is, and is looked at only between requests.
pub struct Memory {
    bytes: Vec<u8>,
    pub region: Region,
}

impl Memory {
    pub fn new(requests: &Arc<Requests>, bytes: Vec<u8>) -> Self {
        let mut bytes = bytes;
        // SAFETY: the vector is not resized, and `drop` waits until no request names it.
        let region =
            unsafe { requests.register_memory(bytes.as_mut_ptr() as usize, bytes.len() as u64) };
        Self {
            bytes,
            region: region.unwrap(),
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        // SAFETY: the vector's own bytes; volatile, because requests change them.
        (0..self.bytes.len())
            .map(|k| unsafe { std::ptr::read_volatile(&self.bytes[k]) })
            .collect()
    }

    /// The same memory from this byte on, registered once more.
    pub fn again(&self, requests: &Arc<Requests>, from: u64) -> Region {
        let (address, length) = (self.bytes.as_ptr() as usize, self.bytes.len() as u64);
        // SAFETY: part of the same vector; whoever asks waits for the requests that name it.
        let region = unsafe { requests.register_memory(address + from as usize, length - from) };
        region.unwrap()
    }

    /// The same memory as memory of the host device.
    pub fn as_device_memory(&self, requests: &Arc<Requests>) -> Region {
        let (address, length) = (self.bytes.as_ptr() as u64, self.bytes.len() as u64);
        // SAFETY: the same vector; whoever asks waits for the requests that name it.
        unsafe { requests.register_device_memory(address, length) }.unwrap()
    }

    pub fn at(&self, offset: u64) -> (gpuio_runtime::requests::RegionId, u64) {
        at(&self.region, offset)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        assert!(self.region.release(LONG), "a request still uses it");
    }
}

pub fn at(region: &Region, offset: u64) -> (gpuio_runtime::requests::RegionId, u64) {
    (region.id(), offset)
}

/// Bytes that tell where they come from.
pub fn pattern(seed: u64, length: usize) -> Vec<u8> {
    let byte = |k: u64| ((k * 7 + seed * 13) ^ (k >> 8) ^ (k >> 16)) as u8;
    (0..length as u64).map(byte).collect()
}

/// Waits for the end, which must be good.
pub fn complete(handle: &RequestHandle) {
    let status = handle.wait(LONG);
    assert_eq!(
        status,
        Some(RequestStatus::Completed),
        "{:?}",
        handle.error()
    );
    assert!(handle.error().is_none());
}

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}
