// The bytes that are read: a file, and the same bytes as a plain array.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace speed {

inline constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

/// Makes a file of `bytes` bytes, unless one of that length is there. Every four bytes are a float
/// from 1 up to 2, so that the file is good for sums of integers and of floats alike.
void make_data_file(const std::string& path, std::uint64_t bytes);

/// Page-aligned memory that asks for huge pages, as the frames of the host device do.
class RawArray {
public:
    explicit RawArray(std::uint64_t bytes);
    ~RawArray();
    RawArray(const RawArray&) = delete;
    RawArray& operator=(const RawArray&) = delete;

    std::byte* bytes() const { return bytes_; }
    template <class T>
    T* as() const {
        return reinterpret_cast<T*>(bytes_);
    }

    /// Fills it with the file's first bytes.
    void read(const std::string& path);

private:
    std::byte* bytes_;
    std::uint64_t length_;
};

}  // namespace speed
