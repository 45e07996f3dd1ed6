//! The bridge module itself. `cpp/src/*.cpp` are its only users.

use crate::handles::{
    array_close, array_flush, array_open, array_prefetch, array_read, array_stats, array_write,
    config_of, context_kernels_launched, context_metrics, context_open, context_pause_service,
    context_settle, context_sleeps, context_stats_endpoint, context_stop_service,
    context_wait_for_kernels, device_of, list_devices, ArraySlot, ContextSlot,
};

#[cxx::bridge(namespace = "gpuio::bridge")]
pub mod ffi {
    /// How a call went: `code` 0, or the specification's error code and the error's fields.
    #[derive(Default)]
    struct Status {
        code: i32,
        os_error: i32,
        operation: String,
        resource: String,
        has_offset: bool,
        offset: u64,
        bytes_done: u64,
        retryable: bool,
        message: String,
    }

    /// A configuration key set in code, with its value as text.
    struct Setting {
        name: String,
        value: String,
    }

    /// The parts of the configuration in force that C++ needs.
    #[derive(Default)]
    struct Effective {
        page_bytes: u64,
        l1_capacity_bytes: u64,
        l2_capacity_bytes: u64,
        io_timeout_us: u64,
        host_threads: u32,
        /// The stream of a CUDA context; 0 on the host device.
        stream: u64,
    }

    /// The specification's `gpuio_device_info_t`, and a name.
    #[derive(Default)]
    struct DeviceInfo {
        device_id: i32,
        vendor: i32,
        total_memory: u64,
        compute_capability_major: i32,
        compute_capability_minor: i32,
        supports_gds: bool,
        supports_gdr: bool,
        supports_cxl: bool,
        name: String,
    }

    /// `device::ArrayView`, field by field.
    #[derive(Default)]
    struct View {
        cache: u64,
        table: u64,
        frames: u64,
        direct: u64,
        origin: u64,
        element_count: u64,
        quick_count: u64,
        array: u16,
        page_shift: u8,
        regular: u8,
        counts_hits: u8,
    }

    /// The counters of a context and one of its arrays.
    #[derive(Default)]
    struct Stats {
        l1_hits: u64,
        l1_misses: u64,
        l1_joined: u64,
        l1_evictions: u64,
        l1_write_backs: u64,
        l1_prefetches: u64,
        l1_filled_bytes: u64,
        l2_hits: u64,
        l2_misses: u64,
        l2_evictions: u64,
        read_ahead_pages: u64,
        read_bytes: u64,
        written_bytes: u64,
    }

    extern "Rust" {
        type ContextSlot;
        type ArraySlot;

        fn context_open(settings: &Vec<Setting>, status: &mut Status) -> Box<ContextSlot>;
        fn config_of(context: &ContextSlot) -> Effective;
        fn device_of(context: &ContextSlot) -> DeviceInfo;
        fn list_devices(status: &mut Status) -> Vec<DeviceInfo>;
        fn context_kernels_launched(context: &ContextSlot);
        fn context_wait_for_kernels(context: &ContextSlot, status: &mut Status);
        fn context_settle(context: &ContextSlot, status: &mut Status);
        fn context_metrics(context: &ContextSlot, as_json: bool, status: &mut Status) -> String;
        fn context_stats_endpoint(context: &ContextSlot) -> String;
        fn context_pause_service(context: &ContextSlot, paused: bool);
        fn context_stop_service(context: &ContextSlot);
        fn context_sleeps(context: &ContextSlot) -> u64;

        fn array_open(
            context: &ContextSlot,
            uri: &[u8],
            element_count: u64,
            element_bytes: u64,
            writable: bool,
            view: &mut View,
            path: &mut String,
            status: &mut Status,
        ) -> Box<ArraySlot>;
        fn array_close(array: &mut ArraySlot, status: &mut Status);
        fn array_flush(array: &ArraySlot, status: &mut Status);
        fn array_prefetch(array: &ArraySlot, first_byte: u64, length: u64, status: &mut Status);
        fn array_read(array: &ArraySlot, first_byte: u64, buffer: &mut [u8], status: &mut Status);
        fn array_write(array: &ArraySlot, first_byte: u64, bytes: &[u8], status: &mut Status);
        fn array_stats(array: &ArraySlot, status: &mut Status) -> Stats;
    }

    unsafe extern "C++" {
        include!("layout.hpp");

        /// Sizes and offsets of the structures that device code shares with Rust.
        fn device_layout() -> Vec<u64>;
    }
}
