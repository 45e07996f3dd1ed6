/// \file
/// The page-table entry: one 64-bit word a page, all of a page's state in it.
///
///     bit 63          44 43        30 29           4      3       2       0
///        | pins (20)    | version (14)| frame (26)  | flag  | state (3)    |
///
/// - **state**: the specification's INVALID, VALID, DIRTY, FLUSHING; BUSY (being filled); and
///   REDIRTIED (FLUSHING, and written to meanwhile: DIRTY once the write-back has ended). The
///   lowest bit of a resident page says that it is newer than the copy below, or than what is
///   being written.
/// - **flag**: on a resident page, "accessed since the CLOCK hand last passed"; on a BUSY page,
///   "owned": a thread waits for the data and will publish the page. BUSY without an owner is a
///   prefetch, or a read whose waiter gave up; whoever needs the page next takes it over.
/// - **frame**: the frame that holds the page, or will; meaningful unless INVALID.
/// - **version**: counts evictions. A reader who used no pin compares it before and after.
/// - **pins**: accesses that need the page to stay. A pinned page is never evicted, nor is its
///   write-back begun by a kernel.
///
/// Who may change what:
/// - pins: any thread, at any time, by one atomic addition: it never fails, however many threads
///   want the same page. Whoever so finds that the page was not resident has pinned nothing and
///   takes the pin back at once. So every other change must leave the pins as it finds them.
/// - INVALID to BUSY: any thread, by compare-exchange; it then owns the entry alone.
/// - BUSY: its owner changes all but the pins, by an addition (`rewrite` in frames.hpp). Taking
///   ownership is a compare-exchange.
/// - resident: any thread, by compare-exchange; while pinned, the accessed flag and the lowest bit
///   of the state (a store) by fetch-or.
///
/// Rust's mirror of this file is `rust/core/src/page_entry.rs`; a test holds the two together.
#pragma once

#include <cstdint>

#include "gpuio/device/macros.hpp"

namespace gpuio::device {

/// The state of a page. The specification's cache states, BUSY and REDIRTIED.
enum class PageState : std::uint32_t {
    kInvalid = 0,
    kBusy = 1,
    kValid = 2,
    kDirty = 3,
    kFlushing = 4,
    kRedirtied = 5,
};

/// A decoded view of a page-table word. A value: nothing here touches memory.
class PageEntry {
public:
    static constexpr unsigned kStateBits = 3;
    static constexpr unsigned kFrameShift = 4;
    static constexpr unsigned kFrameBits = 26;
    static constexpr unsigned kVersionShift = 30;
    static constexpr unsigned kVersionBits = 14;
    static constexpr unsigned kPinsShift = 44;
    static constexpr unsigned kPinsBits = 20;

    static constexpr std::uint64_t kFlag = 8;
    static constexpr std::uint64_t kDirtyBit = 1;
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
        return (word_ & 7) >= static_cast<std::uint64_t>(PageState::kValid);
    }
    /// Of a resident page: a store needs to leave no further mark.
    GPUIO_HOST_DEVICE constexpr bool dirty() const { return (word_ & kDirtyBit) != 0; }
    GPUIO_HOST_DEVICE constexpr bool flag() const { return (word_ & kFlag) != 0; }
    GPUIO_HOST_DEVICE constexpr std::uint32_t frame() const {
        return static_cast<std::uint32_t>((word_ >> kFrameShift) & (kMaxFrames - 1));
    }
    GPUIO_HOST_DEVICE constexpr std::uint32_t version() const {
        return static_cast<std::uint32_t>((word_ >> kVersionShift) & ((1u << kVersionBits) - 1));
    }
    GPUIO_HOST_DEVICE constexpr std::uint64_t pins() const { return word_ >> kPinsShift; }

    GPUIO_HOST_DEVICE constexpr PageEntry with_state(PageState state) const {
        return PageEntry{(word_ & ~std::uint64_t{7}) | static_cast<std::uint64_t>(state)};
    }
    GPUIO_HOST_DEVICE constexpr PageEntry with_flag(bool flag) const {
        return PageEntry{flag ? (word_ | kFlag) : (word_ & ~kFlag)};
    }
    GPUIO_HOST_DEVICE constexpr PageEntry with_frame(std::uint32_t frame) const {
        constexpr std::uint64_t mask = (kMaxFrames - 1) << kFrameShift;
        return PageEntry{(word_ & ~mask) | (std::uint64_t{frame} << kFrameShift)};
    }
    GPUIO_HOST_DEVICE constexpr PageEntry with_pins(std::uint64_t pins) const {
        return PageEntry{(word_ & (kOnePin - 1)) | (pins << kPinsShift)};
    }
    /// All of the entry but the pins.
    GPUIO_HOST_DEVICE constexpr PageEntry without_pins() const { return with_pins(0); }
    /// The entry after an eviction: INVALID, no frame, no pins, the version one up (it wraps).
    GPUIO_HOST_DEVICE constexpr PageEntry evicted() const {
        const std::uint64_t next = (version() + 1u) & ((1u << kVersionBits) - 1);
        return PageEntry{next << kVersionShift};
    }
    /// Whether `later` still shows the same page in the same frame, resident all the while. Pins,
    /// dirtiness and the accessed flag do not matter to a reader.
    GPUIO_HOST_DEVICE constexpr bool same_residency(PageEntry later) const {
        constexpr std::uint64_t identity =
            (kOnePin - 1) & ~((std::uint64_t{1} << kFrameShift) - 1);
        return later.resident() && ((word_ ^ later.word_) & identity) == 0;
    }

private:
    std::uint64_t word_;
};

static_assert(sizeof(PageEntry) == 8, "a page-table entry is at most 8 bytes");

}  // namespace gpuio::device
