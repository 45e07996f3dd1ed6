// What the kernels here need beside gpuio, for both compilers: groups of threads that work on one
// row together, and atomics on plain device memory.
//
// A group is a warp on a GPU, where neighbouring lanes should read neighbouring elements, and a
// single thread on the host device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <gpuio/gpuio.hpp>

#if !defined(__CUDACC__)
#include <atomic>
#endif

namespace examples {

#if defined(__CUDACC__)
inline constexpr std::size_t kGroupWidth = 32;
/// Where the kernels of this compilation can run: nvcc keeps no host version of them.
inline constexpr const char* kDevice = "cuda:0";
#else
inline constexpr std::size_t kGroupWidth = 1;
inline constexpr const char* kDevice = "host";
#endif

/// The calling thread's place in its group, from 0 to kGroupWidth - 1.
GPUIO_DEVICE inline std::size_t lane() { return gpuio::thread_index() % kGroupWidth; }
/// The calling thread's group, from 0 to group_count() - 1.
GPUIO_DEVICE inline std::size_t group_index() { return gpuio::thread_index() / kGroupWidth; }
GPUIO_DEVICE inline std::size_t group_count() { return gpuio::thread_count() / kGroupWidth; }

#if defined(__CUDACC__)

__device__ inline std::uint32_t load(const std::uint32_t* word) {
    return *static_cast<const volatile std::uint32_t*>(word);
}
__device__ inline bool claim(std::uint32_t* word, std::uint32_t expected, std::uint32_t desired) {
    return atomicCAS(word, expected, desired) == expected;
}
__device__ inline void add(std::uint64_t* word, std::uint64_t value) {
    atomicAdd(reinterpret_cast<unsigned long long*>(word), value);
}
__device__ inline void lower_to(std::uint64_t* word, std::uint64_t value) {
    atomicMin(reinterpret_cast<unsigned long long*>(word), value);
}
__device__ inline void raise_to(std::uint64_t* word, std::uint64_t value) {
    atomicMax(reinterpret_cast<unsigned long long*>(word), value);
}
/// Adds to a word that only the calling group touches.
__device__ inline void add_in_group(std::uint64_t* word, std::uint64_t value) { add(word, value); }

#else

/// Reads a word that other threads may be writing.
inline std::uint32_t load(const std::uint32_t* word) {
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}
/// Replaces `expected` by `desired`; true for the one thread that did.
inline bool claim(std::uint32_t* word, std::uint32_t expected, std::uint32_t desired) {
    return std::atomic_ref(*word).compare_exchange_strong(expected, desired,
                                                          std::memory_order_relaxed);
}
/// Adds to a word that other threads add to.
inline void add(std::uint64_t* word, std::uint64_t value) {
    std::atomic_ref(*word).fetch_add(value, std::memory_order_relaxed);
}
/// Leaves the smaller of the word and the value in the word.
inline void lower_to(std::uint64_t* word, std::uint64_t value) {
    std::atomic_ref shared(*word);
    std::uint64_t seen = shared.load(std::memory_order_relaxed);
    while (value < seen && !shared.compare_exchange_weak(seen, value)) {
    }
}
/// Leaves the larger of the word and the value in the word.
inline void raise_to(std::uint64_t* word, std::uint64_t value) {
    std::atomic_ref shared(*word);
    std::uint64_t seen = shared.load(std::memory_order_relaxed);
    while (value > seen && !shared.compare_exchange_weak(seen, value)) {
    }
}
/// Adds to a word that only the calling group touches.
inline void add_in_group(std::uint64_t* word, std::uint64_t value) { *word += value; }

#endif

}  // namespace examples
