/// \file
/// Pins: they keep a page in its frame. Taking one never waits and never loses to another thread.
#pragma once

#include <cstdint>

#include "gpuio/device/macros.hpp"
#include "gpuio/device/page_entry.hpp"
#include "gpuio/device/platform.hpp"

namespace gpuio::device {

/// Takes one pin off a page. The page may be evicted from then on.
GPUIO_DEVICE inline void release_pin(std::uint64_t* word) {
    platform::add_release(word, ~PageEntry::kOnePin + 1);
}

/// Takes one pin off a page and leaves it DIRTY (or REDIRTIED). After the stores: a flush that runs
/// at the same time either takes their bytes along or finds the page DIRTY again afterwards. A page
/// that is DIRTY already stays so while it is pinned.
GPUIO_DEVICE inline void release_pin_dirty(std::uint64_t* word) {
    const PageEntry entry{platform::load_relaxed(word)};
    if (!entry.dirty()) platform::or_release(word, PageEntry::kDirtyBit);
    release_pin(word);
}

/// Pins a page if it is resident. No waiting.
GPUIO_DEVICE inline bool try_pin(std::uint64_t* word, std::uint32_t* frame) {
    const PageEntry before{platform::load_relaxed(word)};
    if (!before.resident() || before.pins() >= PageEntry::kMaxPins) return false;
    const PageEntry entry{platform::fetch_add_acquire(word, PageEntry::kOnePin)};
    if (!entry.resident()) {
        release_pin(word);
        return false;
    }
    if (!entry.accessed()) platform::or_release(word, PageEntry::kAccessedBit);
    *frame = entry.frame();
    return true;
}

}  // namespace gpuio::device
