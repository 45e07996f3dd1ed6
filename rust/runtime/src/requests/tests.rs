//! Requests to a device whose memory this process cannot address, and whose copies take a while.

use super::{Region, RequestSpec, RequestStatus};
use crate::Context;
use gpuio_core::config::{Config, ConfigLayer};
use gpuio_core::{Error, ErrorCode, Result};
use gpuio_memory::device::{CopyTicket, Device, DeviceInfo, DeviceMemory, SharedMemory};
use gpuio_memory::host::HostDevice;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);
const LENGTH: usize = 5 << 20;
/// Added to what the process would address.
const FAR: u64 = 1 << 60;
/// Looks at a ticket until its copy is done.
const LOOKS: u32 = 3;
/// Every so many copies are refused at first.
const BUSY_EVERY: u64 = 7;

struct Copy {
    target: usize,
    source: usize,
    length: usize,
    looks: u32,
}

#[derive(Default)]
struct Copies {
    last: u64,
    under_way: HashMap<u64, Copy>,
}

#[derive(Default)]
struct FarDevice {
    host: HostDevice,
    copies: Mutex<Copies>,
}

struct FarMemory(Box<dyn DeviceMemory>);

impl DeviceMemory for FarMemory {
    fn device_address(&self) -> u64 {
        self.0.device_address() + FAR
    }

    fn length_bytes(&self) -> usize {
        self.0.length_bytes()
    }
}

impl FarDevice {
    fn start(&self, target: usize, source: usize, length: usize) -> Result<CopyTicket> {
        let mut copies = self.copies.lock().unwrap();
        copies.last += 1;
        let number = copies.last;
        if number % BUSY_EVERY == 0 {
            return Err(Error::new(ErrorCode::Busy, "copy", "as this test wants"));
        }
        let copy = Copy {
            target,
            source,
            length,
            looks: 0,
        };
        copies.under_way.insert(number, copy);
        Ok(CopyTicket(number))
    }
}

impl Device for FarDevice {
    fn info(&self) -> DeviceInfo {
        self.host.info()
    }

    fn allocate(&self, length_bytes: usize) -> Result<Box<dyn DeviceMemory>> {
        Ok(Box::new(FarMemory(self.host.allocate(length_bytes)?)))
    }

    fn allocate_shared(&self, length_bytes: usize) -> Result<Box<dyn SharedMemory>> {
        self.host.allocate_shared(length_bytes)
    }

    fn register_host(&self, host_address: usize, length_bytes: usize) -> Result<u64> {
        self.host.register_host(host_address, length_bytes)
    }

    fn unregister_host(&self, _: usize) {}

    unsafe fn copy_to_device(&self, device: u64, host: usize, length_bytes: usize) -> Result<()> {
        // SAFETY: the caller's promise, for the memory behind.
        unsafe { self.host.copy_to_device(device - FAR, host, length_bytes) }
    }

    unsafe fn copy_to_host(&self, host: usize, device: u64, length_bytes: usize) -> Result<()> {
        // SAFETY: as before.
        unsafe { self.host.copy_to_host(host, device - FAR, length_bytes) }
    }

    unsafe fn start_copy_to_device(
        &self,
        device: u64,
        host: usize,
        length_bytes: usize,
    ) -> Result<CopyTicket> {
        self.start((device - FAR) as usize, host, length_bytes)
    }

    unsafe fn start_copy_to_host(
        &self,
        host: usize,
        device: u64,
        length_bytes: usize,
    ) -> Result<CopyTicket> {
        self.start(host, (device - FAR) as usize, length_bytes)
    }

    fn copy_done(&self, ticket: CopyTicket) -> Result<bool> {
        let mut copies = self.copies.lock().unwrap();
        let Some(copy) = copies.under_way.get_mut(&ticket.0) else {
            return Ok(true);
        };
        copy.looks += 1;
        if copy.looks < LOOKS {
            return Ok(false);
        }
        // SAFETY: both ranges stay valid until the ticket is done, as the trait demands.
        unsafe {
            std::ptr::copy(
                copy.source as *const u8,
                copy.target as *mut u8,
                copy.length,
            );
        }
        copies.under_way.remove(&ticket.0);
        Ok(true)
    }

