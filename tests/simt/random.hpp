/// \file
/// The one source of chance in a simulation: everything follows from the seed.
#pragma once

#include <cstdint>

namespace simt {

/// A splitmix64 step: a good 64-bit hash of `x`.
inline std::uint64_t mix(std::uint64_t x) {
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

/// A splitmix64 generator. Small and fast; its quality is more than schedules need.
class Random {
public:
    explicit Random(std::uint64_t seed) : state_(mix(seed)) {}

    std::uint64_t next() {
        const std::uint64_t value = mix(state_);
        state_ += 0x9e3779b97f4a7c15;
        return value;
    }
    /// From 0 to `bound - 1`; `bound` is not 0.
    std::uint32_t below(std::uint32_t bound) {
        return static_cast<std::uint32_t>(((next() >> 32) * bound) >> 32);
    }
    bool percent(std::uint32_t chance) { return below(100) < chance; }

private:
    std::uint64_t state_;
};

}  // namespace simt
