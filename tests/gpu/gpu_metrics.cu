// Live figures while a kernel runs: the service reads L1's counters out of GPU memory and goes on
// serving the kernel's faults meanwhile.
#include "support.cuh"

using namespace gpu_test;

namespace {

GPUIO_KERNEL void read_all(gpuio::ArrayRef<const std::uint64_t> a, std::size_t n,
                           Mismatches* report) {
    for (std::size_t i = gpuio::thread_index(); i < n; i += gpuio::thread_count()) {
        report->expect(i, a[i], mix(i ^ 1));
    }
}

/// The value in the line that begins with `name` and a blank.
long long value(const std::string& text, const std::string& name) {
    const auto at = text.find("\n" + name + " ");
    CHECK(at != std::string::npos);
    return std::atoll(text.c_str() + at + name.size() + 2);
}

void watched(std::uint64_t bytes) {
    const std::size_t n = bytes / sizeof(std::uint64_t);
    const TempFile file(bytes, 1);
    gpuio::Config config = config_of(4096, 64, 64);
    config.io_timeout_us = 10'000'000;  // a service that waits for the kernel fails the test
    gpuio::Context context(config);
    const gpuio::GPUIOArray<const std::uint64_t> a(context, file.uri(), n);
    const Report report;
    gpuio::launch(context, 64, 128, read_all, a.ref(), n, report.device());
    const auto stream = static_cast<cudaStream_t>(context.state()->stream());
    long long looks = 0;
    long long misses = 0;
    while (cudaStreamQuery(stream) == cudaErrorNotReady) {
        const long long now = value(context.metrics(), "gpuio_l1_misses_total");
        CHECK(now >= misses);
        misses = now;
        ++looks;
    }
    context.synchronize();
    CHECK_NO_MISMATCH(report);
    std::printf("    %lld looks, %lld misses at the last one\n", looks, misses);
    CHECK(looks > 1);
    CHECK_EQ(value(context.metrics(), "gpuio_l1_misses_total"),
             static_cast<long long>(a.stats().l1_misses));
}

}  // namespace

int main(int argc, char** argv) {
    return run(argc, argv, {{"figures while a kernel runs", [] {
                                 watched(scaled(64 << 20, 4 << 20));
                             }}});
}
