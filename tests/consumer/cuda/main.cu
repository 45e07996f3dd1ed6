// Compiled and linked by nvcc against the installed package; needs a card only to run.
#include <gpuio/version.hpp>

#include <cstdio>

__global__ void count(unsigned int* threads) { atomicAdd(threads, 1u); }

int main() {
    unsigned int* threads = nullptr;
    if (cudaMallocManaged(&threads, sizeof *threads) != cudaSuccess) {
        return 77;
    }
    *threads = 0;
    count<<<2, 32>>>(threads);
    const bool ran = cudaDeviceSynchronize() == cudaSuccess && *threads == 64;
    std::printf("gpuio %s\n", gpuio::version().data());
    return ran && cudaFree(threads) == cudaSuccess ? 0 : 1;
}
