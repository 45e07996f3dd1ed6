// A file opened for reading or writing at offsets, with errors that name the path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

namespace examples {

/// Owns one file descriptor. Every failure throws std::system_error or std::runtime_error whose
/// text names the path, the offset and what the operating system said.
class File {
public:
    /// Opens an existing regular file for reading.
    static File open(const std::filesystem::path& path);
    /// Creates the file, or truncates it, for writing.
    static File create(const std::filesystem::path& path);

    File(File&& other) noexcept;
    File& operator=(File&& other) noexcept;
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File();

    /// Length in bytes, now.
    std::uint64_t size_bytes() const;
    /// Fills `into` from byte `offset`; blocks; a file that ends before that is an error.
    void read_at(std::span<std::byte> into, std::uint64_t offset) const;
    /// Writes all of `from` at byte `offset`; blocks.
    void write_at(std::span<const std::byte> from, std::uint64_t offset);
    /// Sets the length in bytes; a grown part reads as zeros.
    void resize(std::uint64_t size_bytes);
    const std::filesystem::path& path() const { return path_; }

private:
    File(int descriptor, std::filesystem::path path);
    [[noreturn]] void fail(const char* operation, std::uint64_t offset) const;

    int descriptor_ = -1;
    std::filesystem::path path_;
};

}  // namespace examples
