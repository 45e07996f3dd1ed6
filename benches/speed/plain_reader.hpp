// What a careful programmer writes without gpuio: a thread reads the next block of a file, past the
// page cache, while the caller works on the one before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <semaphore>
#include <string>
#include <thread>

#include "data.hpp"

namespace speed {

/// Reads a file once, from its start on, block by block.
class PlainReader {
public:
    /// \param block_bytes a multiple of 4096
    PlainReader(const std::string& path, std::uint64_t file_bytes, std::size_t block_bytes);
    ~PlainReader();

    /// A block; `bytes` is 0 after the last one, and after a failed read.
    struct Block {
        const std::byte* data;
        std::size_t bytes;
    };
    /// Waits for the next block. The one before may be overwritten from now on.
    Block next();

private:
    void read_all();

    const std::uint64_t file_bytes_;
    const std::size_t block_bytes_;
    int file_;
    RawArray buffers_;
    std::size_t filled_bytes_[2] = {0, 0};
    std::counting_semaphore<2> empty_{2};
    std::counting_semaphore<2> full_{0};
    std::uint64_t taken_ = 0;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace speed
