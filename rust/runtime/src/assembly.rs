//! How a context is put together: its device, its tiers, the scheduler over the engines.

use crate::l1::{L1Shape, L1};
use crate::l2::L2;
use crate::requests::Desk;
use crate::service::{Core, Fills, Offers, Purpose, ServiceStats};
use crate::shared::SharedBlocks;
use crate::traffic::{Queues, Traffic};
use crate::wake::Wake;
use gpuio_core::config::{Config, DeviceChoice};
use gpuio_core::scheduling::retry::RetryPolicy;
use gpuio_core::scheduling::{CourtesyOptions, DeviceLimits, SchedulerOptions};
use gpuio_core::Result;
use gpuio_engines::localio::LocalIoOptions;
use gpuio_engines::{Engines, EnginesOptions};
use gpuio_memory::cuda::{self, CudaDevice};
use gpuio_memory::device::{Device, DeviceInfo};
use gpuio_memory::host::HostDevice;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

/// What all cursors have brought ahead is no more than this part of L1.
const CURSORS_AHEAD_IN_L1: u32 = 4;
/// Longest transfer at a time on storage: as much as a fill or a read-ahead asks for at once.
const SLICE_BYTES: u64 = 1 << 20;
/// Parts of users' copies at a time.
const LEGS_MAX: usize = 64;
/// Array and copy slices under way at a time.
const COMPOSITE_DEPTH: u32 = 16;
/// Longest copy at a time.
const COPY_BYTES: u64 = 256 << 10;

/// The devices of this machine: every CUDA device that can be opened, then the host device.
pub fn devices() -> Vec<DeviceInfo> {
    let cuda = (0..cuda::device_count().unwrap_or(0)).filter_map(|k| CudaDevice::open(k).ok());
    let mut infos: Vec<DeviceInfo> = cuda.map(|device| device.info()).collect();
    infos.push(HostDevice::new().info());
    infos
}

/// The device that the configuration asks for.
pub fn open_device(config: &Config) -> Result<Arc<dyn Device>> {
    match config.device {
        DeviceChoice::Host => Ok(Arc::new(HostDevice::new())),
        DeviceChoice::Cuda(ordinal) => Ok(Arc::new(CudaDevice::open(ordinal)?)),
        DeviceChoice::Auto if config.max_gpus == 0 => Ok(Arc::new(HostDevice::new())),
        DeviceChoice::Auto => match CudaDevice::open(0) {
            Ok(device) => Ok(Arc::new(device)),
            Err(_) => Ok(Arc::new(HostDevice::new())),
        },
    }
}

/// What the service works with.
pub fn build_core(
    config: &Config,
    device: &Arc<dyn Device>,
    wake: &Wake,
    desk: Desk,
) -> Result<Core> {
    let frames = |bytes: u64| u32::try_from(bytes / config.page_bytes).unwrap_or(u32::MAX - 1);
    let l2 = L2::new(
        &**device,
        frames(config.l2_capacity_bytes),
        config.page_bytes as usize,
        config.cache_policy,
    )?;
    let shared = SharedBlocks::new(&**device, config.request_slots, wake.fd())?;
    let frame_count = frames(config.l1_capacity_bytes);
    let shape = L1Shape {
        frame_count,
        page_bytes: config.page_bytes,
        slot_count: config.request_slots,
        io_timeout_us: config.io_timeout_us,
        ahead_pages: match config.prefetch {
            true => frame_count / CURSORS_AHEAD_IN_L1,
            false => 0,
        },
    };
    let l1 = L1::new(
        Arc::clone(device),
        shape,
        shared.device_addresses(),
        l2.shared_addresses(),
    )?;
    let traffic = open_traffic(config, l2.arena())?;
    // The host device has no copy engine: there the waiting thread copies pages of any size.
    let copy_engine_bytes = match device.stream() {
        0 => u64::MAX,
        _ => config.copy_engine_bytes,
    };
    let fills = Fills::new(l2.frame_count());
    let loading = vec![None; l2.frame_count() as usize];
    Ok(Core {
        device: Arc::clone(device),
        l1,
        l2,
        shared,
        traffic,
        desk,
        new_jobs: Vec::new(),
        own_errands: 0,
        own_errands_max: own_errands_max(config),
        loading,
        epoch: Instant::now(),
        arrays: Vec::new(),
        fills,
        waiters: HashMap::new(),
        stalled: VecDeque::new(),
        lent: Vec::new(),
        offers: Offers::default(),
        copies: VecDeque::new(),
        job_errors: HashMap::new(),
        job_syncs: HashMap::new(),
        page_bytes: config.page_bytes,
        copy_engine_bytes,
        writes: 0,
        last_write_error: None,
        stats: ServiceStats::default(),
    })
}

/// Errands of the context itself at a time.
fn own_errands_max(config: &Config) -> usize {
    2 * (config.request_slots + config.queue_depth) as usize
}

/// The scheduler over the engines. `arena` is the memory that most transfers use.
fn open_traffic(config: &Config, arena: (usize, usize)) -> Result<Traffic<Engines, Purpose>> {
    let engines = Engines::new(EnginesOptions {
        localio: LocalIoOptions {
            queue_depth: config.queue_depth,
            registered_arena: Some(arena),
            ..LocalIoOptions::default()
        },
        ..EnginesOptions::default()
    });
    let depth = config.queue_depth;
    let storage = DeviceLimits {
        depth,
        bulk_depth: (depth / 2).max(1),
        slice_bytes: SLICE_BYTES,
        batch_count: 1,
    };
    // Copies keep a worker as long as they take, or even the service: short, so that it can turn to
    // something urgent between two.
    let memory = DeviceLimits {
        slice_bytes: COPY_BYTES,
        ..DeviceLimits::default()
    };
    let options = SchedulerOptions {
        policy: config.scheduler_policy,
        queued_max: config.queued_requests_max as usize + own_errands_max(config) + LEGS_MAX,
        courtesy: Some(CourtesyOptions::default()),
        retry: RetryPolicy {
            total_deadline_us: config.io_timeout_us,
            ..RetryPolicy::default()
        },
        ..SchedulerOptions::default()
    };
    let composite = DeviceLimits {
        depth: COMPOSITE_DEPTH,
        bulk_depth: COMPOSITE_DEPTH / 2,
        ..storage
    };
    Traffic::new(engines, Queues::new(memory, composite, storage), options)
}
