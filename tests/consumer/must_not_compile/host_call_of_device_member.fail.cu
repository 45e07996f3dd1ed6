// Element access runs in kernels; under nvcc the host cannot call it by mistake.
// expect: calling a __device__ function.*operator ?\[\].* from a __host__ function
#include <gpuio/gpuio.hpp>

float on_the_host(gpuio::ArrayRef<const float> array) {
#ifndef CONTROL
    return array[0];
#else
    return static_cast<float>(array.size());
#endif
}
