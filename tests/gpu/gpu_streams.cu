// Kernels back to back without waiting, kernels that are loaded while another waits for its pages,
// and kernels on a stream of the program's own.
#include "support.cuh"

using namespace gpu_test;

namespace {

constexpr std::uint64_t kSalt = 8;

/// Kernels of their own, so that each is loaded when it is first launched.
template <int number>
GPUIO_KERNEL void step(gpuio::ArrayRef<std::uint64_t> a) {
    for (std::uint64_t k = gpuio::thread_index(); k < a.size(); k += gpuio::thread_count()) {
        const std::uint64_t i = (k * 1025) & (a.size() - 1);
        a[i] = a[i] * 31 + number;
    }
}

GPUIO_KERNEL void check_all(gpuio::ArrayRef<const std::uint64_t> a, Mismatches* wrong) {
    for (std::uint64_t i = gpuio::thread_index(); i < a.size(); i += gpuio::thread_count()) {
        wrong->expect(i, a[i], mix(i ^ kSalt));
    }
}

void back_to_back(std::uint64_t page_bytes) {
    const std::uint64_t n = std::uint64_t{page_bytes / 8} << 7;
    TempFile file(n * 8, kSalt);
    gpuio::Context context(config_of(page_bytes, 64, 32));
    gpuio::GPUIOArray<std::uint64_t> a(context, file.uri(), n);
    gpuio::launch(context, 64, 256, step<1>, a.ref());
    gpuio::launch(context, 64, 256, step<2>, a.ref());
    gpuio::launch(context, 3, 1000, step<3>, a.ref());
    gpuio::launch(context, 64, 256, step<4>, a.ref());
    for (int k = 0; k < 4; ++k) gpuio::launch(context, 64, 128, step<5>, a.ref());
    context.synchronize();
    a.flush();
    const auto words = file.read<std::uint64_t>(0, n);
    for (std::uint64_t i = 0; i < n; ++i) {
        std::uint64_t expected = mix(i ^ kSalt);
        for (const std::uint64_t number : {1, 2, 3, 4, 5, 5, 5, 5}) {
            expected = expected * 31 + number;
        }
        CHECK_EQ(words[i], expected);
    }
}

/// The CUDA runtime allocates, copies and waits on other streams while a kernel pages.
void beside_other_work() {
    const std::uint64_t n = 1 << 20;
    TempFile file(n * 8, kSalt);
    gpuio::Context context(config_of(256 << 10, 64, 32));
    gpuio::GPUIOArray<const std::uint64_t> a(context, file.uri(), n);
    Report wrong;
    cudaStream_t other;
    CHECK_CUDA(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking));
    void* pinned = nullptr;
    CHECK_CUDA(cudaMallocHost(&pinned, 1 << 20));
    void* memory = nullptr;
    CHECK_CUDA(cudaMalloc(&memory, 1 << 20));
    gpuio::launch(context, 64, 256, check_all, a.ref(), wrong.device());
    for (int k = 0; k < 50; ++k) {
        CHECK_CUDA(cudaMemcpyAsync(memory, pinned, 1 << 20, cudaMemcpyHostToDevice, other));
        CHECK_CUDA(cudaStreamSynchronize(other));
    }
    void* later = nullptr;
    CHECK_CUDA(cudaMalloc(&later, 64 << 20));
    context.synchronize();
    CHECK_NO_MISMATCH(wrong);
    CHECK_CUDA(cudaFree(later));
    CHECK_CUDA(cudaFree(memory));
    CHECK_CUDA(cudaFreeHost(pinned));
    CHECK_CUDA(cudaStreamDestroy(other));
}

/// A kernel that the library does not know of: the service finds its faults by itself.
void own_stream() {
    const std::uint64_t n = 1 << 14;
    TempFile file(n * 8, kSalt);
    gpuio::Context context(config_of(4096, 64, 64));
    gpuio::GPUIOArray<const std::uint64_t> a(context, file.uri(), n);
    Report wrong;
    cudaStream_t mine;
    CHECK_CUDA(cudaStreamCreateWithFlags(&mine, cudaStreamNonBlocking));
    check_all<<<8, 256, 0, mine>>>(a.ref(), wrong.device());
    CHECK_CUDA(cudaGetLastError());
    CHECK_CUDA(cudaStreamSynchronize(mine));
    context.synchronize();
    CHECK_NO_MISMATCH(wrong);
    CHECK_CUDA(cudaStreamDestroy(mine));
}

/// Two kernels of one context at the same time: one on its stream, one on the program's.
void two_streams() {
    const std::uint64_t n = 1 << 18;
    TempFile file(n * 8, kSalt);
    gpuio::Context context(config_of(4096, 64, 128));
    gpuio::GPUIOArray<const std::uint64_t> a(context, file.uri(), n);
    Report wrong;
    cudaStream_t mine;
    CHECK_CUDA(cudaStreamCreateWithFlags(&mine, cudaStreamNonBlocking));
    gpuio::launch(context, 64, 256, check_all, a.ref(), wrong.device());
    check_all<<<64, 256, 0, mine>>>(a.ref(), wrong.device());
    CHECK_CUDA(cudaGetLastError());
    CHECK_CUDA(cudaStreamSynchronize(mine));
    context.synchronize();
    CHECK_NO_MISMATCH(wrong);
    CHECK_CUDA(cudaStreamDestroy(mine));
}

}  // namespace

int main(int argc, char** argv) {
    return run(argc, argv,
               {
                   {"back to back, 4 KiB", [] { back_to_back(4096); }},
                   {"back to back, 256 KiB", [] { back_to_back(256 << 10); }},
                   {"beside other work of the program", beside_other_work},
                   {"a stream of the program's own", own_stream},
                   {"two streams", two_streams},
               });
}
