/// \file
/// Elements in page bytes: loads and stores that may race with a page being replaced.
///
/// An optimistic reader looks at a frame that another thread may be filling with another page. What
/// it reads is then thrown away, but the reading itself must be well defined: hence words that are
/// read and written one by one, as relaxed atomics.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "gpuio/device/macros.hpp"
#include "gpuio/device/platform.hpp"

namespace gpuio::device {

/// The unsigned integer of this many bytes.
template <std::size_t bytes>
struct WordOf;
template <>
struct WordOf<1> { using type = std::uint8_t; };
template <>
struct WordOf<2> { using type = std::uint16_t; };
template <>
struct WordOf<4> { using type = std::uint32_t; };
template <>
struct WordOf<8> { using type = std::uint64_t; };

/// The largest word that tiles a T: the largest power of two, at most 8, that divides its size.
template <class T>
inline constexpr std::size_t kWordBytes =
    sizeof(T) % 8 == 0 ? 8 : sizeof(T) % 4 == 0 ? 4 : sizeof(T) % 2 == 0 ? 2 : 1;

/// What an element may be.
template <class T>
inline constexpr bool kIsElement =
    std::is_trivially_copyable_v<T> && !std::is_const_v<T> && sizeof(T) >= 1 && sizeof(T) <= 4096;

/// Bytes of an element on their way between a page and a value. Not initialised: every byte is
/// written before it is read.
template <class T>
union ElementBuffer {
    GPUIO_DEVICE ElementBuffer() {}
    T value;
    std::byte bytes[sizeof(T)];
    typename WordOf<kWordBytes<T>>::type words[sizeof(T) / kWordBytes<T>];
};

/// T{}: what an access that failed yields. For large elements word by word, because a compiler may
/// write `T{}` as one store a byte, and take minutes over it.
template <class T>
GPUIO_DEVICE inline T empty_element() {
    if constexpr (sizeof(T) <= 64 || !std::is_trivially_default_constructible_v<T>) {
        return T{};
    } else {
        ElementBuffer<T> buffer;
        GPUIO_UNROLL_WORDS
        for (std::size_t k = 0; k < sizeof(T) / kWordBytes<T>; ++k) buffer.words[k] = 0;
        return buffer.value;
    }
}

/// Loads an element whose address is a multiple of `kWordBytes<T>`.
template <class T>
GPUIO_DEVICE inline T load_element(const std::byte* from) {
    using Word = typename WordOf<kWordBytes<T>>::type;
    ElementBuffer<T> buffer;
    const Word* words = reinterpret_cast<const Word*>(from);
    GPUIO_UNROLL_WORDS
    for (std::size_t k = 0; k < sizeof(T) / sizeof(Word); ++k) {
        buffer.words[k] = platform::load_data(words + k);
    }
    return buffer.value;
}

/// Stores an element whose address is a multiple of `kWordBytes<T>`.
template <class T>
GPUIO_DEVICE inline void store_element(std::byte* to, const T& value) {
    using Word = typename WordOf<kWordBytes<T>>::type;
    ElementBuffer<T> buffer;
    buffer.value = value;
    Word* words = reinterpret_cast<Word*>(to);
    GPUIO_UNROLL_WORDS
    for (std::size_t k = 0; k < sizeof(T) / sizeof(Word); ++k) {
        platform::store_data(words + k, buffer.words[k]);
    }
}

/// Whether an element that is aligned to its words is moved as a whole by few instructions.
template <class T>
inline constexpr bool kMovesWhole = sizeof(T) <= 16 && alignof(T) <= kWordBytes<T>;

/// Loads an element of memory in which no page is replaced. Its address is a multiple of
/// `kWordBytes<T>`.
template <class T>
GPUIO_DEVICE inline T load_plainly(const std::byte* from) {
    if constexpr (kMovesWhole<T>) {
        return *reinterpret_cast<const T*>(from);
    } else {
        return load_element<T>(from);
    }
}

/// Stores an element there.
template <class T>
GPUIO_DEVICE inline void store_plainly(std::byte* to, const T& value) {
    if constexpr (kMovesWhole<T>) {
        *reinterpret_cast<T*>(to) = value;
    } else {
        store_element(to, value);
    }
}

/// Loads part of an element, at any address.
GPUIO_DEVICE inline void load_bytes(std::byte* to, const std::byte* from, std::size_t count) {
    GPUIO_UNROLL_WORDS
    for (std::size_t k = 0; k < count; ++k) {
        to[k] = static_cast<std::byte>(
            platform::load_data(reinterpret_cast<const std::uint8_t*>(from) + k));
    }
}

/// Stores part of an element, at any address.
GPUIO_DEVICE inline void store_bytes(std::byte* to, const std::byte* from, std::size_t count) {
    GPUIO_UNROLL_WORDS
    for (std::size_t k = 0; k < count; ++k) {
        platform::store_data(reinterpret_cast<std::uint8_t*>(to) + k,
                             static_cast<std::uint8_t>(from[k]));
    }
}

}  // namespace gpuio::device
