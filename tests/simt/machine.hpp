/// \file
/// The memory of a simulated context: page tables, frames, ring, and the arrays' backing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gpuio/device/array_view.hpp"
#include "gpuio/device/layout.hpp"
#include "gpuio/device/page_entry.hpp"
#include "oracle.hpp"
#include "scheduler.hpp"

namespace simt {

/// What an array's elements are. Sizes 1, 4, 8, 12, 24 and 100.
enum class ElementKind { kU8, kU32, kU64, kTriple32, kTriple64, kHundred };
std::size_t element_bytes(ElementKind kind);
/// The word that an aligned element is moved by; a torn element is torn between such words.
std::size_t word_bytes(ElementKind kind);

struct ArrayShape {
    ElementKind element = ElementKind::kU64;
    std::size_t element_count = 40;
    std::uint64_t origin = 0;
    bool writable = true;
    bool mapped = false;
};

/// One small world. See config.cpp for those that are explored.
struct Config {
    std::string name;
    Grid grid{1, 2, 8};
    std::uint32_t frames = 3;
    std::uint32_t page_shift = 6;
    std::vector<ArrayShape> arrays{{}};
    std::uint64_t usable_slots = ~std::uint64_t{0};  ///< the bits of the slot bitmap
    unsigned accesses = 12;        ///< by each lane in each launch
    unsigned launches = 2;
    std::uint32_t fail_percent = 0;
    std::uint64_t io_timeout_us = 10'000'000;
    bool host_stalls = false;
    bool guards = true;
    std::uint32_t ahead_pages = 0;  ///< that all cursors together may have brought ahead
};

/// Frames of the cache below: for every slot one that is lent and one that is written to, and some.
inline constexpr std::uint32_t kL2Frames = 160;

/// An array: what the device has of it, what lies below, and what it should hold.
struct SimArray {
    ArrayShape shape;
    std::uint32_t id = 0;
    std::uint64_t page_count = 0;
    bool regular = true;
    bool counts_hits = false;
    std::vector<std::uint64_t> table;
    std::vector<std::uint64_t> backing;  ///< whole pages; of a mapped array, what is mapped
    std::vector<std::uint64_t> directory;  ///< the host's words, one a page; of a mapped array none
    std::unique_ptr<Oracle> oracle;

    std::byte* backing_bytes() { return reinterpret_cast<std::byte*>(backing.data()); }
    gpuio::device::PageEntry entry(std::uint64_t page) const {
        return gpuio::device::PageEntry{table[page]};
    }
};

/// See the file's comment. Everything in it may be looked at without a scheduling point.
class Machine {
public:
    Machine(const Config& config, std::uint64_t seed);
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;

    std::size_t page_bytes() const { return std::size_t{1} << cache.page_shift; }
    std::byte* frame(std::uint32_t index) { return cache.frames + index * page_bytes(); }
    /// A page's place in the cache below.
    std::uint64_t* l2_frame(std::uint32_t index) { return &l2_words_[index * page_bytes() / 8]; }
    gpuio::device::ArrayView view(const SimArray& array);
    /// The page's bytes where they are now: its frame if it is resident, else the backing.
    std::byte* current_bytes(SimArray& array, std::uint64_t page);
    std::uint64_t statistic(std::uint64_t gpuio::device::StatisticsShard::* field) const;
    std::uint32_t used_slots() const;

    /// Checks what must hold when no kernel runs and the host has answered everything. Returns what
    /// is wrong, or nothing.
    std::string check_at_rest();
    /// What the runtime does between kernels: takes back what timed-out waits left behind...
    void repair();
    /// ...and writes every DIRTY page back, and drops some pages if told to.
    void flush(Random& random, std::uint32_t drop_percent);
    void clear_error();

    Config config;
    gpuio::device::Cache cache{};
    std::vector<SimArray> arrays;
    gpuio::device::SharedControl control{};
    gpuio::device::StickyError error{};

private:
    std::string check_entry(const SimArray& array, std::uint64_t page,
                            std::vector<int>& frame_uses) const;
    std::string check_frames(const std::vector<int>& frame_uses) const;
    std::string check_bytes(SimArray& array);
    void make_array(const ArrayShape& shape, Random& random);

    std::vector<std::uint64_t> frame_words_;
    std::vector<std::uint64_t> frame_owners_;
    std::vector<gpuio::device::FrameFill> fills_;
    std::uint64_t clock_hand_ = 0;
    std::uint64_t queue_tail_ = 0;
    std::uint64_t queue_served_ = 0;
    std::uint64_t slot_bitmap_ = 0;
    std::uint64_t reserved_slots_ = 0;  ///< taken for good, so that slots run out
    std::vector<std::uint64_t> slot_generation_;
    std::uint64_t ring_tail_ = 0;
    std::vector<gpuio::device::FaultEntry> ring_;
    std::vector<gpuio::device::Completion> completions_;
    std::vector<gpuio::device::StatisticsShard> statistics_;
    std::vector<gpuio::device::ArrayDescriptor> descriptors_;
    std::vector<std::uint64_t> l2_words_;
    std::vector<std::uint64_t> l2_marks_;
};

}  // namespace simt
