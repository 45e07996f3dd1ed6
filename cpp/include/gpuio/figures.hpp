/// \file
/// What the scheduler of a context did, and what it has at hand.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace gpuio {

/// A distribution. Each quantile is too large by less than 1/64, never too small.
struct Quantiles {
    std::uint64_t count = 0;
    std::uint64_t p50 = 0;
    std::uint64_t p99 = 0;
    std::uint64_t p999 = 0;
    std::uint64_t max = 0;
};

/// What happened to the requests of one priority, the context's own traffic included.
struct ClassFigures {
    std::uint64_t submitted = 0;
    std::uint64_t completed = 0;
    std::uint64_t failed = 0;
    std::uint64_t cancelled = 0;
    std::uint64_t deadline_misses = 0;  ///< ended well, but late
    std::uint64_t refused = 0;          ///< their deadline could not be met
    std::uint64_t shed = 0;             ///< given up for more critical ones
    std::uint64_t aged = 0;             ///< let pass by the starvation guard
    Quantiles wait_ns;                  ///< from a request's turn to its first slice
    Quantiles service_ns;               ///< from there to its end
};

/// One device queue: a drive, memory.
struct DeviceFigures {
    std::string name;
    std::uint64_t waiting = 0;       ///< requests
    std::uint64_t in_flight = 0;   ///< slices
    std::uint64_t depth = 0;         ///< slices it is given at a time, at the moment
    std::uint64_t bulk_depth = 0;    ///< of these, bulk
    std::uint64_t batch_count = 0;   ///< slices gathered for one submission
    std::uint64_t slice_bytes = 0;   ///< longest slice
};

/// See the file's comment.
struct Figures {
    std::array<ClassFigures, 6> classes;  ///< by gpuio::Priority
    std::vector<DeviceFigures> devices;   ///< those that have been used
    Quantiles batch_sizes;                ///< slices a submission
    std::uint64_t slices = 0;
    std::uint64_t bytes = 0;
    std::uint64_t retries = 0;
    std::uint64_t short_transfers = 0;
    std::uint64_t steals = 0;    ///< times that a worker took from another
    std::uint64_t requests = 0;  ///< users' requests that have not ended
};

}  // namespace gpuio
