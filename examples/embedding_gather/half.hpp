// IEEE 754 half precision, as safetensors' F16 stores it.
#pragma once

#include <bit>
#include <cstdint>
#include <gpuio/device/macros.hpp>

namespace examples {

/// The 16 bits of one element.
struct Half {
    std::uint16_t bits;
};

GPUIO_HOST_DEVICE inline float to_float(float value) { return value; }

/// Exact: every half is a float.
GPUIO_HOST_DEVICE inline float to_float(Half half) {
    const std::uint32_t sign = static_cast<std::uint32_t>(half.bits & 0x8000) << 16;
    const std::uint32_t exponent = half.bits >> 10 & 0x1f;
    const std::uint32_t fraction = half.bits & 0x3ff;
    if (exponent == 0) {
        // Zero or subnormal: fraction * 2^-24, which is a normal float.
        const float magnitude = static_cast<float>(fraction) * 0x1p-24F;
        return sign != 0 ? -magnitude : magnitude;
    }
    // The bias grows from 15 to 127; infinity and NaN keep their all-ones exponent.
    const std::uint32_t wide = exponent == 0x1f ? 0xff : exponent + 112;
    return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

}  // namespace examples
