/// \file
/// The slow path of every access: brings pages in for a whole warp at a time, and the two ways to
/// let go of a page.
#pragma once

#include <cstddef>
#include <cstdint>

#include "gpuio/device/errors.hpp"
#include "gpuio/device/fault.hpp"
#include "gpuio/device/layout.hpp"
#include "gpuio/device/macros.hpp"
#include "gpuio/device/page_entry.hpp"
#include "gpuio/device/platform.hpp"

namespace gpuio::device {

/// What an access leaves behind on the page.
enum class Hold {
    kReleaseClean,  ///< the page was read
    kReleaseDirty,  ///< the page was written
    kKeep,          ///< the page stays pinned, once for every lane: a guard was made
};

/// Takes `count` pins off a page. The page may be evicted from then on.
GPUIO_DEVICE inline void release_pins(std::uint64_t* word, std::uint32_t count) {
    platform::fetch_add(word, ~(PageEntry::kOnePin * count) + 1);
}

/// Takes `count` pins off a page and marks it DIRTY. One step, after the stores: a flush that runs
/// at the same time either takes their bytes along or finds the page DIRTY again afterwards.
GPUIO_DEVICE inline void release_pins_dirty(std::uint64_t* word, std::uint32_t count) {
    std::uint64_t seen = platform::load_relaxed(word);
    for (;;) {  // repeats only when another thread changed the word
        const PageEntry entry{seen};
        const PageEntry next = entry.with_pins(entry.pins() - count).with_state(PageState::kDirty);
        if (platform::compare_exchange(word, seen, next.word())) return;
    }
}

/// Tries to pin a page that is expected to be resident. One step, no waiting.
GPUIO_DEVICE inline bool try_pin(std::uint64_t* word, std::uint32_t* frame) {
    std::uint64_t seen = platform::load_acquire(word);
    const PageEntry entry{seen};
    if (!entry.resident() || entry.pins() >= PageEntry::kMaxPins) return false;
    const PageEntry pinned = entry.with_flag(true).with_pins(entry.pins() + 1);
    if (!platform::compare_exchange(word, seen, pinned.word())) return false;
    *frame = entry.frame();
    return true;
}

GPUIO_DEVICE inline unsigned first_lane(std::uint32_t lanes) {
    unsigned lane = 0;
    while ((lanes & 1) == 0) {
        lanes >>= 1;
        ++lane;
    }
    return lane;
}
GPUIO_DEVICE inline std::uint32_t count_lanes(std::uint32_t lanes) {
    std::uint32_t count = 0;
    for (; lanes != 0; lanes &= lanes - 1) ++count;
    return count;
}

/// When a wait has to end. The clock starts with the first question, so a hit never reads it.
class Deadline {
public:
    GPUIO_DEVICE explicit Deadline(const Cache& cache) : cache_(cache) {}

