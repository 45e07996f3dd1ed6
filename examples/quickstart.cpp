// The smallest program: a kernel scales one file by another.
//
// The same source serves a C++ compiler (the kernel runs on CPU threads) and nvcc (on the GPU).
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <gpuio/gpuio.hpp>
#include <stdexcept>
#include <string>
#include <vector>

GPUIO_KERNEL void scale(gpuio::ArrayRef<float> a, gpuio::ArrayRef<const float> b, std::size_t n) {
    for (std::size_t i = gpuio::thread_index(); i < n; i += gpuio::thread_count()) {
        a[i] = 2.0F * b[i] + a[i];
    }
}

namespace {

constexpr std::size_t kCount = std::size_t{1} << 20;

void write_file(const std::filesystem::path& path, const std::vector<float>& values) {
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(values.data()),
               static_cast<std::streamsize>(values.size() * sizeof(float)));
    if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

std::vector<float> read_file(const std::filesystem::path& path) {
    std::vector<float> values(kCount);
    std::ifstream file(path, std::ios::binary);
    file.read(reinterpret_cast<char*>(values.data()),
              static_cast<std::streamsize>(kCount * sizeof(float)));
    if (!file) throw std::runtime_error("cannot read " + path.string());
    return values;
}

/// a[i] = 2 b[i] + a[i], over two files of 4 MiB with 1 MiB of cache.
void scale_files(const std::filesystem::path& folder) {
    gpuio::Config config;
#if !defined(__CUDACC__)
    config.device = "host";  // a C++ compiler's kernels run on CPU threads, GPU or not
#endif
    config.page_bytes = 4096;
    config.l1_capacity_bytes = 512 << 10;
    config.l2_capacity_bytes = 512 << 10;
    gpuio::Context context(config);

    const std::string prefix = "localio://" + folder.string();
    gpuio::GPUIOArray<float> a(context, prefix + "/a.f32", kCount);
    gpuio::GPUIOArray<const float> b(context, prefix + "/b.f32", kCount);
    b.prefetch(0, kCount / 8);  // a hint; returns at once

    gpuio::launch(context, 2, 32, scale, a.ref(), b.ref(), kCount);
    context.synchronize();  // waits; throws what went wrong in the kernel
    a.flush();              // now the file has it, durably
}

/// Whether the file has what the kernel should have made of i and 3 i.
bool is_scaled(const std::vector<float>& a) {
    for (std::size_t i = 0; i < kCount; ++i) {
        const auto x = static_cast<float>(i);
        if (a[i] != 2.0F * (3.0F * x) + x) return false;
    }
    return true;
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc != 2) {
        std::fprintf(stderr, "usage: quickstart FOLDER    (writes a.f32 and b.f32 there)\n");
        return 2;
    }
    const auto folder = std::filesystem::absolute(argv[1]);
    std::filesystem::create_directories(folder);
    std::vector<float> values(kCount);
    for (std::size_t i = 0; i < kCount; ++i) values[i] = static_cast<float>(i);
    write_file(folder / "a.f32", values);
    for (float& value : values) value *= 3;
    write_file(folder / "b.f32", values);

    scale_files(folder);
    const bool right = is_scaled(read_file(folder / "a.f32"));
    std::printf("a.f32: %zu elements, %s\n", kCount, right ? "all as expected" : "WRONG");
    return right ? 0 : 1;
} catch (const std::exception& error) {
    std::fprintf(stderr, "quickstart: %s\n", error.what());
    return 1;
}
