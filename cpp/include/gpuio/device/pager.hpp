/// \file
/// The slow path of every access: waits for pages, within the deadline; and the hints that do not.
///
/// Every lane works for itself; lanes that want the same page meet in its table entry. There are no
/// warp collectives, so it does not matter which lanes run together.
#pragma once

#include <cstddef>
#include <cstdint>

#include "gpuio/device/errors.hpp"
#include "gpuio/device/fault.hpp"
#include "gpuio/device/layout.hpp"
#include "gpuio/device/macros.hpp"
#include "gpuio/device/page_entry.hpp"
#include "gpuio/device/pins.hpp"
#include "gpuio/device/platform.hpp"

namespace gpuio::device {

/// What an access leaves behind on the page.
enum class Hold {
    kReleaseClean,  ///< the page was read
    kReleaseDirty,  ///< the page was written
    kKeep,          ///< the page stays pinned, once for every lane: a guard was made
};

/// When a wait has to end. The clock starts with the first question, so a hit never reads it.
class Deadline {
public:
    GPUIO_DEVICE explicit Deadline(const Cache& cache) : cache_(cache) {}

    /// Whether to stop waiting, and with which error.
    /// \param on_host the wait is for the host's answer, not for another lane
    GPUIO_DEVICE bool passed(bool on_host, DeviceError* why) {
        if (end_us_ == 0) {
            end_us_ = platform::now_us() + cache_.io_timeout_us;
            // After one stall every further wait would only stall again: fail at once.
            return stop_if(platform::load_relaxed(&cache_.error->stalled) != kNotStalled, why);
        }
        // Whether the service lives is a word in host memory. Asked by every waiting lane, all the
        // time, it takes the bus away from what they wait for: thousands of reads of one address
        // follow one another. So few ask, seldom, and tell the others.
        ++questions_;
        if (on_host && questions_ % platform::kLooksAtHostOneIn == 0 &&
            platform::load_relaxed_system(&cache_.control->service_alive) == 0) {
            platform::store_relaxed(&cache_.error->stalled, kServiceGone);
        }
        if (questions_ % 16 == 0 &&
            platform::load_relaxed(&cache_.error->stalled) == kServiceGone) {
            return stop_if(true, why);
        }
        if (platform::now_us() < end_us_) return false;
        // Another lane may have found the service gone meanwhile, which says more, and stays.
        std::uint64_t not_stalled = kNotStalled;
        platform::compare_exchange(&cache_.error->stalled, not_stalled, kTimedOut);
        return stop_if(true, why);
    }

private:
    GPUIO_DEVICE bool stop_if(bool stop, DeviceError* why) const {
        if (!stop) return false;
        const bool gone = platform::load_relaxed(&cache_.error->stalled) == kServiceGone;
        *why = gone ? DeviceError::kGeneral : DeviceError::kTimeout;
        return true;
    }

