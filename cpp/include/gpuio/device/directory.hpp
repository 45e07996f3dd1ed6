/// \file
/// The L2 directory: where pages lie in the cache below, for kernels to copy them without asking
/// the host service.
///
/// One word a page, in shared memory, written by the service alone:
///
///     generation (63..32), never 0 | frame of L2 (31..0);  0: ask the service
///
/// A word is a hint that may be withdrawn at any time: the service stores 0 before it gives the
/// frame to another page. Whoever has copied from the frame looks at the word again; if it is the
/// same, what was copied are the page's bytes. The generation makes a page that left and came back
/// to the same frame another word. (docs/decisions/0010-l2-directory.md)
#pragma once

#include <cstddef>
#include <cstdint>

#include "gpuio/device/layout.hpp"
#include "gpuio/device/macros.hpp"
#include "gpuio/device/platform.hpp"

namespace gpuio::device {

/// The word of a page.
GPUIO_DEVICE inline const std::uint64_t* directory_word(const ArrayDescriptor& array,
                                                        std::uint64_t page) {
    return array.directory + page;
}

/// The word if it names a frame, whose bytes may be read after this; else 0.
GPUIO_DEVICE inline std::uint64_t look_in_directory(const std::uint64_t* word) {
    const std::uint64_t seen = platform::load_relaxed_system(word);
    if (seen != 0) platform::fence_acquire_system();
    return seen;
}

/// The bytes of the frame that a word names. Marks the frame as used, since its replacement is the
/// service's, which hears of this use in no other way.
GPUIO_DEVICE inline std::uint64_t use_directory_frame(const Cache& cache, std::uint64_t word) {
    const std::uint64_t frame = word & 0xffffffff;
    platform::mark(cache.l2_marks + frame);
    return reinterpret_cast<std::uint64_t>(cache.l2_frames) + (frame << cache.page_shift);
}

}  // namespace gpuio::device