    fn synchronize(&self, _: u64) -> Result<()> {
        Ok(())
    }

    fn stream(&self) -> u64 {
        1
    }
}

fn context(device: &Arc<FarDevice>) -> Arc<Context> {
    let code = ConfigLayer {
        l1_capacity_bytes: Some(1 << 20),
        l2_capacity_bytes: Some(1 << 20),
        page_bytes: Some(4096),
        ..ConfigLayer::default()
    };
    let rest = ConfigLayer::default();
    let config = Config::resolve(code, rest.clone(), rest).unwrap();
    Context::on(Arc::clone(device) as Arc<dyn Device>, config, None).unwrap()
}

fn byte_at(k: usize) -> u8 {
    (k ^ (k >> 8) ^ (k >> 16)) as u8
}

#[test]
fn bytes_go_through_memory_that_only_the_copy_engine_reaches() {
    let device = Arc::new(FarDevice::default());
    let context = context(&device);
    let requests = context.requests();
    let blocks = [0, 1].map(|_| device.allocate(LENGTH).unwrap());
    let mut source: Vec<u8> = (0..LENGTH).map(byte_at).collect();
    let mut target = vec![0u8; LENGTH];
    let memory = |bytes: &mut Vec<u8>| {
        let address = bytes.as_mut_ptr() as usize;
        // SAFETY: the vectors outlive the requests, which are waited for.
        unsafe { requests.register_memory(address, LENGTH as u64) }.unwrap()
    };
    let far = blocks.each_ref().map(|block| {
        // SAFETY: as before.
        unsafe { requests.register_device_memory(block.device_address(), LENGTH as u64) }.unwrap()
    });
    let memio = || {
        let uri = "memio://cpu/dram";
        requests.open_resource(uri, LENGTH as u64, true).unwrap()
    };
    let chain = [
        memory(&mut source),
        far[0].clone(),
        memio(),
        far[1].clone(),
        far[0].clone(),
        memory(&mut target),
    ];
    let length = LENGTH as u64 - 10_000;
    for (step, pair) in chain.windows(2).enumerate() {
        let place = |region: &Region, at: usize| (region.id(), 1001 * at as u64);
        let (from, to) = (place(&pair[0], step), place(&pair[1], step + 1));
        let copy = requests
            .submit(&RequestSpec::copy(from, to, length))
            .unwrap();
        let status = copy.wait(LONG);
        assert_eq!(status, Some(RequestStatus::Completed), "{:?}", copy.error());
    }
    assert!(chain.iter().all(|region| region.release(LONG)));
    let first = 1001 * (chain.len() - 1);
    assert!(target[first..first + length as usize] == source[..length as usize]);
    assert!(target[..first].iter().all(|it| *it == 0));
}

#[test]
fn the_end_of_a_context_waits_for_the_copy_engine() {
    for pause_us in [0, 200, 2000] {
        let device = Arc::new(FarDevice::default());
        let context = context(&device);
        let requests = context.requests();
        let blocks = [0, 1].map(|_| device.allocate(LENGTH).unwrap());
        let regions = blocks.each_ref().map(|block| {
            let address = block.device_address();
            // SAFETY: the blocks outlive the context.
            unsafe { requests.register_device_memory(address, LENGTH as u64) }.unwrap()
        });
        let place = |k: usize| (regions[k].id(), 0);
        let copy = RequestSpec::copy(place(0), place(1), LENGTH as u64);
        let handles: Vec<_> = (0..8).map(|_| requests.submit(&copy).unwrap()).collect();
        std::thread::sleep(Duration::from_micros(pause_us));
        drop(context);
        assert!(device.copies.lock().unwrap().under_way.is_empty());
        assert!(handles.iter().all(|it| it.status().is_end()));
    }
}
