#include "common/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace examples {
namespace {

// Linux moves at most 2 GiB - 4 KiB a call; a round figure below keeps every call whole.
constexpr std::size_t kMaxTransferBytes = std::size_t{1} << 30;

int open_or_throw(const std::filesystem::path& path, int flags) {
    const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
    if (descriptor < 0) {
        throw std::system_error(errno, std::generic_category(), "open " + path.string());
    }
    return descriptor;
}

}  // namespace

File::File(int descriptor, std::filesystem::path path)
    : descriptor_(descriptor), path_(std::move(path)) {}

File::File(File&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)) {}

File& File::operator=(File&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    std::swap(path_, other.path_);
    return *this;
}

File::~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

File File::open(const std::filesystem::path& path) {
    File file(open_or_throw(path, O_RDONLY), path);
    struct stat status {};
    if (::fstat(file.descriptor_, &status) != 0) file.fail("stat", 0);
    if (!S_ISREG(status.st_mode)) {
        throw std::runtime_error(path.string() + ": not a regular file");
    }
    return file;
}

File File::create(const std::filesystem::path& path) {
    return File(open_or_throw(path, O_RDWR | O_CREAT | O_TRUNC), path);
}

std::uint64_t File::size_bytes() const {
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) fail("stat", 0);
    return static_cast<std::uint64_t>(status.st_size);
}

void File::read_at(std::span<std::byte> into, std::uint64_t offset) const {
    while (!into.empty()) {
        const std::size_t want = std::min(into.size(), kMaxTransferBytes);
        const ssize_t got = ::pread(descriptor_, into.data(), want, static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) fail("read", offset);
        if (got == 0) {
            throw std::runtime_error(path_.string() + ": the file ends at byte " +
                                     std::to_string(offset) + ", " + std::to_string(into.size()) +
                                     " bytes short");
        }
        into = into.subspan(static_cast<std::size_t>(got));
        offset += static_cast<std::uint64_t>(got);
    }
}

void File::write_at(std::span<const std::byte> from, std::uint64_t offset) {
    while (!from.empty()) {
        const std::size_t want = std::min(from.size(), kMaxTransferBytes);
        const ssize_t put = ::pwrite(descriptor_, from.data(), want, static_cast<off_t>(offset));
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) fail("write", offset);
        from = from.subspan(static_cast<std::size_t>(put));
        offset += static_cast<std::uint64_t>(put);
    }
}

void File::resize(std::uint64_t size_bytes) {
    if (::ftruncate(descriptor_, static_cast<off_t>(size_bytes)) != 0) fail("resize", size_bytes);
}

void File::fail(const char* operation, std::uint64_t offset) const {
    throw std::system_error(
        errno, std::generic_category(),
        std::string(operation) + " " + path_.string() + " at byte " + std::to_string(offset));
}

}  // namespace examples
