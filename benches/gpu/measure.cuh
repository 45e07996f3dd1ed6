/// \file
/// Timing and the table of gpu_bench: medians of several rounds, each figure beside its reference.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include <cuda_runtime.h>
#include <gpuio/gpuio.hpp>

namespace gpu_bench {

inline void check_cuda(cudaError_t status, const char* what) {
    if (status != cudaSuccess) {
        throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(status));
    }
}
#define CHECK_CUDA(call) ::gpu_bench::check_cuda((call), #call)

inline cudaStream_t stream_of(const gpuio::Context& context) {
    return static_cast<cudaStream_t>(context.state()->stream());
}

inline double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

/// Seconds that the work which `start` puts on `stream` takes: the median of `rounds`, after one
/// that is not counted.
template <class Start>
double seconds(cudaStream_t stream, Start start, int rounds = 5) {
    cudaEvent_t begin, end;
    CHECK_CUDA(cudaEventCreate(&begin));
    CHECK_CUDA(cudaEventCreate(&end));
    std::vector<double> times;
    for (int round = 0; round <= rounds; ++round) {
        CHECK_CUDA(cudaEventRecord(begin, stream));
        start();
        CHECK_CUDA(cudaEventRecord(end, stream));
        CHECK_CUDA(cudaEventSynchronize(end));
        float milliseconds = 0;
        CHECK_CUDA(cudaEventElapsedTime(&milliseconds, begin, end));
        if (round > 0) times.push_back(milliseconds / 1e3);
    }
    CHECK_CUDA(cudaEventDestroy(begin));
    CHECK_CUDA(cudaEventDestroy(end));
    return median(times);
}

/// One line for people; it starts with "figure", and its columns are two blanks or more apart, so a
/// script can take it apart, too.
inline void figure(const std::string& name, double value, const char* unit,
                   const char* reference = "", double reference_value = 0) {
    std::printf("figure  %-44s  %10.3f %-6s", name.c_str(), value, unit);
    if (reference_value > 0) {
        std::printf("  %-18s  %10.3f  ratio  %6.3f", reference, reference_value,
                    value / reference_value);
    }
    std::printf("\n");
    std::fflush(stdout);
}

/// Memory of the CUDA runtime, freed at the end.
template <class T>
class Buffer {
public:
    enum class Kind { kDevice, kPinned, kManaged };
    Buffer(Kind kind, std::size_t count) : kind_(kind) {
        void* data = nullptr;
        const std::size_t bytes = count * sizeof(T);
        if (kind == Kind::kDevice) CHECK_CUDA(cudaMalloc(&data, bytes));
        if (kind == Kind::kPinned) CHECK_CUDA(cudaMallocHost(&data, bytes));
        if (kind == Kind::kManaged) CHECK_CUDA(cudaMallocManaged(&data, bytes));
        data_ = static_cast<T*>(data);
    }
    ~Buffer() {
        if (kind_ == Kind::kPinned) {
            cudaFreeHost(data_);
        } else {
            cudaFree(data_);
        }
    }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    T* data() const { return data_; }

private:
    Kind kind_;
    T* data_ = nullptr;
};

}  // namespace gpu_bench
