// One program for machines with a GPU and without: the kernel is compiled by both compilers, and
// the context says which of the two to start.
#include <gpuio/gpuio.hpp>

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

void scale_on_gpu(gpuio::Context& context, gpuio::GPUIOArray<float>& a, float factor);
void scale_on_host(gpuio::Context& context, gpuio::GPUIOArray<float>& a, float factor);

namespace {

constexpr std::size_t kElements = 100'000;

/// On the device the context has, several pages more than its caches hold.
bool scales(gpuio::Config config, const std::string& folder) {
    config.page_bytes = 4096;
    config.l1_capacity_bytes = 32 * 4096;
    config.l2_capacity_bytes = 32 * 4096;
    gpuio::Context context(config);

    gpuio::GPUIOArray<float> a(context, "localio://" + folder + "/a?create=1", kElements);
    std::vector<float> numbers(kElements);
    for (std::size_t i = 0; i < kElements; ++i) numbers[i] = static_cast<float>(i);
    a.write(0, numbers);
    const auto scale = context.on_gpu() ? scale_on_gpu : scale_on_host;
    scale(context, a, 3.0f);
    context.synchronize();
    a.read(0, numbers);
    for (std::size_t i = 0; i < kElements; ++i) {
        if (numbers[i] != 3.0f * static_cast<float>(i)) return false;
    }
    std::cout << (context.on_gpu() ? "GPU" : "host") << ": right\n";
    return true;
}

}  // namespace

int main() {
    std::string name = (std::filesystem::temp_directory_path() / "gpuio-both-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
        std::cerr << "no temporary folder\n";
        return 1;
    }
    bool good = false;
    try {
        gpuio::Config host;
        host.device = "host";
        good = scales(host, name) && scales(gpuio::Config{}, name);
    } catch (const gpuio::Error& error) {
        std::cerr << error.what() << '\n';
    }
    std::filesystem::remove_all(name);
    return good ? 0 : 1;
}
