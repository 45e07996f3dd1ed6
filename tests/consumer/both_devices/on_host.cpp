#include "scale.hpp"

void scale_on_host(gpuio::Context& context, gpuio::GPUIOArray<float>& a, float factor) {
    launch_scale(context, a, factor);
}
