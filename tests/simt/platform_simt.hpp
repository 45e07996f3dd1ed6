/// \file
/// The platform of the simulator: every call is a point where any other lane, or the host service,
/// may go first. Memory is sequentially consistent; see the README for what that leaves out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <source_location>

#include "gpuio/device/layout.hpp"
#include "scheduler.hpp"

namespace gpuio::platform {

/// As on the host device.
inline constexpr std::uint32_t kMaxHandSteps = 1024;

inline void point() { simt::Scheduler::current().point(); }

inline std::uint64_t load_relaxed(const std::uint64_t* word) {
    point();
    return *word;
}
inline std::uint64_t load_acquire(const std::uint64_t* word) { return load_relaxed(word); }
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
    point();
    const std::uint64_t before = *word;
    *word = before + value;
    return before;
}
inline std::uint64_t fetch_or(std::uint64_t* word, std::uint64_t value) {
    point();
    const std::uint64_t before = *word;
    *word = before | value;
    return before;
}
inline std::uint64_t fetch_and(std::uint64_t* word, std::uint64_t value) {
    point();
    const std::uint64_t before = *word;
    *word = before & value;
    return before;
}
/// Statistics steer nothing, so nobody needs a turn here.
inline void count(std::uint64_t* counter, std::uint64_t amount) { *counter += amount; }

inline std::uint64_t load_acquire_system(const std::uint64_t* word) { return load_relaxed(word); }
inline void store_release_system(std::uint64_t* word, std::uint64_t value) {
    store_relaxed(word, value);
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

/// The lanes that the simulator let converge.
class Warp {
    using Place = std::source_location;

public:
    // Not inlined: lanes can run together only if they call this from the same instruction.
    __attribute__((noinline)) static Warp converge() {
        simt::Scheduler& scheduler = simt::Scheduler::current();
        if (scheduler.task().looked_optimistically) {
            scheduler.task().looked_optimistically = false;
            ++scheduler.exercise().optimistic_retries;
        }
        return Warp(scheduler.converge(__builtin_return_address(0)));
    }
    unsigned lane() const { return simt::Scheduler::current().task().lane; }
    std::uint32_t mask() const { return group_->mask; }
    // A collective's place is its line: a C++ compiler may make several calls out of one.
    std::uint32_t match(std::uint64_t key, Place place = Place::current()) const {
        return static_cast<std::uint32_t>(meet(simt::Collective::kMatch, place, key, 0));
    }
    std::uint32_t ballot(bool predicate, Place place = Place::current()) const {
        return static_cast<std::uint32_t>(meet(simt::Collective::kBallot, place, predicate, 0));
    }
    std::uint64_t shuffle(std::uint64_t value, unsigned lane,
                          Place place = Place::current()) const {
        return meet(simt::Collective::kShuffle, place, value, lane);
    }
    void sync(Place place = Place::current()) const { meet(simt::Collective::kSync, place, 0, 0); }

private:
    explicit Warp(simt::Group* group) : group_(group) {}
    std::uint64_t meet(simt::Collective collective, const Place& place, std::uint64_t value,
                       unsigned source) const {
        return simt::Scheduler::current().meet(group_, collective, place, value, source);
    }
    simt::Group* group_;
};

/// All lanes of the mask copy, word by word and each at its own pace.
inline void copy_page(const Warp& warp, std::byte* to, const std::byte* from, std::size_t bytes) {
    const std::uint32_t below = warp.mask() & ((1u << warp.lane()) - 1);
    const auto width = static_cast<std::size_t>(__builtin_popcount(warp.mask()));
    auto* target = reinterpret_cast<std::uint64_t*>(to);
    const auto* source = reinterpret_cast<const std::uint64_t*>(from);
    for (auto i = static_cast<std::size_t>(__builtin_popcount(below)); i < bytes / 8; i += width) {
        store_data(target + i, load_data(source + i));
    }
}

inline std::uint64_t now_us() {
    point();
    return simt::Scheduler::current().now_ns() / 1000;
}

/// Sleeps for a random while that grows with the attempts, some 10 us at most.
inline void pause(std::uint32_t attempt) {
    simt::Scheduler& scheduler = simt::Scheduler::current();
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
