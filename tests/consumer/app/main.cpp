// The program every consumer project builds: the library's contract, through the installed headers.
#include <gpuio/gpuio.hpp>

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

namespace {

constexpr std::size_t kElements = 100'000;

GPUIO_KERNEL void scale(gpuio::ArrayRef<float> a, gpuio::ArrayRef<const float> b, std::size_t n) {
    for (std::size_t i = gpuio::thread_index(); i < n; i += gpuio::thread_count()) {
        a[i] = 2.0f * b[i] + a[i];
    }
}

std::string make_file(const std::filesystem::path& path, float first) {
    std::vector<float> numbers(kElements);
    for (std::size_t i = 0; i < kElements; ++i) {
        numbers[i] = first + static_cast<float>(i);
    }
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(numbers.data()), sizeof(float) * kElements);
    return "localio://" + path.string();
}

/// Files several times the caches; what a kernel computes is in the file afterwards.
bool kernel_reaches_the_file(gpuio::Context& context, const std::filesystem::path& folder) {
    gpuio::GPUIOArray<float> a(context, make_file(folder / "a", 1.0f), kElements);
    gpuio::GPUIOArray<const float> b(context, make_file(folder / "b", 0.0f), kElements);
    gpuio::launch(context, 4, 32, scale, a.ref(), b.ref(), kElements);
    context.synchronize();
    a.flush();

    std::vector<float> result(kElements);
    std::ifstream file(folder / "a", std::ios::binary);
    file.read(reinterpret_cast<char*>(result.data()), sizeof(float) * kElements);
    for (std::size_t i = 0; i < kElements; ++i) {
        if (result[i] != 3.0f * static_cast<float>(i) + 1.0f) {
            std::cerr << "element " << i << " is " << result[i] << '\n';
            return false;
        }
    }
    return true;
}

/// An exception thrown inside the library is caught by its type out here.
bool errors_cross_the_boundary(const gpuio::Context& context) {
    try {
        gpuio::GPUIOArray<const float> missing(context, "localio:///no/such/file", 1);
    } catch (const gpuio::Error& error) {
        std::cout << "as expected: " << error.what() << '\n';
        return error.code() == gpuio::ErrorCode::kNotFound;
    }
    return false;
}

}  // namespace

int main() {
    std::string name = (std::filesystem::temp_directory_path() / "gpuio-consumer-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
        std::cerr << "no temporary folder\n";
        return 1;
    }
    bool good = false;
    try {
        gpuio::Config config;
        config.device = "host";
        config.page_bytes = 4096;
        config.l1_capacity_bytes = 32 * 4096;
        config.l2_capacity_bytes = 32 * 4096;
        gpuio::Context context(config);
        good = kernel_reaches_the_file(context, name) && errors_cross_the_boundary(context);
    } catch (const gpuio::Error& error) {
        std::cerr << error.what() << '\n';
    }
    std::filesystem::remove_all(name);
    std::cout << "gpuio " << gpuio::version() << (good ? ": good\n" : ": bad\n");
    return good ? 0 : 1;
}