    /// Whether to stop waiting, and with which error.
    GPUIO_DEVICE bool passed(DeviceError* why) {
        if (end_us_ == 0) {
            // After one stall every further wait would only stall again: fail at once.
            if (platform::load_relaxed(&cache_.error->stalled) != 0) {
                *why = DeviceError::kTimeout;
                return true;
            }
            end_us_ = platform::now_us() + cache_.io_timeout_us;
            return false;
        }
        if (platform::load_acquire_system(&cache_.control->service_alive) == 0) {
            *why = DeviceError::kGeneral;
            return true;
        }
        if (platform::now_us() < end_us_) return false;
        platform::store_relaxed(&cache_.error->stalled, 1);
        *why = DeviceError::kTimeout;
        return true;
    }

private:
    const Cache& cache_;
    std::uint64_t end_us_ = 0;
};

/// Copies the pages that this warp's leaders want copied, one after the other, all lanes together.
GPUIO_DEVICE inline void copy_wanted(const Cache& cache, const platform::Warp& warp, bool leader,
                                     Fault& fault) {
    std::uint32_t wanting = warp.ballot(leader && fault.wants_copy());
    const bool mine = leader && fault.wants_copy();
    for (; wanting != 0; wanting &= wanting - 1) {
        const unsigned lane = first_lane(wanting);
        const std::uint64_t to = warp.shuffle(
            mine ? reinterpret_cast<std::uint64_t>(fault.frame_bytes()) : 0, lane);
        const std::uint64_t from =
            warp.shuffle(mine ? reinterpret_cast<std::uint64_t>(fault.source()) : 0, lane);
        platform::copy_page(warp, reinterpret_cast<std::byte*>(to),
                            reinterpret_cast<const std::byte*>(from),
                            std::size_t{1} << cache.page_shift);
    }
    warp.sync();
    if (mine) fault.publish();
}

/// Counts how an access was served.
GPUIO_DEVICE inline void count_access(const Cache& cache, const Fault& fault, bool waited) {
    if (!fault.was_hit()) return;  // counted as a miss when it was issued
    StatisticsShard& shard = statistics(cache);
    platform::count(waited ? &shard.joined : &shard.hits, 1);
}

/// Makes `key`'s page resident, calls `use(frame bytes)` while it is pinned, and lets go of it as
/// `hold` says. All lanes that arrive together share the work: lanes that want the same page share
/// one fault, and all faults are issued before any is waited for.
///
/// A lane's `use` runs as soon as its own page is there, not when the warp's last one is: pages of
/// one warp must not wait for each other, or a small cache could never hold them all.
///
/// Returns false, with the error kept for the host, when the page could not be had; `use` has then
/// not been called. Waits at most `io_timeout_us`.
template <Hold hold, class Use>
GPUIO_DEVICE GPUIO_NOINLINE bool with_page(const Cache& cache, std::uint64_t* table, PageKey key,
                                           std::uint64_t byte_offset, Use use) {
    const platform::Warp warp = platform::Warp::converge();
    std::uint64_t* word = table + key.page;
    const std::uint32_t peers = warp.match((std::uint64_t{key.array} << 48) | key.page);
    const unsigned leader_lane = first_lane(peers);
    const bool leader = warp.lane() == leader_lane;
    const std::uint32_t pins = count_lanes(peers);

    Fault fault(cache, word, key, pins);
    Deadline deadline(cache);
    bool finished = false;
    bool succeeded = false;
    for (std::uint32_t attempt = 0;; ++attempt) {
        const bool working = leader && !finished;
        if (working) fault.advance();
        copy_wanted(cache, warp, working, fault);

        // 0: not yet; 1: failed; else the address of the page's bytes.
        std::uint64_t signal = 0;
        if (working && fault.ready()) {
            signal = reinterpret_cast<std::uint64_t>(fault.frame_bytes());
            count_access(cache, fault, attempt != 0);
        } else if (working) {
            DeviceError why{};
            if (!fault.failed() && deadline.passed(&why)) fault.give_up(why);
            signal = fault.failed() ? 1 : 0;
        }
        signal = warp.shuffle(signal, leader_lane);
        const bool use_now = !finished && signal > 1;
        if (use_now) {
            use(reinterpret_cast<std::byte*>(signal));
            succeeded = true;
        }
        warp.sync();
        if (working && use_now) {
            if (hold == Hold::kReleaseClean) release_pins(word, pins);
            if (hold == Hold::kReleaseDirty) release_pins_dirty(word, pins);
        }
        if (working && signal == 1) {
            record_error(cache.error, fault.error_code(), fault.os_error(),
                         {key.array, key.page, byte_offset});
        }
        finished = finished || signal != 0;
        if (warp.ballot(!finished) == 0) return succeeded;
        platform::pause(attempt);
    }
}

/// Takes the frame of a page that a cursor has left behind, if the page is clean and not in use.
/// Not while the hand finds free frames: L1 fills up first.
GPUIO_DEVICE inline Victim take_frame_behind(const Cache& cache, std::uint64_t* word) {
    const Victim none{Victim::Kind::kNone, kNoFrame};
    const std::uint64_t hand = platform::load_relaxed(cache.clock_hand) % cache.frame_count;
    if (platform::load_relaxed(cache.frame_owners + hand) == kFrameFree) return none;
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
    const platform::Warp warp = platform::Warp::converge();
    const std::uint32_t peers = warp.match((std::uint64_t{key.array} << 48) | key.page);
    if (warp.lane() != first_lane(peers)) return;
    if (cache.arrays[key.array].mapped != nullptr) return;

    std::uint64_t* word = table + key.page;
    std::uint64_t seen = platform::load_acquire(word);
    const PageEntry entry{seen};
    if (entry.state() != PageState::kInvalid) return;
    const PageEntry owned = entry.with_state(PageState::kBusy).with_flag(true);
    if (!platform::compare_exchange(word, seen, owned.word())) return;

    Slot slot{};
    if (!take_slot(cache, platform::shard_hint(), kPrefetchSlots, &slot)) {
        return platform::store_release(word, entry.word());
    }
    Victim victim{Victim::Kind::kNone, kNoFrame};
    if (behind != nullptr) victim = take_frame_behind(cache, behind);
    if (victim.kind != Victim::Kind::kTaken) victim = find_victim(cache);
    if (victim.kind != Victim::Kind::kTaken) {
        free_slot(cache, slot);
        return platform::store_release(word, entry.word());
    }
    platform::store_release(cache.frame_slots + victim.frame, pack_slot(slot));
    platform::store_release(cache.frame_owners + victim.frame, owner_word(key.array, key.page));
    push_fault(cache, FaultOperation::kPrefetch, key.array, key.page, slot, victim.frame);
    platform::count(&statistics(cache).prefetches, 1);
    platform::store_release(word, owned.with_flag(false).with_frame(victim.frame).word());
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
