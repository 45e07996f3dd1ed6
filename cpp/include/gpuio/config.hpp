/// \file
/// The configuration of a context.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace gpuio {

/// How much is logged; each level includes those before it.
enum class LogLevel : int { kOff = 0, kError, kWarn, kInfo, kDebug, kTrace };

/// Which page leaves L2 when room is needed.
enum class CachePolicy : int { kLru = 0, kClock, kSieve, kS3Fifo };

/// In which order transfers and requests go out; docs/scheduling.md compares them.
enum class SchedulerPolicy : int { kFifo = 0, kPriority, kDeadline, kAdaptive };

/// A `Config::flags` bit: accesses that hit are counted, too (`Stats::l1_hits`). Costs an atomic
/// add an access.
inline constexpr std::uint32_t kFlagCountHits = 1;

/// The specification's `gpuio_config_t`, with what gpuio adds.
///
/// What is set here comes first, then `GPUIO_*` variables (`GPUIO_PAGE_BYTES=16KiB`), then the TOML
/// file that `config_file` names, then the default in brackets. docs/configuration.md lists all.
struct Config {
    /// The configuration's version the program was written for [1].
    std::optional<std::uint32_t> api_version;
    /// `kFlag...` bits [0].
    std::optional<std::uint32_t> flags;
    /// Most GPUs to use; -1 is no limit, 0 is none [-1].
    std::optional<int> max_gpus;
    /// Bytes of both tiers together, where their capacities are not set [256 MiB].
    std::optional<std::uint64_t> memory_pool_size;
    /// How much is logged, to standard error [warn].
    std::optional<LogLevel> log_level;
    /// A TOML file to read [none].
    std::optional<std::string> config_file;

    /// Bytes of L1, near the device; at least 32 pages [memory_pool_size * l1_ratio].
    std::optional<std::uint64_t> l1_capacity_bytes;
    /// Bytes of L2, in pinned host memory; at least 8 pages [the rest of memory_pool_size].
    std::optional<std::uint64_t> l2_capacity_bytes;
    /// Bytes of a page, the unit of transfer: a power of two, 512 to 2 MiB [64 KiB].
    std::optional<std::uint64_t> page_bytes;
    /// Microseconds after which an access that waits for its page fails [30 s].
    std::optional<std::uint64_t> io_timeout_us;
    /// Share of memory_pool_size that L1 gets, above 0 and below 1 [0.5].
    std::optional<double> l1_ratio;
    /// Which page leaves L2 [S3-FIFO].
    std::optional<CachePolicy> cache_policy;
    /// Where kernels run: "auto" (the first GPU that works, else the host), "host", "cuda:N".
    std::optional<std::string> device;
    /// Threads of the host device; 0 is one a core [0].
    std::optional<std::uint32_t> host_threads;
    /// Transfers in flight on each resource [64].
    std::optional<std::uint32_t> queue_depth;
    /// Faults in flight on the device: a power of two, 64 to 4096 [1024].
    std::optional<std::uint32_t> request_slots;
    /// Whether sequential and strided access is read ahead [true].
    std::optional<bool> prefetch;
    /// Most bytes that are read ahead of one stream [8 MiB].
    std::optional<std::uint64_t> prefetch_window_bytes;
    /// Pages from this size on go to a GPU and back by its copy engine, smaller ones by the waiting
    /// lanes [256 KiB]. Larger pages can stall while the program calls CUDA functions that
    /// wait for kernels, such as cudaFree.
    std::optional<std::uint64_t> copy_engine_bytes;
    /// Where live figures are served over HTTP: "127.0.0.1:9464", "unix:/run/app.sock"; port 0 is
    /// any, `Context::stats_endpoint` tells which. An address that other machines may reach takes
    /// the word "public:" before it ["off"].
    std::optional<std::string> stats_endpoint;
    /// In which order transfers and requests go out [priority].
    std::optional<SchedulerPolicy> scheduler_policy;
    /// Most requests that have not ended, 1 to 1,048,576 [65,536].
    std::optional<std::uint32_t> queued_requests_max;
    /// Threads that copy within host memory for requests, and as many that call completion
    /// callbacks, at most 256; started when first needed [0: one for each core, at most 4].
    std::optional<std::uint32_t> request_workers;
};

}  // namespace gpuio
