// The contract again, compiled and linked by nvcc against the installed package. It needs a card
// only to run.
#include <gpuio/gpuio.hpp>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>

GPUIO_KERNEL void scale(gpuio::ArrayRef<float> a, gpuio::ArrayRef<const float> b, std::size_t n) {
    for (std::size_t i = gpuio::thread_index(); i < n; i += gpuio::thread_count()) {
        a[i] = 2.0f * b[i] + a[i];
    }
}

int main(int argc, char** argv) {
    if (argc != 4) {
        std::fprintf(stderr, "usage: app FILE FILE ELEMENTS\n");
        return 2;
    }
    const std::size_t n = std::strtoull(argv[3], nullptr, 10);
    gpuio::Context context{gpuio::Config{}};
    gpuio::GPUIOArray<float> a(context, std::string("localio://") + argv[1], n);
    gpuio::GPUIOArray<const float> b(context, std::string("localio://") + argv[2], n);
    gpuio::launch(context, 80, 256, scale, a.ref(), b.ref(), n);
    context.synchronize();
    a.flush();
    return 0;
}
