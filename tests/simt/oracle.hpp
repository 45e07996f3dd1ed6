/// \file
/// What the elements of an array may read as. Every element has one writer, which writes values
/// that tell the array, the element and how often it was written; so any mix-up of pages, frames,
/// elements or times shows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace simt {

/// See the file's comment. Reading and writing are bracketed by `begin` and `end`: in between,
/// other lanes may write, and any value of that time is right.
class Oracle {
public:
    /// \param granule bytes that are never torn: a word of an aligned element, else 1.
    Oracle(std::uint32_t array, std::size_t element_count, std::size_t element_bytes,
           std::size_t granule);

    /// The bytes of an element after its `sequence`-th write. No byte is ever 0, so that `T{}`,
    /// which a failed access yields, is none of them.
    void fill(std::size_t index, std::uint32_t sequence, std::byte* to) const;

    struct Reading {
        std::size_t index;
        std::uint32_t oldest;
        std::uint64_t errors;  ///< that were counted before the access
    };
    Reading begin_read(std::size_t index, std::uint64_t errors) const {
        return {index, certain_[index], errors};
    }
    /// Says what is wrong with the bytes, or nothing.
    std::string end_read(const Reading& reading, const std::byte* bytes,
                         std::uint64_t errors) const;

    /// Returns the sequence to write.
    std::uint32_t begin_write(std::size_t index) { return ++started_[index]; }
    /// \param certain no access failed meanwhile, so this one did not.
    void end_write(std::size_t index, std::uint32_t sequence, bool certain) {
        if (certain) certain_[index] = sequence;
    }

    std::size_t element_bytes() const { return element_bytes_; }

private:
    bool matches(std::size_t index, std::uint32_t sequence, const std::byte* bytes,
                 std::size_t offset, std::size_t count) const;

    std::uint32_t array_;
    std::size_t element_bytes_;
    std::size_t granule_;
    std::vector<std::uint32_t> started_;  ///< the newest write that was begun
    std::vector<std::uint32_t> certain_;  ///< the newest write that has surely been made
};

}  // namespace simt
