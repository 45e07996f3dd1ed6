/// \file
/// The page-table entry: one 64-bit word a page, all of a page's state in it.
///
///     bit 63        38 37        18 17          4      3         2       0
///        | frame (26)  | pins (20)  | version (14) | accessed | state (3)  |
///
/// - **state**: the specification's INVALID, VALID, DIRTY, FLUSHING; BUSY (being filled), OWNED
///   (BUSY, and a thread waits for the data and will publish the page); and REDIRTIED (FLUSHING,
///   and written to meanwhile: DIRTY once the write-back has ended). BUSY without an owner is a
///   prefetch, or a read whose waiter gave up; whoever needs the page next takes it over. The
///   highest bit says that the page is resident; then the lowest says that it is newer than the
///   copy below, or than what is being written.
/// - **accessed**: of a resident page alone: since the CLOCK hand last passed. So this one bit
///   tells `a[i]` that it may read the page and need not leave a mark.
/// - **frame**: the frame that holds the page, or will; meaningful unless INVALID. In the highest
///   bits, where one shift gets it.
/// - **version**: counts evictions. A reader who used no pin compares it before and after.
/// - **pins**: accesses that need the page to stay. A pinned page is never evicted, nor is its
///   write-back begun by a kernel.
///
/// Who may change what:
/// - pins: any thread, at any time, by one atomic addition: it never fails, however many threads
///   want the same page. Whoever so finds that the page was not resident has pinned nothing and
///   takes the pin back at once. So every other change must leave the pins as it finds them.
/// - INVALID to BUSY: any thread, by compare-exchange; it then owns the entry alone.
/// - OWNED: its owner changes all but the pins, by an addition (`rewrite` in frames.hpp). Taking
///   ownership of a BUSY entry is a compare-exchange.
/// - resident: any thread, by compare-exchange; while pinned, the accessed bit and the lowest bit
///   of the state (a store) by fetch-or.
///
/// Rust's mirror of this file is `rust/core/src/page_entry.rs`; a test holds the two together.
#pragma once

#include <cstdint>

#include "gpuio/device/macros.hpp"

namespace gpuio::device {

/// The state of a page. The specification's cache states, BUSY, OWNED and REDIRTIED.
enum class PageState : std::uint32_t {
    kInvalid = 0,
    kBusy = 2,
    kOwned = 3,
    kValid = 4,
    kDirty = 5,
    kFlushing = 6,
    kRedirtied = 7,
};

/// A decoded view of a page-table word. A value: nothing here touches memory.
class PageEntry {
public:
    static constexpr unsigned kStateBits = 3;
    static constexpr unsigned kVersionShift = 4;
    static constexpr unsigned kVersionBits = 14;
    static constexpr unsigned kPinsShift = 18;
    static constexpr unsigned kPinsBits = 20;
    static constexpr unsigned kFrameShift = 38;
    static constexpr unsigned kFrameBits = 26;

    static constexpr std::uint64_t kDirtyBit = 1;
    static constexpr std::uint64_t kResidentBit = 4;
    static constexpr std::uint64_t kAccessedBit = 8;
    static constexpr std::uint64_t kOnePin = std::uint64_t{1} << kPinsShift;
    /// Frames a table can name: the bound on L1 frames of one context.
    static constexpr std::uint64_t kMaxFrames = std::uint64_t{1} << kFrameBits;
    /// More pins on a page than this are refused. The field has room for as many again: for threads
    /// that have added their pin and not yet taken it back. A GPU runs some 300,000 at a time.
    static constexpr std::uint64_t kMaxPins = std::uint64_t{1} << (kPinsBits - 1);

    GPUIO_HOST_DEVICE constexpr explicit PageEntry(std::uint64_t word) : word_(word) {}

    GPUIO_HOST_DEVICE constexpr std::uint64_t word() const { return word_; }

    GPUIO_HOST_DEVICE constexpr PageState state() const {
        return static_cast<PageState>(word_ & ((1u << kStateBits) - 1));
    }
    /// VALID, DIRTY, FLUSHING or REDIRTIED: the frame holds the page's bytes.
    GPUIO_HOST_DEVICE constexpr bool resident() const {
        return (word_ & kResidentBit) != 0;
    }
    /// Being filled, owned or not.
    GPUIO_HOST_DEVICE constexpr bool busy() const {
        return state() == PageState::kBusy || state() == PageState::kOwned;
    }
    /// Of a resident page: a store needs to leave no further mark.
    GPUIO_HOST_DEVICE constexpr bool dirty() const { return (word_ & kDirtyBit) != 0; }
    GPUIO_HOST_DEVICE constexpr bool accessed() const { return (word_ & kAccessedBit) != 0; }
    GPUIO_HOST_DEVICE constexpr std::uint32_t frame() const {
        return static_cast<std::uint32_t>(word_ >> kFrameShift);
    }
    GPUIO_HOST_DEVICE constexpr std::uint32_t version() const {
        return static_cast<std::uint32_t>((word_ >> kVersionShift) & ((1u << kVersionBits) - 1));
    }
    GPUIO_HOST_DEVICE constexpr std::uint64_t pins() const {
        return (word_ >> kPinsShift) & ((1u << kPinsBits) - 1);
    }

    GPUIO_HOST_DEVICE constexpr PageEntry with_state(PageState state) const {
        return PageEntry{(word_ & ~std::uint64_t{7}) | static_cast<std::uint64_t>(state)};
    }
    GPUIO_HOST_DEVICE constexpr PageEntry with_accessed(bool accessed) const {
        return PageEntry{accessed ? (word_ | kAccessedBit) : (word_ & ~kAccessedBit)};
    }
    GPUIO_HOST_DEVICE constexpr PageEntry with_frame(std::uint32_t frame) const {
        constexpr std::uint64_t others = (std::uint64_t{1} << kFrameShift) - 1;
        return PageEntry{(word_ & others) | (std::uint64_t{frame} << kFrameShift)};
    }
    GPUIO_HOST_DEVICE constexpr PageEntry with_pins(std::uint64_t pins) const {
        constexpr std::uint64_t mask = ((std::uint64_t{1} << kPinsBits) - 1) << kPinsShift;
        return PageEntry{(word_ & ~mask) | (pins << kPinsShift)};
    }
    /// All of the entry but the pins.
    GPUIO_HOST_DEVICE constexpr PageEntry without_pins() const { return with_pins(0); }
    /// The entry after an eviction: INVALID, no frame, no pins, the version one up (it wraps).
    GPUIO_HOST_DEVICE constexpr PageEntry evicted() const {
        const std::uint64_t next = (version() + 1u) & ((1u << kVersionBits) - 1);
        return PageEntry{next << kVersionShift};
    }
    /// Whether `later` still shows the same page in the same frame, resident all the while. Pins,
    /// dirtiness and the accessed bit do not matter to a reader.
    GPUIO_HOST_DEVICE constexpr bool same_residency(PageEntry later) const {
        return later.resident() && later.frame() == frame() && later.version() == version();
    }

private:
    std::uint64_t word_;
};

static_assert(sizeof(PageEntry) == 8, "a page-table entry is at most 8 bytes");

}  // namespace gpuio::device
