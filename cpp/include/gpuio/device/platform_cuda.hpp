/// \file
/// The platform of CUDA devices, compute capability 7.0 and later (PTX memory model).
///
/// Words that several threads touch are read and written by `.relaxed`, `.acquire` and `.release`
/// operations: those bypass the multiprocessor's own cache, which is not coherent.
#pragma once

#include <cstddef>
#include <cstdint>

#include "gpuio/device/layout.hpp"

namespace gpuio::platform {

/// Frames the CLOCK hand looks at before its caller gets a turn at other things.
inline constexpr std::uint32_t kMaxHandSteps = 64;
/// One turn in so many of a wait, the word that says whether the service lives is looked at.
inline constexpr std::uint32_t kLooksAtHostOneIn = 64;

/// A warp's lanes do, where nothing parts them.
inline constexpr bool kLanesRunInStep = true;
/// A lane has several loads in flight if nothing between them waits.
inline constexpr bool kGathersInSteps = true;
inline constexpr std::size_t kLeastPrefetched = ~std::size_t{0};
__device__ inline void prefetch_line(const std::byte*) {}

__device__ inline std::uint64_t load_relaxed(const std::uint64_t* word) {
    std::uint64_t value;
    asm volatile("ld.relaxed.gpu.global.u64 %0, [%1];" : "=l"(value) : "l"(word) : "memory");
    return value;
}
__device__ inline std::uint64_t load_acquire(const std::uint64_t* word) {
    std::uint64_t value;
    asm volatile("ld.acquire.gpu.global.u64 %0, [%1];" : "=l"(value) : "l"(word) : "memory");
    return value;
}
__device__ inline void store_relaxed(std::uint64_t* word, std::uint64_t value) {
    asm volatile("st.relaxed.gpu.global.u64 [%0], %1;" ::"l"(word), "l"(value) : "memory");
}
__device__ inline void store_release(std::uint64_t* word, std::uint64_t value) {
    asm volatile("st.release.gpu.global.u64 [%0], %1;" ::"l"(word), "l"(value) : "memory");
}
__device__ inline bool compare_exchange(std::uint64_t* word, std::uint64_t& expected,
                                        std::uint64_t desired) {
    std::uint64_t seen;
    asm volatile("atom.acq_rel.gpu.global.cas.b64 %0, [%1], %2, %3;"
                 : "=l"(seen)
                 : "l"(word), "l"(expected), "l"(desired)
                 : "memory");
    const bool swapped = seen == expected;
    expected = seen;
    return swapped;
}
__device__ inline std::uint64_t fetch_add(std::uint64_t* word, std::uint64_t value) {
    std::uint64_t before;
    asm volatile("atom.acq_rel.gpu.global.add.u64 %0, [%1], %2;"
                 : "=l"(before)
                 : "l"(word), "l"(value)
                 : "memory");
    return before;
}
__device__ inline std::uint64_t fetch_or(std::uint64_t* word, std::uint64_t value) {
    std::uint64_t before;
    asm volatile("atom.acq_rel.gpu.global.or.b64 %0, [%1], %2;"
                 : "=l"(before)
                 : "l"(word), "l"(value)
                 : "memory");
    return before;
}
__device__ inline std::uint64_t fetch_and(std::uint64_t* word, std::uint64_t value) {
    std::uint64_t before;
    asm volatile("atom.acq_rel.gpu.global.and.b64 %0, [%1], %2;"
                 : "=l"(before)
                 : "l"(word), "l"(value)
                 : "memory");
    return before;
}
__device__ inline void count(std::uint64_t* counter, std::uint64_t amount) {
    asm volatile("red.relaxed.gpu.global.add.u64 [%0], %1;" ::"l"(counter), "l"(amount) : "memory");
}
__device__ inline std::uint64_t fetch_add_relaxed(std::uint64_t* word, std::uint64_t value) {
    std::uint64_t before;
    asm volatile("atom.relaxed.gpu.global.add.u64 %0, [%1], %2;"
                 : "=l"(before)
                 : "l"(word), "l"(value)
                 : "memory");
    return before;
}
__device__ inline std::uint64_t fetch_add_acquire(std::uint64_t* word, std::uint64_t value) {
    std::uint64_t before;
    asm volatile("atom.acquire.gpu.global.add.u64 %0, [%1], %2;"
                 : "=l"(before)
                 : "l"(word), "l"(value)
                 : "memory");
    return before;
}
__device__ inline void add_release(std::uint64_t* word, std::uint64_t value) {
    asm volatile("red.release.gpu.global.add.u64 [%0], %1;" ::"l"(word), "l"(value) : "memory");
}
__device__ inline void or_release(std::uint64_t* word, std::uint64_t value) {
    asm volatile("red.release.gpu.global.or.b64 [%0], %1;" ::"l"(word), "l"(value) : "memory");
}
__device__ inline std::uint64_t load_relaxed_system(const std::uint64_t* word) {
    std::uint64_t value;
    asm volatile("ld.relaxed.sys.global.u64 %0, [%1];" : "=l"(value) : "l"(word) : "memory");
    return value;
}
__device__ inline void fence_acquire_system() { asm volatile("fence.acq_rel.sys;" ::: "memory"); }
__device__ inline std::uint64_t load_again_system(const std::uint64_t* word) {
    fence_acquire_system();
    return load_relaxed_system(word);
}
/// Without a look, which would take as long as the bus; a store is posted.
__device__ inline void mark(std::uint64_t* word) {
    const std::uint64_t marked = 1;
    asm volatile("st.relaxed.sys.global.u64 [%0], %1;" ::"l"(word), "l"(marked) : "memory");
}
__device__ inline void store_release_system(std::uint64_t* word, std::uint64_t value) {
    asm volatile("st.release.sys.global.u64 [%0], %1;" ::"l"(word), "l"(value) : "memory");
}
/// Both words leave in one store.
__device__ inline void store_pair_release_system(std::uint64_t* words, std::uint64_t first,
                                                 std::uint64_t second) {
    asm volatile(
        "fence.acq_rel.sys;\n\t"
        "st.relaxed.sys.global.v2.u64 [%0], {%1, %2};" ::"l"(words),
        "l"(first), "l"(second)
        : "memory");
}
__device__ inline void fence_release() { asm volatile("fence.acq_rel.gpu;" ::: "memory"); }
__device__ inline void fence_acquire_release() { fence_release(); }
__device__ inline void fence_acquire() { asm volatile("fence.acq_rel.gpu;" ::: "memory"); }

template <class Data>
__device__ inline Data load_data(const Data* data) {
    if constexpr (sizeof(Data) == 8) {
        std::uint64_t value;
        asm volatile("ld.relaxed.gpu.global.u64 %0, [%1];" : "=l"(value) : "l"(data) : "memory");
        return static_cast<Data>(value);
    } else if constexpr (sizeof(Data) == 4) {
        std::uint32_t value;
        asm volatile("ld.relaxed.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(data) : "memory");
        return static_cast<Data>(value);
    } else if constexpr (sizeof(Data) == 2) {
        std::uint16_t value;
        asm volatile("ld.relaxed.gpu.global.u16 %0, [%1];" : "=h"(value) : "l"(data) : "memory");
        return static_cast<Data>(value);
    } else {
        std::uint32_t value;
        asm volatile("ld.relaxed.gpu.global.u8 %0, [%1];" : "=r"(value) : "l"(data) : "memory");
        return static_cast<Data>(value);
    }
}
/// As `load_data`, and what is loaded afterwards is loaded later.
template <class Data>
__device__ inline Data load_data_acquire(const Data* data) {
    if constexpr (sizeof(Data) == 8) {
        std::uint64_t value;
        asm volatile("ld.acquire.gpu.global.u64 %0, [%1];" : "=l"(value) : "l"(data) : "memory");
        return static_cast<Data>(value);
    } else if constexpr (sizeof(Data) == 4) {
        std::uint32_t value;
        asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(data) : "memory");
        return static_cast<Data>(value);
    } else if constexpr (sizeof(Data) == 2) {
        std::uint16_t value;
        asm volatile("ld.acquire.gpu.global.u16 %0, [%1];" : "=h"(value) : "l"(data) : "memory");
        return static_cast<Data>(value);
    } else {
        std::uint32_t value;
        asm volatile("ld.acquire.gpu.global.u8 %0, [%1];" : "=r"(value) : "l"(data) : "memory");
        return static_cast<Data>(value);
    }
}

/// A load that the hardware cannot make before it has `loaded`, the result of another: its address
/// needs it. The memory model knows no such order; a multiprocessor, which must have an address to
/// load from, keeps it. n * (n + 1) is even, but the assembler does not know.
__device__ inline std::uint64_t load_relaxed_after(const std::uint64_t* word,
                                                   std::uint64_t loaded) {
    std::uint64_t value;
    asm volatile(
        "{\n\t"
        ".reg .u32 low, high, product;\n\t"
        ".reg .u64 address;\n\t"
        "mov.b64 {low, high}, %2;\n\t"
        "xor.b32 low, low, high;\n\t"
        "mad.lo.u32 product, low, low, low;\n\t"
        "and.b32 product, product, 1;\n\t"
        "cvt.u64.u32 address, product;\n\t"
        "add.u64 address, address, %1;\n\t"
        "ld.relaxed.gpu.global.u64 %0, [address];\n\t"
        "}"
        : "=l"(value)
        : "l"(word), "l"(loaded)
        : "memory");
    return value;
}

template <class Data>
__device__ inline void store_data(Data* data, Data value) {
    if constexpr (sizeof(Data) == 8) {
        asm volatile("st.relaxed.gpu.global.u64 [%0], %1;" ::"l"(data),
                     "l"(static_cast<std::uint64_t>(value))
                     : "memory");
    } else if constexpr (sizeof(Data) == 4) {
        asm volatile("st.relaxed.gpu.global.u32 [%0], %1;" ::"l"(data),
                     "r"(static_cast<std::uint32_t>(value))
                     : "memory");
    } else if constexpr (sizeof(Data) == 2) {
        asm volatile("st.relaxed.gpu.global.u16 [%0], %1;" ::"l"(data),
                     "h"(static_cast<std::uint16_t>(value))
                     : "memory");
    } else {
        asm volatile("st.relaxed.gpu.global.u8 [%0], %1;" ::"l"(data),
                     "r"(static_cast<std::uint32_t>(value))
                     : "memory");
    }
}

/// A piece is eight times 16 bytes: that many loads are in flight at a time, since the source is
/// often host memory, a bus away.
inline constexpr std::uint32_t kLoadsOfPiece = 8;

/// Pieces that a page is copied in. \param bytes a power of two, at least 512
__device__ inline std::uint32_t copy_pieces(std::size_t bytes) {
    return static_cast<std::uint32_t>(bytes / (16 * kLoadsOfPiece));
}

/// Copies one piece of a page. A warp's worth of pieces lie interleaved, 16 bytes of each in turn,
/// so that lanes with consecutive pieces read side by side.
/// \param to, from the page's, aligned to 16
__device__ inline void copy_piece(std::byte* to, const std::byte* from, std::size_t bytes,
                                  std::uint32_t piece) {
    const std::uint32_t pieces = copy_pieces(bytes);
    const std::uint32_t width = pieces < 32 ? pieces : 32;
    const std::size_t first =
        (std::size_t{piece / width} * width * kLoadsOfPiece + piece % width) * 16;
    std::uint64_t low[kLoadsOfPiece], high[kLoadsOfPiece];
#pragma unroll
    for (std::uint32_t k = 0; k < kLoadsOfPiece; ++k) {
        asm volatile("ld.volatile.global.v2.u64 {%0, %1}, [%2];"
                     : "=l"(low[k]), "=l"(high[k])
                     : "l"(from + first + std::size_t{k} * width * 16)
                     : "memory");
    }
#pragma unroll
    for (std::uint32_t k = 0; k < kLoadsOfPiece; ++k) {
        asm volatile("st.volatile.global.v2.u64 [%0], {%1, %2};" ::"l"(
                         to + first + std::size_t{k} * width * 16),
                     "l"(low[k]), "l"(high[k])
                     : "memory");
    }
}

__device__ inline std::uint64_t now_us() {
    std::uint64_t now_ns;
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now_ns));
    return now_ns / 1000;
}

/// From half a microsecond to 16: the answer is polled for in host memory, and a thousand warps
/// that all do so leave the copy engine no room on the bus.
__device__ inline void pause(std::uint32_t attempt) {
    __nanosleep(attempt < 5 ? 500u << attempt : 16'000u);
}

/// The service polls while kernels run: nothing to wake.
__device__ inline void ring_doorbell(device::SharedControl*) {}

__device__ inline std::uint32_t shard_hint() { return blockIdx.x; }
__device__ inline std::uint64_t thread_index() {
    return std::uint64_t{blockIdx.x} * blockDim.x + threadIdx.x;
}
__device__ inline std::uint64_t thread_count() {
    return std::uint64_t{gridDim.x} * blockDim.x;
}

}  // namespace gpuio::platform
