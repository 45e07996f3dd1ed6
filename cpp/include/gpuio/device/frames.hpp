/// \file
/// Frames: where a page's bytes live near the device, and how one is won for a new page.
///
/// Every frame has an owner word: FREE, CLAIMED (a thread is putting a page into it), or the page
/// it holds. Replacement is CLOCK with a second chance: the hand passes over pinned and busy
/// frames, clears the accessed bit of the others, and takes the first whose bit was clear.
#pragma once

#include <cstdint>

#include "gpuio/device/fault_ring.hpp"
#include "gpuio/device/layout.hpp"
#include "gpuio/device/macros.hpp"
#include "gpuio/device/page_entry.hpp"
#include "gpuio/device/platform.hpp"

namespace gpuio::device {

inline constexpr std::uint64_t kFrameFree = 0;
inline constexpr std::uint64_t kFrameClaimed = 1;
inline constexpr std::uint64_t kFrameOwned = std::uint64_t{1} << 63;
inline constexpr std::uint32_t kNoFrame = ~std::uint32_t{0};

GPUIO_DEVICE inline std::uint64_t owner_word(std::uint64_t array, std::uint64_t page) {
    return kFrameOwned | (array << 48) | page;
}
GPUIO_DEVICE inline std::uint64_t owner_array(std::uint64_t owner) {
    return (owner >> 48) & (kMaxArrays - 1);
}
GPUIO_DEVICE inline std::uint64_t owner_page(std::uint64_t owner) {
    return owner & (kMaxPages - 1);
}

GPUIO_DEVICE inline std::byte* frame_address(const Cache& cache, std::uint32_t frame) {
    return cache.frames + (std::uint64_t{frame} << cache.page_shift);
}

GPUIO_DEVICE inline StatisticsShard& statistics(const Cache& cache) {
    return cache.statistics[platform::shard_hint() % kStatisticsShards];
}

/// Gives back a claimed frame.
GPUIO_DEVICE inline void free_frame(const Cache& cache, std::uint32_t frame) {
    platform::store_release(cache.frame_owners + frame, kFrameFree);
}

/// A frame the hand stopped at.
struct Victim {
    enum class Kind {
        kNone,   ///< nothing to take in this stretch
        kTaken,  ///< `frame` is the caller's, claimed
        kDirty,  ///< `frame` holds a page that must be written back first
    };
    Kind kind;
    std::uint32_t frame;
};

/// Changes all but the pins of an OWNED entry, from what its owner, the caller, has made it. The
/// pins are others': see page_entry.hpp.
GPUIO_DEVICE inline void rewrite(std::uint64_t* word, PageEntry from, PageEntry to) {
    platform::fetch_add(word, to.word() - from.without_pins().word());
}

/// In `FrameFill::slot`, beside the slot: the hand has passed over its prefetch.
inline constexpr std::uint64_t kPassedOver = std::uint64_t{1} << 63;

/// A prefetch nobody came for: once the host has answered it, its frame can be had. It has a second
/// chance as every page, or the hand would take what is just about to be used. (That the mark may
/// hit another prefetch, if the frame changes hands meanwhile, only costs that one its chance.)
GPUIO_DEVICE inline bool take_stale_prefetch(const Cache& cache, std::uint64_t* word,
                                             PageEntry entry) {
    std::uint64_t* slot_word = &cache.fills[entry.frame()].slot;
    const std::uint64_t packed = platform::load_acquire(slot_word);
    const Slot slot = unpack_slot(packed);
    if (poll_answer(cache, slot).outcome == Outcome::kNone) return false;
    if ((packed & kPassedOver) == 0) {
        platform::fetch_or(slot_word, kPassedOver);
        return false;
    }
    std::uint64_t expected = entry.word();
    const PageEntry owned = entry.with_state(PageState::kOwned);
    if (!platform::compare_exchange(word, expected, owned.word())) return false;
    // Now owned. The slot was read before ownership, but ownership changes only through this
    // compare-exchange, and the entry (version included) was still the one the slot was read for.
    finish_answer(cache, slot);
    platform::store_release(cache.frame_owners + entry.frame(), kFrameClaimed);
    rewrite(word, owned, entry.evicted());
    return true;
}

/// What the hand does with one owned frame. One that `insists` gives no second chance.
GPUIO_DEVICE inline Victim::Kind visit_frame(const Cache& cache, std::uint32_t frame,
                                             std::uint64_t owner, bool insists) {
    std::uint64_t* word = cache.arrays[owner_array(owner)].table + owner_page(owner);
    const PageEntry entry{platform::load_acquire(word)};
    if (entry.state() == PageState::kInvalid || entry.frame() != frame) return Victim::Kind::kNone;
    if (entry.state() == PageState::kOwned) return Victim::Kind::kNone;
    if (entry.state() == PageState::kBusy) {
        return take_stale_prefetch(cache, word, entry) ? Victim::Kind::kTaken : Victim::Kind::kNone;
    }
    if (entry.pins() != 0 || entry.state() >= PageState::kFlushing) return Victim::Kind::kNone;
    std::uint64_t expected = entry.word();
    if (entry.accessed() && !insists) {
        platform::compare_exchange(word, expected, entry.with_accessed(false).word());
        return Victim::Kind::kNone;
    }
    if (entry.state() == PageState::kDirty) return Victim::Kind::kDirty;
    if (!platform::compare_exchange(word, expected, entry.evicted().word())) {
        return Victim::Kind::kNone;
    }
    // The page is gone from the table, so nobody but this thread can reach the frame.
    platform::store_release(cache.frame_owners + frame, kFrameClaimed);
    platform::count(&statistics(cache).evictions, 1);
    return Victim::Kind::kTaken;
}

/// Moves the hand until it wins a frame or finds a dirty one; at most twice around, at most
/// `platform::kMaxHandSteps`. Does not wait.
/// \param looked_at counts the frames that the hand came to
GPUIO_DEVICE inline Victim find_victim(const Cache& cache, bool insists,
                                       std::uint64_t* looked_at) {
    const std::uint32_t twice = 2 * cache.frame_count;
    const std::uint32_t steps = twice < platform::kMaxHandSteps ? twice : platform::kMaxHandSteps;
    for (std::uint32_t step = 0; step < steps; ++step) {
        // 32 bits, because a GPU divides 64 by calling a function; where they wrap, the hand jumps.
        const std::uint64_t at = platform::fetch_add_relaxed(cache.clock_hand, 1);
        const std::uint32_t frame = static_cast<std::uint32_t>(at) % cache.frame_count;
        ++*looked_at;
        std::uint64_t owner = platform::load_acquire(cache.frame_owners + frame);
        if (owner == kFrameClaimed) continue;
        if (owner == kFrameFree) {
            if (!platform::compare_exchange(cache.frame_owners + frame, owner, kFrameClaimed)) {
                continue;
            }
            return {Victim::Kind::kTaken, frame};
        }
        const Victim::Kind kind = visit_frame(cache, frame, owner, insists);
        if (kind != Victim::Kind::kNone) return {kind, frame};
    }
    return {Victim::Kind::kNone, kNoFrame};
}

}  // namespace gpuio::device
