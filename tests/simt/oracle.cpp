#include "oracle.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "random.hpp"

namespace simt {

namespace {

/// Eight bytes of a pattern, none of them 0.
std::uint64_t pattern(std::uint32_t array, std::size_t index, std::uint32_t sequence,
                      std::size_t word) {
    const std::uint64_t key = (std::uint64_t{array} << 56) ^ (std::uint64_t{sequence} << 32) ^
                              (word << 24) ^ index;
    return mix(key) | 0x0101010101010101;
}

}  // namespace

Oracle::Oracle(std::uint32_t array, std::size_t element_count, std::size_t element_bytes,
               std::size_t granule)
    : array_(array), element_bytes_(element_bytes), granule_(granule), started_(element_count),
      certain_(element_count) {}

void Oracle::fill(std::size_t index, std::uint32_t sequence, std::byte* to) const {
    for (std::size_t at = 0; at < element_bytes_; at += 8) {
        const std::uint64_t word = pattern(array_, index, sequence, at / 8);
        std::memcpy(to + at, &word, std::min<std::size_t>(8, element_bytes_ - at));
    }
}

bool Oracle::matches(std::size_t index, std::uint32_t sequence, const std::byte* bytes,
                     std::size_t offset, std::size_t count) const {
    // A granule is at most 8 bytes and aligned to its size, so it lies in one word of the pattern.
    const std::uint64_t word = pattern(array_, index, sequence, offset / 8);
    return std::memcmp(bytes + offset, reinterpret_cast<const std::byte*>(&word) + offset % 8,
                       count) == 0;
}

std::string Oracle::end_read(const Reading& reading, const std::byte* bytes,
                             std::uint64_t errors) const {
    const std::uint32_t newest = started_[reading.index];
    std::size_t at = 0;
    for (; at < element_bytes_; at += granule_) {
        bool legal = false;
        for (std::uint32_t sequence = reading.oldest; sequence <= newest && !legal; ++sequence) {
            legal = matches(reading.index, sequence, bytes, at, granule_);
        }
        if (!legal) break;
    }
    if (at == element_bytes_) return {};

    const bool nothing = std::all_of(bytes, bytes + element_bytes_,
                                     [](std::byte byte) { return byte == std::byte{0}; });
    if (nothing && errors != reading.errors) return {};
    std::string text = "element " + std::to_string(reading.index) + " of array " +
                       std::to_string(array_) + " reads ";
    char digits[4];
    for (std::size_t k = 0; k < std::min<std::size_t>(16, element_bytes_); ++k) {
        std::snprintf(digits, sizeof digits, "%02x", std::to_integer<unsigned>(bytes[k]));
        text += digits;
    }
    text += ": wrong from byte " + std::to_string(at) + ", for any write from " +
            std::to_string(reading.oldest) + " to " + std::to_string(newest);
    for (std::uint32_t old = 0; old < reading.oldest; ++old) {
        if (matches(reading.index, old, bytes, at, granule_)) {
            return text + "; it is write " + std::to_string(old) + " (a lost or late write)";
        }
    }
    return text + (nothing ? "; T{} without an error" : "");
}

}  // namespace simt
