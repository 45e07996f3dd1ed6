/// \file
/// A folder for the files of one test, and plain ways to make and look at files.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace test {

using Bytes = std::vector<std::byte>;

/// Bytes that differ from place to place, the same for the same seed.
inline Bytes random_bytes(std::size_t count, std::uint64_t seed = 1) {
    std::mt19937_64 random(seed);
    Bytes bytes(count);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    return bytes;
}

/// A new folder, removed with everything in it at the end.
class Scratch {
public:
    Scratch() {
        std::string pattern = (std::filesystem::temp_directory_path() / "gpuio-test-XXXXXX");
        if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make " + pattern);
        folder_ = pattern;
    }
    ~Scratch() {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    const std::filesystem::path& folder() const { return folder_; }
    std::string path(const std::string& name) const { return folder_ / name; }

    /// "localio:///.../name" with parameters such as "offset=4096&create=1".
    std::string uri(const std::string& name, const std::string& parameters = {}) const {
        return "localio://" + path(name) + (parameters.empty() ? "" : "?" + parameters);
    }

    /// Makes a file of these bytes and gives its path.
    std::string write(const std::string& name, const Bytes& bytes) const {
        const std::string path = this->path(name);
        std::ofstream file(path, std::ios::binary | std::ios::trunc);
        file.write(reinterpret_cast<const char*>(bytes.data()),
                   static_cast<std::streamsize>(bytes.size()));
        file.close();
        if (!file) throw std::runtime_error("cannot write " + path);
        return path;
    }

    /// A file's bytes, read through a descriptor of their own.
    Bytes read(const std::string& name) const {
        std::ifstream file(path(name), std::ios::binary);
        if (!file) throw std::runtime_error("cannot read " + path(name));
        const std::string text{std::istreambuf_iterator<char>(file), {}};
        const auto* first = reinterpret_cast<const std::byte*>(text.data());
        return {first, first + text.size()};
    }

private:
    std::filesystem::path folder_;
};

/// Compares byte for byte; says where the first difference is, without printing megabytes.
inline ::testing::AssertionResult same_bytes(const Bytes& got, const Bytes& expected) {
    if (got.size() != expected.size()) {
        return ::testing::AssertionFailure()
               << got.size() << " bytes instead of " << expected.size();
    }
    std::size_t first = got.size();
    std::size_t count = 0;
    for (std::size_t k = 0; k < got.size(); ++k) {
        if (got[k] == expected[k]) continue;
        if (count++ == 0) first = k;
    }
    if (count == 0) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure()
           << count << " of " << got.size() << " bytes differ, the first at " << first << ": "
           << static_cast<int>(got[first]) << " instead of " << static_cast<int>(expected[first]);
}

}  // namespace test
