//! What is counted, and what each count is called: the one list that both texts are made from.

use super::DeviceSnapshot;
use crate::scheduling::{ClassFigures, Figures};

/// A count with its names.
pub(super) struct Counter {
    /// In JSON.
    pub key: &'static str,
    /// In Prometheus' text.
    pub metric: &'static str,
    /// One sentence.
    pub help: &'static str,
    pub value: u64,
}

macro_rules! rows {
    ($($key:literal, $metric:literal, $help:expr, $value:expr;)+) => {
        [$(Counter { key: $key, metric: $metric, help: $help, value: $value }),+]
    };
}

macro_rules! define_counters {
    (
        $(#[doc = $about:literal])+ $name:ident, $count:literal {
            $(#[doc = $help:literal] $field:ident: $metric:literal,)+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            $(#[doc = $help] pub $field: u64,)+
        }

        impl $name {
            pub(super) fn rows(&self) -> [Counter; $count] {
                [$(Counter {
                    key: stringify!($field),
                    metric: $metric,
                    help: $help,
                    value: self.$field,
                }),+]
            }
        }
    };
}

define_counters! {
    /// Counters of L1, the cache near the device.
    L1Counters, 7 {
        /// Page accesses served by L1, where they are counted (the flag kFlagCountHits).
        hits: "gpuio_l1_hits_total",
        /// Pages asked for from below L1.
        misses: "gpuio_l1_misses_total",
        /// Accesses that waited for a page that another one had asked for.
        joined: "gpuio_l1_joined_total",
        /// Pages that gave way in L1.
        evictions: "gpuio_l1_evictions_total",
        /// Dirty pages written back to make room in L1.
        write_backs: "gpuio_l1_write_backs_total",
        /// Pages that kernels prefetched.
        prefetches: "gpuio_l1_prefetches_total",
        /// Bytes copied into L1.
        filled_bytes: "gpuio_l1_filled_bytes_total",
    }
}

define_counters! {
    /// Counters of L2, the cache in pinned host memory.
    L2Counters, 3 {
        /// Pages asked for and found in L2, or on their way to it.
        hits: "gpuio_l2_hits_total",
        /// Pages asked for and not found in L2.
        misses: "gpuio_l2_misses_total",
        /// Pages that gave way in L2.
        evictions: "gpuio_l2_evictions_total",
    }
}

define_counters! {
    /// Counters of the fault service.
    ServiceCounters, 3 {
        /// Faults of kernels taken off the ring.
        faults: "gpuio_service_faults_total",
        /// Pages brought to L2 ahead of their use.
        read_ahead_pages: "gpuio_service_read_ahead_pages_total",
        /// Pages that an engine read right into L1.
        filled_pages: "gpuio_service_filled_pages_total",
    }
}

define_counters! {
    /// Counters of the engines, all of them together.
    EngineCounters, 5 {
        /// Transfers that engines completed without an error.
        transfers: "gpuio_engine_transfers_total",
        /// Bytes that engines read.
        read_bytes: "gpuio_engine_read_bytes_total",
        /// Bytes that engines wrote.
        written_bytes: "gpuio_engine_written_bytes_total",
        /// Requests that engines handed to the operating system.
        kernel_requests: "gpuio_engine_kernel_requests_total",
        /// Requests to the operating system that moved less than asked and were resumed.
        short_transfers: "gpuio_engine_short_transfers_total",
    }
}

/// The counts of one class.
pub(super) fn of_class(class: &ClassFigures) -> [Counter; 8] {
    rows! {
        "submitted", "gpuio_requests_submitted_total", "Requests accepted.", class.submitted;
        "completed", "gpuio_requests_completed_total", "Requests that ended well.",
            class.completed;
        "failed", "gpuio_requests_failed_total",
            "Requests that ended with an error; those that were shed are among them.",
            class.failed;
        "cancelled", "gpuio_requests_cancelled_total", "Requests withdrawn.", class.cancelled;
        "deadline_misses", "gpuio_request_deadline_misses_total",
            "Requests that ended well, but later than their deadline.", class.deadline_misses;
        "refused", "gpuio_requests_refused_total",
            "Requests refused at submission because their deadline could not be met.",
            class.refused;
        "shed", "gpuio_requests_shed_total",
            "Accepted requests given up for more critical ones or for an impossible deadline.",
            class.shed;
        "aged", "gpuio_requests_aged_total",
            "Requests served out of the policy's order because they had waited long.",
            class.aged;
    }
}

/// The counts of all classes together.
pub(super) fn of_figures(figures: &Figures) -> [Counter; 5] {
    rows! {
        "slices", "gpuio_slices_total", "Slices handed to engines.", figures.slices;
        "bytes", "gpuio_slice_bytes_total", "Bytes that slices moved.", figures.bytes;
        "retries", "gpuio_slice_retries_total", "Slices tried again after an error.",
            figures.retries;
        "short_transfers", "gpuio_slice_short_transfers_total",
            "Slices that moved less than asked and went on.", figures.short_transfers;
        "steals", "gpuio_request_steals_total",
            "Times that a worker took tasks from another worker.", figures.steals;
    }
}

/// The state of a device: gauges, not counts.
pub(super) fn of_device(device: &DeviceSnapshot) -> [Counter; 6] {
    rows! {
        "waiting", "gpuio_device_waiting_requests", "Requests that wait for a slot of the device.",
            device.waiting;
        "in_flight", "gpuio_device_in_flight_slices", "Slices that the device works on.",
            device.in_flight;
        "depth", "gpuio_device_depth_slices", "Most slices in flight that are allowed now.",
            device.depth;
        "bulk_depth", "gpuio_device_bulk_depth_slices",
            "Most slices of bulk requests in flight that are allowed now.", device.bulk_depth;
        "slice_bytes", "gpuio_device_slice_bytes", "Longest slice that is allowed now.",
            device.slice_bytes;
        "batch_count", "gpuio_device_batch_slices",
            "Slices that one submission tries to carry now.", device.batch_count;
    }
}
