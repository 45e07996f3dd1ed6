/// \file
/// The kernels of gpu_bench, each for an `ArrayRef` and for plain memory: the same accesses.
#pragma once

#include <cstdint>

#include <gpuio/gpuio.hpp>

/// Blocks of 1024 threads that a multiprocessor shall hold: 1 bounds a thread to 64 registers, 2 to
/// 32, which warm accesses need not notice.
#if !defined(GPU_BENCH_BLOCKS)
#define GPU_BENCH_BLOCKS 1
#endif
#define BENCH_KERNEL __global__ __launch_bounds__(1024, GPU_BENCH_BLOCKS)

namespace gpu_bench {

using Word = std::uint32_t;
using Paged = gpuio::ArrayRef<const Word>;

/// Plain memory with the interface of an array.
struct Plain {
    const Word* data;
    struct Cursor {
        const Word* data;
        __device__ Word operator[](std::uint64_t i) const { return data[i]; }
        __device__ Cursor run(std::uint64_t i) const { return {data + i}; }
    };
    __device__ Word operator[](std::uint64_t i) const { return data[i]; }
    __device__ Cursor pin(std::uint64_t) const { return {data}; }
    template <std::size_t count>
    __device__ void gather(const std::size_t (&index)[count], Word (&to)[count]) const {
        for (std::size_t k = 0; k < count; ++k) to[k] = data[index[k]];
    }
};

__host__ __device__ inline std::uint64_t mix(std::uint64_t value) {
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

/// Keeps the compiler from dropping loads.
__device__ inline void use(Word sum, Word* sink) {
    if (sum == 0x9e3779b9u) *sink = sum;
}

/// Every thread reads elements all over the array, one after the other.
template <class Source>
BENCH_KERNEL void read_random(Source a, std::uint64_t mask, unsigned each, Word* sink) {
    Word sum = 0;
    std::uint64_t state = gpuio::thread_index() * each;
    for (unsigned k = 0; k < each; ++k) sum += a[mix(++state) & mask];
    use(sum, sink);
}

/// Threads side by side read elements side by side.
template <class Source>
BENCH_KERNEL void read_in_order(Source a, std::uint64_t count, Word* sink) {
    Word sum = 0;
    for (std::uint64_t i = gpuio::thread_index(); i < count; i += gpuio::thread_count()) {
        sum += a[i];
    }
    use(sum, sink);
}

/// The same, several elements at a time.
template <int at_once, class Source>
BENCH_KERNEL void gather_in_order(Source a, std::uint64_t count, Word* sink) {
    Word sum = 0;
    const std::uint64_t step = gpuio::thread_count();
    for (std::uint64_t i = gpuio::thread_index(); i < count; i += at_once * step) {
        std::size_t at[at_once];
        Word values[at_once];
        for (int k = 0; k < at_once; ++k) at[k] = i + k * step < count ? i + k * step : i;
        a.gather(at, values);
        for (int k = 0; k < at_once; ++k) sum += values[k];
    }
    use(sum, sink);
}

template <int at_once, class Source>
BENCH_KERNEL void gather_at_random(Source a, std::uint64_t mask, unsigned each, Word* sink) {
    Word sum = 0;
    std::uint64_t state = gpuio::thread_index() * each;
    for (unsigned n = 0; n < each; n += at_once) {
        std::size_t at[at_once];
        Word values[at_once];
        for (int k = 0; k < at_once; ++k) at[k] = mix(++state) & mask;
        a.gather(at, values);
        for (int k = 0; k < at_once; ++k) sum += values[k];
    }
    use(sum, sink);
}

/// A warp reads `chunk` elements through a cursor, then the next chunk that nobody has.
template <class Source>
BENCH_KERNEL void read_by_cursor(Source a, std::uint64_t count, std::uint64_t chunk, Word* sink) {
    Word sum = 0;
    const std::uint64_t warps = gpuio::thread_count() / 32;
    for (std::uint64_t at = gpuio::thread_index() / 32 * chunk; at < count; at += warps * chunk) {
        auto p = a.pin(at);
        for (std::uint64_t k = threadIdx.x % 32; k < chunk; k += 32) sum += p[at + k];
    }
    use(sum, sink);
}

/// The same by `run`: plain memory in the inner loop.
template <class Source>
BENCH_KERNEL void read_by_run(Source a, std::uint64_t count, std::uint64_t chunk, Word* sink) {
    Word sum = 0;
    const std::uint64_t warps = gpuio::thread_count() / 32;
    for (std::uint64_t at = gpuio::thread_index() / 32 * chunk; at < count; at += warps * chunk) {
        auto p = a.pin(at);
        const auto run = p.run(at);
        for (std::uint64_t k = threadIdx.x % 32; k < chunk; k += 32) sum += run[k];
    }
    use(sum, sink);
}

/// Every warp reads whole records of `record` elements, at random: what a gather does.
template <class Source>
BENCH_KERNEL void gather(Source a, std::uint64_t records, std::uint64_t record,
                         std::uint64_t wanted, std::uint64_t seed, Word* sink) {
    Word sum = 0;
    const std::uint64_t warps = gpuio::thread_count() / 32;
    for (std::uint64_t n = gpuio::thread_index() / 32; n < wanted; n += warps) {
        const std::uint64_t at = mix(seed + n) % records * record;
        auto p = a.pin(at);
        const auto run = p.run(at);
        for (std::uint64_t k = threadIdx.x % 32; k < record; k += 32) sum += run[k];
    }
    use(sum, sink);
}

/// The lanes of a warp, or only one of them, read an element each of a page that nobody has
/// touched, again and again; one writes down how long each took, in nanoseconds.
BENCH_KERNEL void time_faults(Paged a, std::uint64_t first_page, std::uint64_t page,
                              unsigned each, unsigned lanes, std::uint32_t* took_ns) {
    const unsigned lane = threadIdx.x % 32;
    if (lane >= lanes) return;
    const std::uint64_t warp = gpuio::thread_index() / 32;
    Word sum = 0;
    for (unsigned k = 0; k < each; ++k) {
        const std::uint64_t n = warp * each + k;
        std::uint64_t begin, end;
        asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(begin)::"memory");
        sum += a[(first_page + n) * page + lane];
        asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(end)::"memory");
        if (lane == 0) took_ns[n] = static_cast<std::uint32_t>(end - begin);
    }
    use(sum, took_ns);
}

}  // namespace gpu_bench
