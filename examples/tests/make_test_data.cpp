// Writes the small files that the example programs are tested on.
//
//   make_test_data FOLDER     bytes-<n> for sizes around the boundaries of words and pages;
//                             f32.safetensors and f16.safetensors, the matrix inside each at an
//                             offset that is no multiple of a page
#include <cstdio>
#include <exception>
#include <filesystem>
#include <random>
#include <span>
#include <string>

#include "common/file.hpp"

namespace examples {
namespace {

std::string random_bytes(std::size_t count, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::string bytes(count, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random() & 0xff);
    return bytes;
}

void write(const std::filesystem::path& path, const std::string& content) {
    auto file = File::create(path);
    file.write_at(std::as_bytes(std::span(content)), 0);
}

/// Random elements without NaNs and infinities, which would hide a wrong neighbour in the mean: the
/// top bit of the exponent, bit 6 of each element's last byte in both formats, is cleared.
std::string random_elements(std::size_t bytes, std::size_t element_bytes) {
    std::string elements = random_bytes(bytes, element_bytes);
    for (std::size_t last = element_bytes - 1; last < bytes; last += element_bytes) {
        elements[last] = static_cast<char>(elements[last] & ~0x40);
    }
    return elements;
}

/// A file of two tensors: a small one, then the matrix.
void write_model(const std::filesystem::path& path, const std::string& dtype,
                 std::size_t element_bytes) {
    constexpr std::size_t kRows = 3001;
    constexpr std::size_t kColumns = 97;  // rows meet page boundaries everywhere
    constexpr std::size_t kFirst = 12;
    const std::size_t end = kFirst + kRows * kColumns * element_bytes;
    std::string header = R"({"bias":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},)"
                         R"("model.embed_tokens.weight":{"dtype":")" +
                         dtype + R"(","shape":[3001,97],"data_offsets":[12,)" +
                         std::to_string(end) + "]}}";
    header.resize((header.size() + 7) / 8 * 8, ' ');  // as writers of the format pad it
    const std::uint64_t length = header.size();
    std::string content(reinterpret_cast<const char*>(&length), sizeof(length));
    write(path, content + header + random_elements(end, element_bytes));
}

void write_all(const std::filesystem::path& folder) {
    std::filesystem::create_directories(folder);
    for (const std::size_t size : {0, 1, 7, 8, 4095, 4096, 4097, 1'000'003}) {
        write(folder / ("bytes-" + std::to_string(size)), random_bytes(size, size));
    }
    write_model(folder / "f32.safetensors", "F32", 4);
    write_model(folder / "f16.safetensors", "F16", 2);
}

}  // namespace
}  // namespace examples

int main(int argc, char** argv) try {
    if (argc != 2) {
        std::fprintf(stderr, "usage: make_test_data FOLDER\n");
        return 2;
    }
    examples::write_all(argv[1]);
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "make_test_data: %s\n", error.what());
    return 1;
}
