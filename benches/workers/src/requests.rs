//! The whole path of a request: submit, inbox, scheduler, the service's thread, its end. An atomic
//! addition is as little as a request can do, and its old value tells that each was done once.

use crate::sides::Side;
use gpuio_core::config::ConfigLayer;
use gpuio_core::scheduling::RegionId;
use gpuio_runtime::requests::{Region, RequestHandle, RequestSpec, Requests};
use gpuio_runtime::Context;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

pub struct RequestSide {
    word: Box<AtomicU64>,
    region: Region,
    requests: Arc<Requests>,
    _context: Arc<Context>,
}

impl RequestSide {
    pub fn new() -> Self {
        let settings = [
            ("device", "host"),
            ("memory_pool_size", "16MiB"),
            ("queued_requests_max", "262144"),
        ];
        let settings = settings.map(|(name, value)| (name.to_string(), value.to_string()));
        let layer = ConfigLayer::from_code(settings).expect("known keys");
        let config = gpuio_runtime::settings::load(layer).expect("good values");
        let context = Context::new(config).expect("a context");
        let requests = context.requests();
        let word = Box::new(AtomicU64::new(0));
        // SAFETY: eight bytes that live as long as the region, and are only accessed atomically.
        let region = unsafe { requests.register_memory(word.as_ptr() as usize, 8) };
        Self {
            word,
            region: region.expect("a region"),
            requests,
            _context: context,
        }
    }

    fn add(&self) -> RequestHandle {
        let target: (RegionId, u64) = (self.region.id(), 0);
        let spec = RequestSpec::fetch_add(target, 1);
        self.requests.submit(&spec).expect("room")
    }
}

fn old_value(request: &RequestHandle) -> u64 {
    request.wait(PATIENCE).expect("it ends");
    request.old_value().expect("it is complete")
}

impl Side for RequestSide {
    fn burst(&mut self, count: u64) -> u64 {
        self.word.store(0, Ordering::Relaxed);
        let requests: Vec<RequestHandle> = (0..count).map(|_| self.add()).collect();
        requests.iter().map(old_value).sum()
    }

    fn single(&mut self, count: u64) -> u64 {
        self.word.store(0, Ordering::Relaxed);
        (0..count).map(|_| old_value(&self.add())).sum()
    }

    fn asleep(&mut self, count: u64) -> u64 {
        self.single(count)
    }
}
