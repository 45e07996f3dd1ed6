/// \file
/// Everything device code needs from the machine it runs on, and nothing else: atomic words, data
/// words, pieces of a page to copy, a clock, a pause. Three implementations: CUDA, the host device,
/// and (in the tests) a simulator that makes every call here a scheduling point.
///
/// Each implementation defines, in namespace `gpuio::platform`:
///
///     uint32_t kMaxHandSteps                           // of the CLOCK hand in one attempt
///     uint32_t kLooksAtHostOneIn                       // turns of a wait; looks cost a bus time
///     bool     kLanesRunInStep                         // a warp's lanes, where nothing parts them
///     bool     kGathersInSteps                         // `gather`: all looks, then all elements
///     size_t   kLeastPrefetched                        // `gather`: from here on by prefetch_line
///     void     prefetch_line(const std::byte*)         // a hint to the processor's cache
///     uint64_t load_relaxed(const uint64_t*), load_acquire(const uint64_t*)
///     void     store_relaxed(uint64_t*, uint64_t), store_release(uint64_t*, uint64_t)
///     bool     compare_exchange(uint64_t*, uint64_t& expected, uint64_t desired)  // acq_rel
///     uint64_t fetch_add, fetch_or, fetch_and(uint64_t*, uint64_t)                // acq_rel
///     uint64_t fetch_add_relaxed, fetch_add_acquire(uint64_t*, uint64_t)
///     void     add_release, or_release(uint64_t*, uint64_t)
///     void     count(uint64_t*, uint64_t)              // relaxed add, result unused (statistics)
///     uint64_t load_relaxed_system(const uint64_t*)    // memory the host writes too
///     void     fence_acquire_system()                  // after a load that showed something
///     uint64_t load_again_system(const uint64_t*)      // later than every load before it
///     void     mark(uint64_t*)                         // stores 1; the host clears it; no order
///     void     store_release_system(uint64_t*, uint64_t)
///     void     store_pair_release_system(uint64_t* words, uint64_t, uint64_t)  // in any order
///     void     fence_acquire()                         // orders data loads before a re-check
///     void     fence_release()                         // orders an eviction before new data
///     void     fence_acquire_release()
///     W        load_data<W>(const W*), void store_data<W>(W*, W)   // relaxed; 1, 2, 4, 8 bytes
///     uint32_t copy_pieces(size_t page_bytes)          // pieces that a page is copied in
///     void     copy_piece(std::byte* to, const std::byte* from, size_t page_bytes, uint32_t piece)
///     uint64_t now_us()
///     void     pause(uint32_t attempt)                 // grows from a spin to a short sleep
///     void     ring_doorbell(device::SharedControl*)   // wakes a sleeping host service
///     uint32_t shard_hint()                            // any number that differs between blocks
///     uint64_t thread_index(), thread_count()
///
/// Scopes: the plain atomics order among the threads of one device; those named `_system` also
/// against the host.
#pragma once

#if defined(GPUIO_PLATFORM_HEADER)
#include GPUIO_PLATFORM_HEADER
#elif defined(__CUDACC__)
#include "gpuio/device/platform_cuda.hpp"
#else
#include "gpuio/device/platform_host.hpp"
#endif
