// One program for machines with a GPU and without: the kernel is compiled by both compilers, and
// the context says which of the two to start.
#include <gpuio/gpuio.hpp>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

void scale_on_gpu(gpuio::Context& context, gpuio::GPUIOArray<float>& a, float factor);
void scale_on_host(gpuio::Context& context, gpuio::GPUIOArray<float>& a, float factor);

namespace {

constexpr std::size_t kElements = 100'000;

/// On the device the context has, several pages more than its caches hold.
bool scales(gpuio::Config config) {
    config.page_bytes = 4096;
    config.l1_capacity_bytes = 32 * 4096;
    config.l2_capacity_bytes = 32 * 4096;
    gpuio::Context context(config);

    std::string name = "/tmp/gpuio-both-XXXXXX";
    if (mkstemp(name.data()) < 0) return false;
    gpuio::GPUIOArray<float> a(context, "localio://" + name + "?create=1", kElements);
    std::vector<float> numbers(kElements);
    for (std::size_t i = 0; i < kElements; ++i) numbers[i] = static_cast<float>(i);
    a.write(0, numbers);
    const auto scale = context.on_gpu() ? scale_on_gpu : scale_on_host;
    scale(context, a, 3.0f);
    context.synchronize();
    a.read(0, numbers);
    std::remove(name.c_str());
    for (std::size_t i = 0; i < kElements; ++i) {
        if (numbers[i] != 3.0f * static_cast<float>(i)) return false;
    }
    std::cout << (context.on_gpu() ? "GPU" : "host") << ": right\n";
    return true;
}

}  // namespace

int main() {
    try {
        gpuio::Config host;
        host.device = "host";
        return scales(host) && scales(gpuio::Config{}) ? 0 : 1;
    } catch (const gpuio::Error& error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
