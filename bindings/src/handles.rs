//! What C++ holds: a context, an array. Empty slots stand for what could not be made.

use crate::ffi::{DeviceInfo, Effective, Opened, Setting, Stats, Status, View};
use crate::guard::guard;
use gpuio_core::config::{Config, ConfigLayer};
use gpuio_core::{Error, ErrorCode, Result};
use gpuio_memory::layout;
use gpuio_runtime::{ArrayHandle, Context};
use std::sync::Arc;

/// A context, or nothing.
#[derive(Default)]
pub struct ContextSlot(Option<Arc<Context>>);

/// An array with its context, or nothing.
#[derive(Default)]
pub struct ArraySlot(Option<(Arc<Context>, ArrayHandle)>);

impl ContextSlot {
    pub(crate) fn get(&self) -> Result<&Arc<Context>> {
        self.0.as_ref().ok_or_else(|| gone("context"))
    }
}

impl ArraySlot {
    pub(crate) fn get(&self) -> Result<(&Arc<Context>, &ArrayHandle)> {
        self.0
            .as_ref()
            .map(|(context, array)| (context, array))
            .ok_or_else(|| gone("array"))
    }
}

/// The error for an empty slot.
pub fn gone(what: &str) -> Error {
    let message = format!("the {what} has been moved from or closed");
    Error::new(ErrorCode::InvalidArgument, "use", message)
}

/// Makes a context from settings in code, the environment and the configuration file.
pub fn context_open(settings: &[Setting], status: &mut Status) -> Box<ContextSlot> {
    guard(status, || {
        let pairs = settings
            .iter()
            .map(|it| (it.name.clone(), it.value.clone()));
        let code = ConfigLayer::from_code(pairs)?;
        let config = gpuio_runtime::settings::load(code)?;
        Ok(Box::new(ContextSlot(Some(Context::new(config)?))))
    })
}

/// The configuration in force; zeros for an empty slot.
pub fn config_of(context: &ContextSlot) -> Effective {
    let Some(context) = &context.0 else {
        return Effective::default();
    };
    let config: &Config = context.config();
    Effective {
        page_bytes: config.page_bytes,
        l1_capacity_bytes: config.l1_capacity_bytes,
        l2_capacity_bytes: config.l2_capacity_bytes,
        io_timeout_us: config.io_timeout_us,
        host_threads: config.host_threads,
        stream: context.stream(),
    }
}

/// The device of a context.
pub fn device_of(context: &ContextSlot) -> DeviceInfo {
    context
        .0
        .as_ref()
        .map_or_else(DeviceInfo::default, |context| device_info(context.device()))
}

/// The devices of this machine.
pub fn list_devices(status: &mut Status) -> Vec<DeviceInfo> {
    guard(status, || {
        Ok(gpuio_runtime::devices()
            .into_iter()
            .map(device_info)
            .collect())
    })
}

fn device_info(info: gpuio_memory::device::DeviceInfo) -> DeviceInfo {
    DeviceInfo {
        device_id: info.device_id,
        vendor: info.vendor as i32,
        total_memory: info.total_memory,
        compute_capability_major: info.compute_capability_major,
        compute_capability_minor: info.compute_capability_minor,
        supports_gds: info.supports_gds,
        supports_gdr: info.supports_gdr,
        supports_cxl: info.supports_cxl,
        name: info.name,
    }
}

/// See `Context::kernels_launched`.
pub fn context_kernels_launched(context: &ContextSlot) {
    if let Some(context) = &context.0 {
        context.kernels_launched();
    }
}

/// See `Context::wait_for_kernels`.
pub fn context_wait_for_kernels(context: &ContextSlot, status: &mut Status) {
    guard(status, || context.get()?.wait_for_kernels());
}

/// See `Context::settle`.
pub fn context_settle(context: &ContextSlot, status: &mut Status) {
    guard(status, || context.get()?.settle());
}

/// `Context::snapshot`, as Prometheus' text or as JSON.
pub fn context_metrics(context: &ContextSlot, as_json: bool, status: &mut Status) -> String {
    guard(status, || {
        let snapshot = context.get()?.snapshot()?;
        Ok(match as_json {
            true => snapshot.json(),
            false => snapshot.prometheus(),
        })
    })
}

