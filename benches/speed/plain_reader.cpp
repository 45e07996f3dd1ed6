#include "plain_reader.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <stdexcept>

namespace speed {

PlainReader::PlainReader(const std::string& path, std::uint64_t file_bytes, std::size_t block_bytes)
    : file_bytes_(file_bytes),
      block_bytes_(block_bytes),
      file_(open(path.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC)),
      buffers_(2 * block_bytes) {
    if (file_ < 0) throw std::runtime_error("cannot open " + path);
    thread_ = std::thread([this] { read_all(); });
}

PlainReader::~PlainReader() {
    std::atomic_ref(stopping_).store(true);
    empty_.release();
    thread_.join();
    close(file_);
}

PlainReader::Block PlainReader::next() {
    if (taken_ > 0) empty_.release();
    full_.acquire();
    const std::size_t buffer = taken_++ % 2;
    return {buffers_.bytes() + buffer * block_bytes_, filled_bytes_[buffer]};
}

void PlainReader::read_all() {
    std::uint64_t offset = 0;
    for (std::uint64_t block = 0;; ++block) {
        empty_.acquire();
        if (std::atomic_ref(stopping_).load()) return;
        std::byte* const buffer = buffers_.bytes() + block % 2 * block_bytes_;
        const std::size_t wanted = std::min<std::uint64_t>(block_bytes_, file_bytes_ - offset);
        const ssize_t got = wanted == 0 ? 0 : pread(file_, buffer, wanted, offset);
        filled_bytes_[block % 2] = got > 0 ? static_cast<std::size_t>(got) : 0;
        full_.release();
        if (got <= 0) return;
        offset += static_cast<std::uint64_t>(got);
    }
}

}  // namespace speed
