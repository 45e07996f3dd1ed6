#include <gpuio/version.hpp>

#include <cstdint>
#include <iostream>

// From the Rust library in `other`.
extern "C" std::uint64_t other_sum_to(std::uint64_t last);
extern "C" std::int32_t other_catches_its_own_panic();

int main() {
    std::cout << "gpuio " << gpuio::version() << '\n';
    const bool alive = other_sum_to(100) == 5050 && other_catches_its_own_panic() == 1;
    return alive && !gpuio::version().empty() ? 0 : 1;
}