/// See `Context::stats_endpoint`; "off" for an empty slot.
pub fn context_stats_endpoint(context: &ContextSlot) -> String {
    let at = context.0.as_ref().map(|context| context.stats_endpoint());
    at.unwrap_or_default().to_string()
}

/// For tests of deadlines.
pub fn context_pause_service(context: &ContextSlot, paused: bool) {
    if let Some(context) = &context.0 {
        context.pause_service(paused);
    }
}

/// For tests of a dead service.
pub fn context_stop_service(context: &ContextSlot) {
    if let Some(context) = &context.0 {
        context.stop_service();
    }
}

/// For tests: how often the service went to sleep.
pub fn context_sleeps(context: &ContextSlot) -> u64 {
    context
        .0
        .as_ref()
        .map_or(0, |context| context.service_sleeps())
}

/// Opens an array. The URI's bytes need not be UTF-8: what is not, is refused with its position.
#[allow(clippy::too_many_arguments)] // cxx has no default arguments and structs cost a copy more
pub fn array_open(
    context: &ContextSlot,
    uri: &[u8],
    element_count: u64,
    element_bytes: u64,
    writable: bool,
    opened: &mut Opened,
    status: &mut Status,
) -> Box<ArraySlot> {
    guard(status, || {
        let context = context.get()?;
        let array = context.open(uri_text(uri)?, element_count, element_bytes, writable)?;
        opened.view = view_of(&array.opened.view);
        opened.path.clone_from(&array.opened.path);
        Ok(Box::new(ArraySlot(Some((Arc::clone(context), array)))))
    })
}

/// A URI as text.
pub fn uri_text(uri: &[u8]) -> Result<&str> {
    std::str::from_utf8(uri).map_err(|error| {
        let message = "a URI is UTF-8; write other bytes of a path as %XX";
        Error::new(ErrorCode::InvalidArgument, "parse uri", message)
            .with_offset(error.valid_up_to() as u64)
    })
}

fn view_of(view: &layout::ArrayView) -> View {
    View {
        cache: view.cache,
        table: view.table,
        frames: view.frames,
        direct: view.direct,
        origin: view.origin,
        element_count: view.element_count,
        quick_count: view.quick_count,
        direct_count: view.direct_count,
        page_shift: view.page_shift,
        array: view.array,
        counts_hits: view.counts_hits,
    }
}

/// Closes an array; the slot is empty afterwards, whatever the status.
pub fn array_close(array: &mut ArraySlot, status: &mut Status) {
    guard(status, || match array.0.take() {
        Some((context, array)) => context.close(&array),
        None => Ok(()),
    });
}

/// See `Context::flush`.
pub fn array_flush(array: &ArraySlot, status: &mut Status) {
    guard(status, || {
        array
            .get()
            .and_then(|(context, array)| context.flush(array))
    });
}

/// See `Context::prefetch`.
pub fn array_prefetch(array: &ArraySlot, first_byte: u64, length: u64, status: &mut Status) {
    guard(status, || {
        array
            .get()
            .and_then(|(context, array)| context.prefetch(array, first_byte, length))
    });
}

/// See `Context::read`.
pub fn array_read(array: &ArraySlot, first_byte: u64, buffer: &mut [u8], status: &mut Status) {
    guard(status, || {
        array
            .get()
            .and_then(|(context, array)| context.read(array, first_byte, buffer))
    });
}

/// See `Context::write`.
pub fn array_write(array: &ArraySlot, first_byte: u64, bytes: &[u8], status: &mut Status) {
    guard(status, || {
        array
            .get()
            .and_then(|(context, array)| context.write(array, first_byte, bytes))
    });
}

/// See `Context::stats`.
pub fn array_stats(array: &ArraySlot, status: &mut Status) -> Stats {
    guard(status, || {
        let (context, array) = array.get()?;
        let report = context.stats(Some(array))?;
        Ok(Stats {
            l1_hits: report.l1.hits,
            l1_misses: report.l1.misses,
            l1_joined: report.l1.joined,
            l1_evictions: report.l1.evictions,
            l1_write_backs: report.l1.write_backs,
            l1_prefetches: report.l1.prefetches,
            l1_filled_bytes: report.l1.filled_bytes,
            l2_hits: report.l2_hits(),
            l2_misses: report.l2.misses,
            l2_evictions: report.l2.evictions,
            read_ahead_pages: report.service.read_ahead_pages,
            read_bytes: report.read_bytes,
            written_bytes: report.written_bytes,
        })
    })
}