    const Cache& cache_;
    std::uint64_t end_us_ = 0;
    std::uint32_t questions_ = 0;
};

/// Counts how an access was served.
GPUIO_DEVICE inline void count_access(const Cache& cache, const Fault& fault, bool waited) {
    if (!fault.was_hit()) return;  // counted as a miss when it was issued
    StatisticsShard& shard = statistics(cache);
    platform::count(waited ? &shard.joined : &shard.hits, 1);
}

/// One turn of an access: takes the steps that need no waiting and, once the page is there, calls
/// `use` and lets go of it. Returns whether the page was there.
///
/// Out of line, because lanes run together again after a call. Were this in the caller's loop, a
/// compiler would take `use` out of the loop, and lanes with a pinned page would stand aside while
/// others of their warp still wait: in a small cache, for the very frame that is pinned.
template <Hold hold, class Use>
GPUIO_DEVICE GPUIO_NOINLINE bool take_turn(Fault& fault, std::uint64_t* word, Use& use) {
    fault.advance();
    if (!fault.ready()) return false;
    use(fault.frame_bytes());
    if (hold == Hold::kReleaseClean) release_pin(word);
    if (hold == Hold::kReleaseDirty) release_pin_dirty(word);
    return true;
}

/// Makes `key`'s page resident, calls `use(frame bytes)` while it is pinned, and lets go of it as
/// `hold` says.
///
/// Returns false, with the error kept for the host, when the page could not be had; `use` has then
/// not been called. Waits at most `io_timeout_us`.
template <Hold hold, class Use>
GPUIO_DEVICE GPUIO_NOINLINE bool with_page(const Cache& cache, std::uint64_t* table, PageKey key,
                                           std::uint64_t byte_offset, Use use) {
    std::uint64_t* word = table + key.page;
    Fault fault(cache, word, key);
    Deadline deadline(cache);
    std::uint32_t attempt = 0;
    while (!take_turn<hold>(fault, word, use)) {
        DeviceError why{};
        if (!fault.failed() && deadline.passed(fault.waits_for_host(), &why)) fault.give_up(why);
        if (fault.failed()) {
            record_error(cache.error, fault.error_code(), fault.os_error(),
                         {key.array, key.page, byte_offset});
            return false;
        }
        platform::pause(attempt++);
    }
    count_access(cache, fault, attempt != 0);
    return true;
}

/// Takes the frame of a page that a cursor has left behind, if the page is clean and not in use.
/// Not while the hand finds free frames: L1 fills up first.
GPUIO_DEVICE inline Victim take_frame_behind(const Cache& cache, std::uint64_t* word) {
    const Victim none{Victim::Kind::kNone, kNoFrame};
    const auto hand = static_cast<std::uint32_t>(platform::load_relaxed(cache.clock_hand));
    if (platform::load_relaxed(cache.frame_owners + hand % cache.frame_count) == kFrameFree) {
        return none;
    }
    std::uint64_t seen = platform::load_acquire(word);
    const PageEntry entry{seen};
    if (entry.state() != PageState::kValid || entry.pins() != 0) return none;
    if (!platform::compare_exchange(word, seen, entry.evicted().word())) return none;
    platform::store_release(cache.frame_owners + entry.frame(), kFrameClaimed);
    platform::count(&statistics(cache).evictions, 1);
    return {Victim::Kind::kTaken, entry.frame()};
}

/// Asks for a page without waiting for it. A hint: does nothing when the page is there or on its
/// way, when no clean frame or no slot is free, or when the bytes are addressable anyway.
/// \param behind the word of a page whose frame may be used; null if there is none
GPUIO_DEVICE GPUIO_NOINLINE inline void prefetch_page(const Cache& cache, std::uint64_t* table,
                                                      PageKey key,
                                                      std::uint64_t* behind = nullptr) {
    if (cache.arrays[key.array].mapped != nullptr) return;

    std::uint64_t* word = table + key.page;
    std::uint64_t seen = platform::load_acquire(word);
    const PageEntry entry{seen};
    if (entry.state() != PageState::kInvalid) return;
    const PageEntry owned = entry.with_state(PageState::kOwned);
    if (!platform::compare_exchange(word, seen, owned.word())) return;

    Slot slot{};
    if (!take_slot(cache, platform::shard_hint(), kPrefetchSlots, &slot)) {
        return rewrite(word, owned, entry.without_pins());
    }
    Victim victim{Victim::Kind::kNone, kNoFrame};
    if (behind != nullptr) victim = take_frame_behind(cache, behind);
    std::uint64_t looked_at = 0;
    if (victim.kind != Victim::Kind::kTaken) victim = find_victim(cache, false, &looked_at);
    if (victim.kind != Victim::Kind::kTaken) {
        free_slot(cache, slot);
        return rewrite(word, owned, entry.without_pins());
    }
    platform::store_release(&cache.fills[victim.frame].slot, pack_slot(slot));
    platform::store_release(cache.frame_owners + victim.frame, owner_word(key.array, key.page));
    push_fault(cache, FaultOperation::kPrefetch, key.array, key.page, slot, victim.frame);
    platform::count(&statistics(cache).prefetches, 1);
    const PageEntry asked_for = entry.without_pins().with_state(PageState::kBusy);
    rewrite(word, owned, asked_for.with_frame(victim.frame));
}

/// Most bytes that one cursor has brought to L1 ahead of it.
inline constexpr std::uint64_t kCursorAheadBytes = 8 << 20;

/// Asks for the pages that follow `key`'s, to which a cursor has come from the page before. A
/// quarter of a window at a time: one wake-up of the service serves many pages, and while the
/// cursor waits for the next page three quarters are on their way. Does not wait.
///
/// The more threads there are, the shorter the windows: in a large grid other threads fill the time
/// that one waits, and windows of all of them would push out pages in use.
///
/// An array that L1 cannot hold does not push out other pages: its new pages take the frames of
/// those that the cursor has left. Few frames, used again soon, also stay in the processor's cache.
GPUIO_DEVICE GPUIO_NOINLINE inline void prefetch_ahead(const Cache& cache, std::uint64_t* table,
                                                       PageKey key) {
    const std::uint64_t share = cache.ahead_pages / platform::thread_count();
    const std::uint64_t most = kCursorAheadBytes >> cache.page_shift;
    const std::uint64_t window = share < most ? share : most;
    const std::uint64_t page_count = cache.arrays[key.array].page_count;
    const std::uint64_t left = page_count - key.page - 1;
    if (window < 2 || left == 0) return;
    const std::uint64_t last = window < left ? window : left;
    const std::uint64_t kept = window - window / 4 + 1;
    const std::uint64_t next = kept < last ? kept : last;
    if (PageEntry{platform::load_relaxed(table + key.page + next)}.state() != PageState::kInvalid) {
        return;
    }
    for (std::uint64_t page = key.page + 1; page <= key.page + last; ++page) {
        // At the start of the array: what was left at its end, by the scan before.
        const std::uint64_t behind = (page > window ? page : page + page_count) - window - 1;
        prefetch_page(cache, table, {key.array, page},
                      page_count > cache.frame_count ? table + behind : nullptr);
    }
}

}  // namespace gpuio::device
