#include <gpuio/gpuio.hpp>

#include <cstdint>
#include <iostream>

// From the Rust library in `other`.
extern "C" std::uint64_t other_sum_to(std::uint64_t last);
extern "C" std::int32_t other_catches_its_own_panic();

// gpuio's own Rust core runs, fails, and reports, beside the other one.
bool gpuio_works() {
    try {
        gpuio::Config config;
        config.device = "host";
        const gpuio::Context context(config);
        gpuio::GPUIOArray<const float> missing(context, "localio:///no/such/file", 1);
    } catch (const gpuio::Error& error) {
        std::cout << "as expected: " << error.what() << '\n';
        return error.code() == gpuio::ErrorCode::kNotFound;
    }
    return false;
}

int main() {
    const bool other_works = other_sum_to(100) == 5050 && other_catches_its_own_panic() == 1;
    return other_works && gpuio_works() ? 0 : 1;
}
