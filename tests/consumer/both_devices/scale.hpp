// The kernel, and what starts it, for both compilers.
#pragma once

#include <gpuio/gpuio.hpp>

#include <cstddef>

namespace {

GPUIO_KERNEL void scale(gpuio::ArrayRef<float> a, float factor, std::size_t n) {
    for (std::size_t i = gpuio::thread_index(); i < n; i += gpuio::thread_count()) {
        a[i] = factor * a[i];
    }
}

void launch_scale(gpuio::Context& context, gpuio::GPUIOArray<float>& a, float factor) {
    gpuio::launch(context, 4, 32, scale, a.ref(), factor, a.size());
}

}  // namespace

void scale_on_gpu(gpuio::Context& context, gpuio::GPUIOArray<float>& a, float factor);
void scale_on_host(gpuio::Context& context, gpuio::GPUIOArray<float>& a, float factor);
