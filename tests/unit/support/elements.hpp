/// \file
/// Element types of odd and even sizes that can be added, as numbers can.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace test {

/// `size` bytes, added byte by byte. Aligned to one byte.
template <std::size_t size>
struct Blob {
    std::array<std::uint8_t, size> bytes;
    friend Blob operator+(const Blob& a, const Blob& b) {
        Blob sum;
        for (std::size_t k = 0; k < size; ++k) {
            sum.bytes[k] = static_cast<std::uint8_t>(a.bytes[k] + b.bytes[k]);
        }
        return sum;
    }
};

/// Three words, as a float3 is; not a power of two.
struct Triple {
    std::uint32_t x, y, z;
    friend Triple operator+(const Triple& a, const Triple& b) {
        return {a.x + b.x, a.y + b.y, a.z + b.z};
    }
};

/// A structure of 16 bytes with members of several sizes and no padding.
struct Record {
    std::uint64_t key;
    std::uint32_t count;
    std::uint16_t kind;
    std::uint8_t flags[2];
    friend Record operator+(const Record& a, const Record& b) {
        return {a.key + b.key,
                a.count + b.count,
                static_cast<std::uint16_t>(a.kind + b.kind),
                {static_cast<std::uint8_t>(a.flags[0] + b.flags[0]),
                 static_cast<std::uint8_t>(a.flags[1] + b.flags[1])}};
    }
};

static_assert(sizeof(Blob<7>) == 7 && sizeof(Triple) == 12 && sizeof(Record) == 16);

}  // namespace test
