//! The one table of configuration keys. The structures, the readers of variables and files, the
//! layering and the reference all come from it.

use super::endpoint::StatsEndpoint;
use super::layer::Source;
use super::types::{DeviceChoice, LogLevel, PolicyKind};
use super::value::{Raw, Unit, Value};
use super::API_VERSION;
use crate::scheduling::SchedulerPolicy;

/// A key, as the readers and the reference need it.
pub(super) struct Key {
    pub name: &'static str,
    /// What the key means, line by line.
    pub documentation: &'static [&'static str],
    /// The default as it would be written in a variable, or what stands in its place.
    pub default_text: fn() -> String,
    /// Reads a value into the layer.
    pub set: fn(&mut ConfigLayer, Raw<'_>) -> Result<(), String>,
    /// Whether the layer has a value.
    pub is_set: fn(&ConfigLayer) -> bool,
}

impl Key {
    /// The key's environment variable.
    pub fn variable(&self) -> String {
        format!("GPUIO_{}", self.name.to_ascii_uppercase())
    }
}

macro_rules! define_keys {
    (
        plain { $($(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:expr, $unit:ident;)+ }
        derived {
            $($(#[doc = $derived_doc:literal])+ $derived:ident: $layer_type:ty => $config_type:ty,
              $derived_unit:ident, $instead:literal;)+
        }
    ) => {
        /// What one place says about the configuration: `None` where it says nothing.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct ConfigLayer {
            /// Which place it is, for messages.
            pub source: Source,
            $($(#[doc = $doc])+ pub $name: Option<$type>,)+
            $($(#[doc = $derived_doc])+ pub $derived: Option<$layer_type>,)+
        }

        /// The configuration in force. The defaults are those of [`Config::default`].
        #[derive(Clone, Debug, PartialEq)]
        pub struct Config {
            $($(#[doc = $doc])+ pub $name: $type,)+
            $($(#[doc = $derived_doc])+ pub $derived: $config_type,)+
        }

        /// What follows from other keys where it is not given.
        pub(super) struct Derived {
            $(pub $derived: $config_type,)+
        }

        impl Config {
            /// The layer's values, and the defaults where it has none.
            pub(super) fn from_layer(layer: &ConfigLayer, derived: Derived) -> Self {
                Self {
                    $($name: layer.$name.unwrap_or($default),)+
                    $($derived: derived.$derived,)+
                }
            }
        }

        impl ConfigLayer {
            /// Takes the other layer's values where this one has none.
            pub(super) fn fill_from(&mut self, below: ConfigLayer) {
                $(self.$name = self.$name.take().or(below.$name);)+
                $(self.$derived = self.$derived.take().or(below.$derived);)+
            }
        }

        pub(super) const KEYS: &[Key] = &[
            $(Key {
                name: stringify!($name),
                documentation: &[$($doc),+],
                default_text: || <$type as Value>::show(&$default, Unit::$unit),
                set: |layer, raw| {
                    layer.$name = Some(Value::read(raw, Unit::$unit)?);
                    Ok(())
                },
                is_set: |layer| layer.$name.is_some(),
            },)+
            $(Key {
                name: stringify!($derived),
                documentation: &[$($derived_doc),+],
                default_text: || $instead.into(),
                set: |layer, raw| {
                    layer.$derived = Some(Value::read(raw, Unit::$derived_unit)?);
                    Ok(())
                },
                is_set: |layer| layer.$derived.is_some(),
            },)+
        ];
    };
}

define_keys! {
    plain {
        /// Version of the configuration that the program was written for.
        api_version: u32 = API_VERSION, Plain;
        /// Bits: 1 counts the accesses that hit, too.
        flags: u32 = 0, Plain;
        /// Most GPUs to use; -1 is no limit, 0 is none.
        max_gpus: i32 = -1, Plain;
        /// Bytes of both cache tiers together, where their capacities are not given.
        memory_pool_size: u64 = 256 << 20, Bytes;
        /// How much is logged: off, error, warn, info, debug or trace.
        log_level: LogLevel = LogLevel::Warn, Plain;
        /// Bytes of a page, the unit of transfer: a power of two from 512 to 2 MiB.
        page_bytes: u64 = 64 << 10, Bytes;
        /// Microseconds after which an access that waits for data fails: 1 ms to 1 h.
        io_timeout_us: u64 = 30_000_000, Microseconds;
        /// Share of memory_pool_size that L1 gets; above 0 and below 1.
        l1_ratio: f64 = 0.5, Plain;
        /// Which page leaves L2 when room is needed: lru, clock, sieve or s3-fifo.
        cache_policy: PolicyKind = PolicyKind::S3Fifo, Plain;
        /// Where kernels run: auto, host or cuda:N.
        device: DeviceChoice = DeviceChoice::Auto, Plain;
        /// Threads of the host device, at most 1024; 0 is one for each core.
        host_threads: u32 = 0, Plain;
        /// Transfers in flight on each resource that does not say: 1 to 4096.
        queue_depth: u32 = 64, Plain;
        /// Faults in flight on the device: a power of two from 64 to 4096.
        request_slots: u32 = 1024, Plain;
        /// Whether sequential and strided access is read ahead.
        prefetch: bool = true, Plain;
        /// Most bytes that are read ahead of one stream: a page to 1 GiB.
        prefetch_window_bytes: u64 = 8 << 20, Bytes;
        /// Pages from this size on go to a GPU and back by its copy engine, smaller ones by the
        /// waiting lanes. Larger pages can stall while the program calls CUDA functions that
        /// wait for kernels ([decision 7](decisions/0007-no-driver-calls.md)).
        copy_engine_bytes: u64 = 256 << 10, Bytes;
        /// In which order transfers go out: fifo, priority, deadline or adaptive.
        scheduler_policy: SchedulerPolicy = SchedulerPolicy::Priority, Plain;
        /// Most requests of users that have not ended: 1 to 1048576.
        queued_requests_max: u32 = 1 << 16, Plain;
        /// Threads that copy within host memory for requests, and as many that call their
        /// completion callbacks, at most 256; 0 is one for each core, at most 4. Either group is
        /// started when it is first needed.
        request_workers: u32 = 0, Plain;
    }
    derived {
        /// The TOML file to read; not legal in the file itself.
        config_file: String => Option<String>, Plain, "none";
        /// Bytes of L1, the cache in device memory; at least 32 pages.
        l1_capacity_bytes: u64 => u64, Bytes, "memory_pool_size × l1_ratio";
        /// Bytes of L2, the cache in pinned host memory; at least 8 pages. Beside it, each open
        /// array that is not in host memory takes 8 bytes of host memory a page, by which kernels
        /// find its pages in L2 (pages below copy_engine_bytes).
        l2_capacity_bytes: u64 => u64, Bytes, "memory_pool_size × (1 - l1_ratio)";
        /// Where live figures are served over HTTP: off, 127.0.0.1:PORT (0: any), unix:PATH, or
        /// public:ADDRESS:PORT for other machines.
        stats_endpoint: StatsEndpoint => StatsEndpoint, Plain, "off";
    }
}
