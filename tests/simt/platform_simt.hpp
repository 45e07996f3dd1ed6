/// \file
/// The platform of the simulator: every call is a point where any other lane, or the host service,
/// may go first. Memory is sequentially consistent; see the README for what that leaves out.
#pragma once

#include <cstddef>
#include <cstdint>

#include "gpuio/device/layout.hpp"
#include "gpuio/device/page_entry.hpp"
#include "scheduler.hpp"

namespace gpuio::platform {

/// As on the host device.
inline constexpr std::uint32_t kMaxHandSteps = 1024;
inline constexpr std::uint32_t kLooksAtHostOneIn = 8;
inline constexpr bool kLanesRunInStep = true;
inline constexpr bool kGathersInSteps = true;
inline constexpr std::size_t kLeastPrefetched = ~std::size_t{0};
inline void prefetch_line(const std::byte*) {}

inline void point() { simt::Scheduler::current().point(); }

inline std::uint64_t load_relaxed(const std::uint64_t* word) {
    point();
    return *word;
}
inline std::uint64_t load_acquire(const std::uint64_t* word) {
    simt::Scheduler& scheduler = simt::Scheduler::current();
    if (scheduler.task().looked_optimistically) {  // and now the slow path looks again
        scheduler.task().looked_optimistically = false;
        ++scheduler.exercise().optimistic_retries;
    }
    return load_relaxed(word);
}
inline void store_relaxed(std::uint64_t* word, std::uint64_t value) {
    point();
    *word = value;
}
inline void store_release(std::uint64_t* word, std::uint64_t value) { store_relaxed(word, value); }
inline bool compare_exchange(std::uint64_t* word, std::uint64_t& expected, std::uint64_t desired) {
    point();
    const std::uint64_t seen = *word;
    const bool swapped = seen == expected;
    if (swapped) *word = desired;
    expected = seen;
    return swapped;
}
inline std::uint64_t fetch_add(std::uint64_t* word, std::uint64_t value) {
    using gpuio::device::PageEntry;
    point();
    const std::uint64_t before = *word;
    if (value == PageEntry::kOnePin && !PageEntry{before}.resident()) {
        ++simt::Scheduler::current().exercise().stray_pins;
    }
    // It would borrow from the frame.
    if (value == ~PageEntry::kOnePin + 1 && PageEntry{before}.pins() == 0) {
        simt::Scheduler::current().fail("state", "a pin is taken off a page that has none");
    }
    *word = before + value;
    return before;
}
/// Draws a number. What the lane knows when it does may be old, so it is held up here more often.
inline std::uint64_t fetch_add_relaxed(std::uint64_t* word, std::uint64_t value) {
    simt::Scheduler::current().may_hold(20);
    return fetch_add(word, value);
}
inline std::uint64_t fetch_add_acquire(std::uint64_t* word, std::uint64_t value) {
    return fetch_add(word, value);
}
inline void add_release(std::uint64_t* word, std::uint64_t value) { fetch_add(word, value); }
inline std::uint64_t fetch_or(std::uint64_t* word, std::uint64_t value) {
    point();
    const std::uint64_t before = *word;
    *word = before | value;
    return before;
}
inline void or_release(std::uint64_t* word, std::uint64_t value) { fetch_or(word, value); }
inline std::uint64_t fetch_and(std::uint64_t* word, std::uint64_t value) {
    point();
    const std::uint64_t before = *word;
    *word = before & value;
    return before;
}
/// Statistics steer nothing, so nobody needs a turn here.
inline void count(std::uint64_t* counter, std::uint64_t amount) { *counter += amount; }

inline std::uint64_t load_relaxed_system(const std::uint64_t* word) { return load_relaxed(word); }
inline void fence_acquire_system() {}
inline std::uint64_t load_again_system(const std::uint64_t* word) { return load_relaxed(word); }
/// Every copy by the directory makes a mark.
inline void mark(std::uint64_t* word) {
    ++simt::Scheduler::current().exercise().marks;
    store_relaxed(word, 1);
}
inline void fence_release() {}
/// Only whoever draws a ticket of a later copy than it looked for has a use for this fence.
inline void fence_acquire_release() { ++simt::Scheduler::current().exercise().late_tickets; }
inline void store_release_system(std::uint64_t* word, std::uint64_t value) {
    store_relaxed(word, value);
}
/// The bus may bring either first.
inline void store_pair_release_system(std::uint64_t* words, std::uint64_t first,
                                      std::uint64_t second) {
    const bool swapped = simt::Scheduler::current().random().percent(50);
    if (swapped) store_relaxed(words + 1, second);
    store_relaxed(words, first);
    if (!swapped) store_relaxed(words + 1, second);
}
/// Only an optimistic read has a use for this fence, so here it is known for one.
inline void fence_acquire() {
    simt::Scheduler& scheduler = simt::Scheduler::current();
    scheduler.task().looked_optimistically = true;
    ++scheduler.exercise().optimistic_reads;
}

template <class Data>
inline Data load_data(const Data* data) {
    point();
    return *data;
}
template <class Data>
inline void store_data(Data* data, Data value) {
    point();
    *data = value;
}

/// Few words a piece, so that many lanes can take part in the copy of a small page.
inline std::uint32_t copy_pieces(std::size_t bytes) {
    return static_cast<std::uint32_t>(bytes / 16);
}

/// Word by word.
inline void copy_piece(std::byte* to, const std::byte* from, std::size_t, std::uint32_t piece) {
    if (from == nullptr) simt::Scheduler::current().fail("memory", "a page is copied from nowhere");
    auto* target = reinterpret_cast<std::uint64_t*>(to) + piece * 2;
    const auto* source = reinterpret_cast<const std::uint64_t*>(from) + piece * 2;
    simt::Scheduler::current().drew_piece(to, piece);
    for (int k = 0; k < 2; ++k) store_data(target + k, load_data(source + k));
}

inline std::uint64_t now_us() {
    point();
    return simt::Scheduler::current().now_ns() / 1000;
}

/// Sleeps for a random while that grows with the attempts, some 10 us at most; or hardly at all.
inline void pause(std::uint32_t attempt) {
    simt::Scheduler& scheduler = simt::Scheduler::current();
    if (scheduler.impatient()) return scheduler.point();
    scheduler.sleep_ns(10 + scheduler.random().below(40u << (attempt < 8 ? attempt : 8)));
}

inline void ring_doorbell(device::SharedControl* control) {
    if (load_relaxed(&control->service_sleeping) == 0) return;
    store_relaxed(&control->service_sleeping, 0);
    simt::Scheduler& scheduler = simt::Scheduler::current();
    scheduler.wake(scheduler.host());
}

inline std::uint32_t shard_hint() { return simt::Scheduler::current().task().block; }
inline std::uint64_t thread_index() { return simt::Scheduler::current().task().thread; }
inline std::uint64_t thread_count() { return simt::Scheduler::current().grid().threads(); }

}  // namespace gpuio::platform
