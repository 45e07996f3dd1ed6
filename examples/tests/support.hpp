// What the tests share: a folder that lives as long as a test, and checks of messages.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "common/file.hpp"

namespace examples {

/// Made in the system's temporary folder, removed with everything in it.
class TemporaryFolder {
public:
    TemporaryFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "gpuio-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp " + name);
        path_ = name;
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    const std::filesystem::path& path() const { return path_; }

    /// Writes a file of this content and returns its path.
    std::filesystem::path write(const std::string& name, std::string_view content) const {
        auto file = File::create(path_ / name);
        file.write_at(std::as_bytes(std::span(content)), 0);
        return path_ / name;
    }

private:
    std::filesystem::path path_;
};

/// The message of the exception of type E that `action` throws; empty when it throws none.
template <typename E, typename Action>
std::string message_of(Action action) {
    try {
        action();
    } catch (const E& error) {
        return error.what();
    }
    return {};
}

/// Whether `text` has `part` in it; shows both when not.
inline testing::AssertionResult contains(std::string_view text, std::string_view part) {
    if (text.find(part) != std::string_view::npos) return testing::AssertionSuccess();
    return testing::AssertionFailure() << '"' << text << "\" has no \"" << part << "\" in it";
}

}  // namespace examples
