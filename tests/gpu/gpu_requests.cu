// Requests between files, host memory and memory of the GPU; also while kernels wait for pages.
#include "support.cuh"

using namespace gpu_test;

namespace {

constexpr std::uint64_t kWords = 1 << 20;
constexpr std::uint64_t kBytes = kWords * 8;

/// Memory of the GPU.
class DeviceWords {
public:
    DeviceWords() { CHECK_CUDA(cudaMalloc(&words_, kBytes)); }
    ~DeviceWords() { cudaFree(words_); }
    DeviceWords(const DeviceWords&) = delete;
    DeviceWords& operator=(const DeviceWords&) = delete;

    std::uint64_t* get() const { return words_; }
    std::vector<std::uint64_t> read() const {
        std::vector<std::uint64_t> words(kWords);
        CHECK_CUDA(cudaMemcpy(words.data(), words_, kBytes, cudaMemcpyDeviceToHost));
        return words;
    }

private:
    std::uint64_t* words_ = nullptr;
};

void expect_file(const std::vector<std::uint64_t>& words, std::uint64_t salt) {
    for (std::uint64_t i = 0; i < words.size(); ++i) CHECK_EQ(words[i], mix(i ^ salt));
}

GPUIO_KERNEL void check_all(gpuio::ArrayRef<const std::uint64_t> a, std::uint64_t salt,
                            Mismatches* wrong) {
    for (std::uint64_t i = gpuio::thread_index(); i < a.size(); i += gpuio::thread_count()) {
        const std::uint64_t k = permute(i, 20);
        wrong->expect(k, a[k], mix(k ^ salt));
    }
}

void copies() {
    const TempFile from(kBytes, 5), to(kBytes);
    const gpuio::Context context(config_of(4096, 64, 64));
    const DeviceWords first, second;
    std::vector<std::uint64_t> here(kWords);
    {
        using gpuio::MemoryRegion;
        const auto file = MemoryRegion::open(context, from.uri());
        const auto target = MemoryRegion::open(context, to.uri(), gpuio::Access::kReadWrite);
        const auto gpu = MemoryRegion::device(context, first.get(), kBytes);
        const auto other = MemoryRegion::device(context, second.get(), kBytes);
        const auto host = MemoryRegion::host(context, std::span(here));
        const gpuio::Stream stream(context);
        stream.copy(file, gpu, kBytes);
        stream.copy(gpu, other, kBytes);
        stream.copy(other, host, kBytes);
        stream.copy(gpu, target, kBytes).wait();
        CHECK(gpu.kind() == gpuio::RegionKind::kDeviceMemory);
    }
    expect_file(first.read(), 5);
    expect_file(second.read(), 5);
    expect_file(here, 5);
    expect_file(to.read<std::uint64_t>(0, kWords), 5);
}

/// Requests and kernels share the service: neither may wait for the other for ever.
void beside_kernels() {
    const TempFile data(kBytes, 6), more(kBytes, 7);
    gpuio::Context context(config_of(4096, 64, 64));
    const gpuio::GPUIOArray<const std::uint64_t> array(context, data.uri(), kWords);
    const DeviceWords words;
    Report wrong;
    const auto file = gpuio::MemoryRegion::open(context, more.uri());
    const auto gpu = gpuio::MemoryRegion::device(context, words.get(), kBytes);
    const gpuio::Stream stream(context, gpuio::Priority::kBackground);
    gpuio::Request last = stream.copy(file, gpu, kBytes);
    for (int round = 0; round < 5; ++round) {
        gpuio::launch(context, 100, 128, check_all, array.ref(), std::uint64_t{6}, wrong.device());
        last = stream.copy(file, gpu, kBytes);
    }
    last.wait();
    context.synchronize();
    CHECK_NO_MISMATCH(wrong);
    expect_file(words.read(), 7);
    CHECK(context.figures().classes[5].completed >= 6);
}

}  // namespace

int main(int argc, char** argv) {
    return run(argc, argv,
               {
                   {"copies from and to the GPU", copies},
                   {"requests beside kernels", beside_kernels},
               });
}
