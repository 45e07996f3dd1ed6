#include "data.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

namespace speed {

void make_data_file(const std::string& path, std::uint64_t bytes) {
    struct stat status{};
    const bool exists = stat(path.c_str(), &status) == 0;
    if (exists && static_cast<std::uint64_t>(status.st_size) == bytes) return;
    const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file < 0) throw std::runtime_error("cannot create " + path);
    std::vector<std::uint32_t> block(kMiB / sizeof(std::uint32_t));
    std::uint64_t random = 0x9e3779b97f4a7c15;
    for (std::uint64_t written = 0; written < bytes; written += kMiB) {
        for (std::uint32_t& word : block) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            word = 0x3f800000u | static_cast<std::uint32_t>(random >> 41);  // a float in [1, 2)
        }
        const std::uint64_t length = std::min(kMiB, bytes - written);
        if (write(file, block.data(), length) != static_cast<ssize_t>(length)) {
            close(file);
            unlink(path.c_str());
            throw std::runtime_error("cannot write " + path);
        }
    }
    fsync(file);
    posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    close(file);
}

RawArray::RawArray(std::uint64_t bytes) : length_(bytes) {
    void* const mapped =
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) throw std::runtime_error("no memory");
    madvise(mapped, bytes, MADV_HUGEPAGE);
    bytes_ = static_cast<std::byte*>(mapped);
}

RawArray::~RawArray() { munmap(bytes_, length_); }

void RawArray::read(const std::string& path) {
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) throw std::runtime_error("cannot open " + path);
    std::uint64_t done = 0;
    while (done < length_) {
        const ssize_t got = pread(file, bytes_ + done, length_ - done, static_cast<off_t>(done));
        if (got <= 0) break;
        done += static_cast<std::uint64_t>(got);
    }
    close(file);
    if (done < length_) throw std::runtime_error(path + " is too short");
}

}  // namespace speed
