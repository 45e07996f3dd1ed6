//! The bridge module itself. `cpp/src/*.cpp` are its only users.

use crate::handles::{
    array_close, array_flush, array_open, array_prefetch, array_read, array_stats, array_write,
    config_of, context_kernels_launched, context_metrics, context_open, context_pause_service,
    context_settle, context_sleeps, context_stats_endpoint, context_stop_service,
    context_wait_for_kernels, device_of, list_devices, ArraySlot, ContextSlot,
};
use crate::requests::{
    batch_submit, context_figures, event_create, event_elapsed_ns, event_query, event_record,
    event_wait, region_id, region_kind, region_length, region_of_array, region_of_memory,
    region_open, region_release, request_bytes, request_cancel, request_end, request_id,
    request_old_value, request_on_complete, request_parts, request_status, request_submit,
    request_wait, request_wait_any, stream_create, stream_id, stream_synchronize, stream_wait,
    EventSlot, RegionSlot, RequestSlot, StreamSlot,
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

    /// An array that was opened: as kernels see it, and which way its bytes go.
    struct Opened {
        view: View,
        path: String,
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
        direct_count: u64,
        page_shift: u32,
        array: u16,
        counts_hits: u16,
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

    /// What all requests say beside the bytes. `priority` -1: as the stream says.
    struct SubmitOptions {
        stream: u32,
        priority: i32,
        has_qos: bool,
        deadline_us: u64,
        estimated_duration_us: u64,
        criticality: f32,
        fails_if_full: bool,
    }

    /// A request; places are region ids and offsets.
    struct RequestSpec {
        kind: i32,
        src: u32,
        src_offset: u64,
        dst: u32,
        dst_offset: u64,
        length: u64,
        operand: u64,
        compare: u64,
    }

    /// One read, write or copy of a batch.
    struct BatchPart {
        kind: i32,
        src: u32,
        src_offset: u64,
        dst: u32,
        dst_offset: u64,
        length: u64,
    }

    /// Quantiles of a histogram; nanoseconds, or what it counts.
    #[derive(Default)]
    struct Quantiles {
        count: u64,
        p50: u64,
        p99: u64,
        p999: u64,
        max: u64,
    }

    /// What happened to the requests of one class.
    #[derive(Default)]
    struct ClassFigures {
        submitted: u64,
        completed: u64,
        failed: u64,
        cancelled: u64,
        deadline_misses: u64,
        refused: u64,
        shed: u64,
        aged: u64,
        wait_ns: Quantiles,
        service_ns: Quantiles,
    }

    /// One device queue.
    #[derive(Default)]
    struct DeviceFigures {
        name: String,
        waiting: u64,
        in_flight: u64,
        depth: u64,
        bulk_depth: u64,
        batch_count: u64,
        slice_bytes: u64,
    }

    /// What the scheduler did.
    #[derive(Default)]
    struct Figures {
        classes: Vec<ClassFigures>,
        devices: Vec<DeviceFigures>,
        batch_sizes: Quantiles,
        slices: u64,
        bytes: u64,
        retries: u64,
        short_transfers: u64,
        steals: u64,
        requests: u64,
    }

    extern "Rust" {
        type RegionSlot;
        type StreamSlot;
        type EventSlot;
        type RequestSlot;

        fn region_of_memory(
            context: &ContextSlot,
            address: u64,
            length: u64,
            on_device: bool,
            status: &mut Status,
        ) -> Box<RegionSlot>;
        fn region_open(
            context: &ContextSlot,
            uri: &[u8],
            needed_bytes: u64,
            writable: bool,
            status: &mut Status,
        ) -> Box<RegionSlot>;
        fn region_of_array(array: &ArraySlot, status: &mut Status) -> Box<RegionSlot>;
        fn region_id(region: &RegionSlot) -> u32;
        fn region_kind(region: &RegionSlot) -> i32;
        fn region_length(region: &RegionSlot) -> u64;
        fn region_release(region: &RegionSlot, timeout_us: u64) -> bool;

        fn stream_create(
            context: &ContextSlot,
            priority: i32,
            status: &mut Status,
        ) -> Box<StreamSlot>;
        fn stream_id(stream: &StreamSlot) -> u32;
        fn stream_wait(stream: &StreamSlot, event: &EventSlot, status: &mut Status);
        fn stream_synchronize(stream: &StreamSlot, timeout_us: u64, status: &mut Status);
        fn event_create(context: &ContextSlot, status: &mut Status) -> Box<EventSlot>;
        fn event_record(event: &EventSlot, stream: &StreamSlot, status: &mut Status);
        fn event_wait(event: &EventSlot, timeout_us: u64, status: &mut Status);
        fn event_query(event: &EventSlot) -> i32;
        fn event_elapsed_ns(event: &EventSlot, earlier: &EventSlot, status: &mut Status) -> u64;

        fn request_submit(
            context: &ContextSlot,
            spec: &RequestSpec,
            options: &SubmitOptions,
            status: &mut Status,
        ) -> Box<RequestSlot>;
        fn batch_submit(
            context: &ContextSlot,
            parts: &[BatchPart],
            options: &SubmitOptions,
            status: &mut Status,
        ) -> Box<RequestSlot>;
        fn request_id(request: &RequestSlot) -> u64;
        fn request_status(request: &RequestSlot) -> i32;
        fn request_bytes(request: &RequestSlot) -> u64;
        fn request_wait(request: &RequestSlot, timeout_us: u64) -> bool;
        /// `requests` are addresses of slots that live meanwhile. Their number: none has ended.
        unsafe fn request_wait_any(
            requests: &[usize],
            timeout_us: u64,
            status: &mut Status,
        ) -> usize;
        fn request_end(request: &RequestSlot, status: &mut Status);
        fn request_old_value(request: &RequestSlot, value: &mut u64) -> bool;
        fn request_parts(request: &RequestSlot) -> Vec<Status>;
        fn request_cancel(request: &RequestSlot) -> bool;
        fn request_on_complete(request: &RequestSlot, completion: UniquePtr<Completion>);

        fn context_figures(context: &ContextSlot, status: &mut Status) -> Figures;
    }

    extern "Rust" {
        type ContextSlot;
        type ArraySlot;

        fn context_open(settings: &[Setting], status: &mut Status) -> Box<ContextSlot>;
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
            opened: &mut Opened,
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

    unsafe extern "C++" {
        include!("completion.hpp");

        /// What is to be called when a request ends. Any thread may call it and destroy it.
        #[namespace = "gpuio::detail"]
        type Completion;
        /// Never throws.
        fn run(self: Pin<&mut Completion>);
    }
}
