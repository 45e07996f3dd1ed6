// What the rows of requests are measured in: a context, a file and memory.
#pragma once

#include <cstdint>
#include <gpuio/gpuio.hpp>
#include <span>

#include "data.hpp"
#include "rows.hpp"

namespace speed {

inline constexpr std::uint64_t kFileBytes = 2048 * kMiB;
inline constexpr std::uint64_t kPage = 4096;

/// A context without an array to speak of.
inline gpuio::Context context_with(gpuio::SchedulerPolicy policy) {
    gpuio::Config config;
    config.device = "host";
    config.memory_pool_size = 64 * kMiB;
    config.scheduler_policy = policy;
    return gpuio::Context(config);
}

/// A context with the data file and memory to read it to.
struct World {
    World(const Options& options, gpuio::SchedulerPolicy policy, std::uint64_t memory_bytes)
        : memory(memory_bytes),
          context(context_with(policy)),
          file(gpuio::MemoryRegion::open(context, "localio://" + options.data_file + "?direct=1")),
          target(gpuio::MemoryRegion::host(context,
                                           std::span(memory.bytes(), memory_bytes))) {}
    RawArray memory;
    gpuio::Context context;
    gpuio::MemoryRegion file;
    gpuio::MemoryRegion target;
};

}  // namespace speed
