/// \file
/// What a kernel knows of one array, whatever its element type: where its page table is, how its
/// bytes lie on pages, and how to reach a byte range. `ArrayRef` puts elements on top.
#pragma once

#include <cstddef>
#include <cstdint>

#include "gpuio/device/layout.hpp"
#include "gpuio/device/macros.hpp"

namespace gpuio::device {

/// Trivially copyable, passed to kernels by value. Filled by the host when the array is made.
///
/// The array's byte 0 lies at byte `origin` of page 0, so that pages line up with the file's own
/// blocks even when the array starts somewhere inside a block.
struct ArrayView {
    const Cache* cache;          ///< device memory
    std::uint64_t* table;        ///< device memory; null for direct access
    std::byte* frames;           ///< as in `*cache`, here to save a load
    std::byte* direct;           ///< the array's byte 0, for direct access; else null
    std::uint64_t origin;        ///< bytes, less than a page
    std::uint64_t element_count;
    /// `element_count` if an access needs nothing but the page table: the array is regular and
    /// cached, and hits are not counted. Else 0. So one compare with it is all that `a[i]` asks.
    std::uint64_t quick_count;
    /// `element_count` if elements are plain memory at `direct`, aligned to their words. Else 0.
    std::uint64_t direct_count;
    std::uint32_t page_shift;
    std::uint16_t array;
    std::uint16_t counts_hits;   ///< 1: hits are counted too (GPUIO_FLAG_COUNT_HITS)
};
static_assert(sizeof(ArrayView) == 72);

}  // namespace gpuio::device
