// The program every consumer project builds: it uses the library through its public headers only.
#include <gpuio/version.hpp>

#include <iostream>
#include <string>

int main() {
    const std::string compiled_with = std::to_string(GPUIO_VERSION_MAJOR) + "." +
                                      std::to_string(GPUIO_VERSION_MINOR) + "." +
                                      std::to_string(GPUIO_VERSION_PATCH);
    std::cout << "headers " << compiled_with << ", library " << gpuio::version() << '\n';
    return gpuio::version() == compiled_with ? 0 : 1;
}
