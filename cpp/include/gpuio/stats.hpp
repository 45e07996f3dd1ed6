/// \file
/// What the caches did.
#pragma once

#include <cstdint>

namespace gpuio {

/// Counters since the context was made. All of them belong to the whole context, but `read_bytes`
/// and `written_bytes`, which are the array's. Exact when no kernel runs.
struct Stats {
    std::uint64_t l1_hits = 0;         ///< accesses served by L1; counted with `kFlagCountHits`
    std::uint64_t l1_misses = 0;       ///< pages that were asked for from below L1
    std::uint64_t l1_joined = 0;       ///< accesses that waited for a page another had asked for
    std::uint64_t l1_evictions = 0;    ///< pages that gave way in L1
    std::uint64_t l1_write_backs = 0;  ///< of these, pages that had to be written back first
    std::uint64_t l1_prefetches = 0;   ///< pages that kernels prefetched
    std::uint64_t l1_filled_bytes = 0; ///< bytes copied into L1
    std::uint64_t l2_hits = 0;         ///< pages asked for and found in L2, or on their way to it
    std::uint64_t l2_misses = 0;       ///< pages asked for and not found in L2
    std::uint64_t l2_evictions = 0;    ///< pages that gave way in L2
    std::uint64_t read_ahead_pages = 0;///< pages brought to L2 ahead of their use
    std::uint64_t read_bytes = 0;      ///< bytes read from the array's resource
    std::uint64_t written_bytes = 0;   ///< bytes written to the array's resource
};

}  // namespace gpuio
