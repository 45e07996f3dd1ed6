/// \file
/// The three loads of an optimistic read, in this order: the page's entry, the element, the entry
/// again. If the entry shows the same residency twice, the page stayed in its frame in between, and
/// the element is the page's.
#pragma once

#include <cstddef>
#include <cstdint>

#include "gpuio/device/element.hpp"
#include "gpuio/device/macros.hpp"
#include "gpuio/device/platform.hpp"

namespace gpuio::device {

/// Whether a load whose address comes of another's value is taken to be made after it.
#if defined(GPUIO_CUDA_HIT_ORDER) && GPUIO_CUDA_HIT_ORDER == 2 && defined(__CUDACC__)
inline constexpr bool kOrderedByAddress = true;
#else
inline constexpr bool kOrderedByAddress = false;
#endif

#if defined(GPUIO_CUDA_HIT_ORDER) && GPUIO_CUDA_HIT_ORDER == 1 && defined(__CUDACC__)

GPUIO_DEVICE inline std::uint64_t look(const std::uint64_t* word) {
    return platform::load_relaxed(word);
}

/// Every word is loaded with acquire order, so that whatever is loaded next is loaded later.
template <class T>
GPUIO_DEVICE inline T load_optimistically(const std::byte* from) {
    using Word = typename WordOf<kWordBytes<T>>::type;
    ElementBuffer<T> buffer;
    const Word* words = reinterpret_cast<const Word*>(from);
    GPUIO_UNROLL_WORDS
    for (std::size_t k = 0; k < sizeof(T) / sizeof(Word); ++k) {
        buffer.words[k] = platform::load_data_acquire(words + k);
    }
    return buffer.value;
}

template <class T>
GPUIO_DEVICE inline std::uint64_t look_again(const std::uint64_t* word, const T&) {
    return platform::load_relaxed(word);
}

#elif defined(GPUIO_CUDA_HIT_ORDER) && GPUIO_CUDA_HIT_ORDER == 2 && defined(__CUDACC__)

GPUIO_DEVICE inline std::uint64_t look(const std::uint64_t* word) {
    return platform::load_relaxed(word);
}

template <class T>
GPUIO_DEVICE inline T load_optimistically(const std::byte* from) {
    return load_element<T>(from);
}

/// The second look needs the element's words to work out its address: it cannot be made earlier.
template <class T>
GPUIO_DEVICE inline std::uint64_t look_again(const std::uint64_t* word, const T& loaded) {
    if constexpr (sizeof(T) > 64) {  // cheaper than to fold so many words
        platform::fence_acquire();
        return platform::load_relaxed(word);
    } else {
        ElementBuffer<T> buffer;
        buffer.value = loaded;
        std::uint64_t folded = 0;
        for (std::size_t k = 0; k < sizeof(T) / kWordBytes<T>; ++k) folded ^= buffer.words[k];
        return platform::load_relaxed_after(word, folded);
    }
}

#elif defined(__CUDACC__)

GPUIO_DEVICE inline std::uint64_t look(const std::uint64_t* word) {
    return platform::load_acquire(word);
}

/// One word is loaded with acquire order, which is cheaper on a GPU than a fence after it.
template <class T>
inline constexpr bool kIsOneWord = sizeof(T) == kWordBytes<T>;

template <class T>
GPUIO_DEVICE inline T load_optimistically(const std::byte* from) {
    if constexpr (kIsOneWord<T>) {
        using Word = typename WordOf<sizeof(T)>::type;
        ElementBuffer<T> buffer;
        buffer.words[0] = platform::load_data_acquire(reinterpret_cast<const Word*>(from));
        return buffer.value;
    } else {
        return load_element<T>(from);
    }
}

template <class T>
GPUIO_DEVICE inline std::uint64_t look_again(const std::uint64_t* word, const T&) {
    if constexpr (!kIsOneWord<T>) platform::fence_acquire();
    return platform::load_relaxed(word);
}

#else

GPUIO_DEVICE inline std::uint64_t look(const std::uint64_t* word) {
    return platform::load_acquire(word);
}

template <class T>
GPUIO_DEVICE inline T load_optimistically(const std::byte* from) {
    return load_element<T>(from);
}

template <class T>
GPUIO_DEVICE inline std::uint64_t look_again(const std::uint64_t* word, const T&) {
    platform::fence_acquire();
    return platform::load_relaxed(word);
}

#endif

}  // namespace gpuio::device
