/// \file
/// `ArrayRef::gather`: several elements at a time. What `a[i]` does one after the other (the page's
/// entry, the element, the entry again) is done for all of them step by step, so that their loads
/// are in flight together.
#pragma once

#include <cstddef>
#include <cstdint>

#include "gpuio/device/array_ref.hpp"
#include "gpuio/device/element.hpp"
#include "gpuio/device/macros.hpp"
#include "gpuio/device/optimistic.hpp"
#include "gpuio/device/page_entry.hpp"
#include "gpuio/device/platform.hpp"

namespace gpuio {

template <class T>
template <std::size_t count>
GPUIO_DEVICE void ArrayRef<T>::gather(const std::size_t (&index)[count],
                                      Value (&to)[count]) const {
    if constexpr (platform::kGathersInSteps) {
        if (view_.quick_count != 0) return gather_in_steps(index, to);
    } else if constexpr (count >= platform::kLeastPrefetched) {
        prefetch_lines(index);
    }
    GPUIO_UNROLL
    for (std::size_t k = 0; k < count; ++k) to[k] = load(index[k]);
}

/// On a GPU: one fence for all looks at entries, one for all elements. An element that is not there
/// is loaded by itself, and waited for.
template <class T>
template <std::size_t count>
GPUIO_DEVICE void ArrayRef<T>::gather_in_steps(const std::size_t (&index)[count],
                                               Value (&to)[count]) const {
    const Pages pages = this->pages();
    std::uint64_t seen[count];
    GPUIO_UNROLL
    for (std::size_t k = 0; k < count; ++k) {
        const bool inside = index[k] < view_.quick_count;
        seen[k] = inside ? platform::load_relaxed(pages.word_of(byte_of(index[k]))) : 0;
    }
    if constexpr (!device::kOrderedByAddress) platform::fence_acquire();
    GPUIO_UNROLL
    for (std::size_t k = 0; k < count; ++k) {
        const device::PageEntry entry{seen[k]};
        if (!entry.accessed()) continue;
        to[k] = device::load_element<Value>(pages.place_of(byte_of(index[k]), entry));
    }
    if constexpr (!device::kOrderedByAddress) platform::fence_acquire();
    GPUIO_UNROLL
    for (std::size_t k = 0; k < count; ++k) {
        const bool hit = device::PageEntry{seen[k]}.accessed() &&
                         look_again_in_steps(pages.word_of(byte_of(index[k])), to[k]) == seen[k];
        if (!hit) to[k] = load(index[k]);
    }
}

template <class T>
GPUIO_DEVICE std::uint64_t ArrayRef<T>::look_again_in_steps(const std::uint64_t* word,
                                                            const Value& loaded) {
    if constexpr (device::kOrderedByAddress) return device::look_again(word, loaded);
    return platform::load_relaxed(word);
}

/// On a CPU, which has as many instructions in flight as it has room for: more elements are on
/// their way at a time if they are asked for before the first is needed.
template <class T>
template <std::size_t count>
GPUIO_DEVICE void ArrayRef<T>::prefetch_lines(const std::size_t (&index)[count]) const {
    const Pages pages = this->pages();
    for (std::size_t k = 0; k < count; ++k) {
        if (GPUIO_RARELY(index[k] >= view_.quick_count)) return;
        const std::uint64_t byte = byte_of(index[k]);
        const device::PageEntry entry{platform::load_relaxed(pages.word_of(byte))};
        platform::prefetch_line(pages.place_of(byte, entry));
    }
}

}  // namespace gpuio
