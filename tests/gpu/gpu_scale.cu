// The kernel of the README, on arrays several times larger than both caches, on grids of many
// shapes: single threads, partial warps, one warp too many, more threads than the GPU holds.
#include "support.cuh"

using namespace gpu_test;

namespace {

GPUIO_KERNEL void scale(gpuio::ArrayRef<float> a, gpuio::ArrayRef<const float> b, std::size_t n) {
    for (std::size_t i = gpuio::thread_index(); i < n; i += gpuio::thread_count()) {
        a[i] = 2.0f * b[i] + a[i];
    }
}

float as_float(std::uint32_t bits) { return static_cast<float>(bits % 100'003) / 7.0f; }

std::vector<float> values(std::size_t count, std::uint64_t salt) {
    std::vector<float> result(count);
    for (std::size_t i = 0; i < count; ++i) result[i] = as_float(std::uint32_t(mix(i ^ salt)));
    return result;
}

void scale_on(std::uint64_t page_bytes, std::uint64_t blocks, std::uint64_t threads,
              std::size_t n) {
    const gpuio::Config config = config_of(page_bytes, 32, 32);
    const std::vector<float> a_before = values(n, 1);
    const std::vector<float> b_values = values(n, 2);
    TempFile a_file(n * sizeof(float));
    TempFile b_file(n * sizeof(float));
    const gpuio::Context context(config);
    {
        gpuio::GPUIOArray<float> b(context, b_file.uri(), n);
        b.write(0, b_values);
        b.flush();
    }
    gpuio::GPUIOArray<float> a(context, a_file.uri(), n);
    gpuio::GPUIOArray<const float> b(context, b_file.uri(), n);
    a.write(0, a_before);
    gpuio::launch(context, blocks, threads, scale, a.ref(), b.ref(), n);
    gpuio::Context(context).synchronize();

    const gpuio::Stats stats = a.stats();
    std::printf("    %llu misses, %llu joined, %llu evictions, %llu write-backs\n",
                static_cast<unsigned long long>(stats.l1_misses),
                static_cast<unsigned long long>(stats.l1_joined),
                static_cast<unsigned long long>(stats.l1_evictions),
                static_cast<unsigned long long>(stats.l1_write_backs));

    std::vector<float> read_back(n);
    a.read(0, read_back);
    a.flush();
    const std::vector<float> on_disk = a_file.read<float>(0, n);
    for (std::size_t i = 0; i < n; ++i) {
        const float expected = 2.0f * b_values[i] + a_before[i];
        CHECK_EQ(read_back[i], expected);
        CHECK_EQ(on_disk[i], expected);
    }
}

}  // namespace

int main(int argc, char** argv) {
    const auto small = scaled(1 << 17, 1 << 14);
    const auto large = scaled(4 << 20, 1 << 16);
    return run(argc, argv,
               {
                   {"1 x 1, 4 KiB", [=] { scale_on(4096, 1, 1, small); }},
                   {"1 x 31, 4 KiB", [=] { scale_on(4096, 1, 31, small); }},
                   {"3 x 33, 4 KiB", [=] { scale_on(4096, 3, 33, small); }},
                   {"7 x 100, 512 B", [=] { scale_on(512, 7, 100, small); }},
                   {"528 x 256, 4 KiB", [=] { scale_on(4096, 528, 256, large); }},
                   {"1000 x 64, 64 KiB", [=] { scale_on(64 << 10, 1000, 64, large); }},
                   {"4096 x 256, 64 KiB", [=] { scale_on(64 << 10, 4096, 256, large); }},
                   {"264 x 512, 256 KiB", [=] { scale_on(256 << 10, 264, 512, 2 * large); }},
               });
}
