/// \file
/// The platform of the host device: kernels are ordinary functions on CPU threads, a warp has one
/// lane, and memory near the device is ordinary memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>

#include "gpuio/detail/export.hpp"
#include "gpuio/device/layout.hpp"

namespace gpuio::platform {

/// Frames the CLOCK hand looks at before its caller gets a turn at other things.
inline constexpr std::uint32_t kMaxHandSteps = 1024;
inline constexpr std::uint32_t kLooksAtHostOneIn = 8;
inline constexpr bool kLanesRunInStep = false;
/// How `ArrayRef::gather` goes about it; and from how many elements on it pays to ask for all
/// first.
inline constexpr bool kGathersInSteps = false;
inline constexpr std::size_t kLeastPrefetched = 32;
inline void prefetch_line(const std::byte* line) { __builtin_prefetch(line); }

inline std::uint64_t load_relaxed(const std::uint64_t* word) {
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}
inline std::uint64_t load_acquire(const std::uint64_t* word) {
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}
inline void store_relaxed(std::uint64_t* word, std::uint64_t value) {
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}
inline void store_release(std::uint64_t* word, std::uint64_t value) {
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}
inline bool compare_exchange(std::uint64_t* word, std::uint64_t& expected, std::uint64_t desired) {
    return __atomic_compare_exchange_n(word, &expected, desired, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
}
inline std::uint64_t fetch_add(std::uint64_t* word, std::uint64_t value) {
    return __atomic_fetch_add(word, value, __ATOMIC_ACQ_REL);
}
inline std::uint64_t fetch_add_relaxed(std::uint64_t* word, std::uint64_t value) {
    return __atomic_fetch_add(word, value, __ATOMIC_RELAXED);
}
inline std::uint64_t fetch_add_acquire(std::uint64_t* word, std::uint64_t value) {
    return __atomic_fetch_add(word, value, __ATOMIC_ACQUIRE);
}
inline void add_release(std::uint64_t* word, std::uint64_t value) {
    __atomic_fetch_add(word, value, __ATOMIC_RELEASE);
}
inline void or_release(std::uint64_t* word, std::uint64_t value) {
    __atomic_fetch_or(word, value, __ATOMIC_RELEASE);
}
inline std::uint64_t fetch_or(std::uint64_t* word, std::uint64_t value) {
    return __atomic_fetch_or(word, value, __ATOMIC_ACQ_REL);
}
inline std::uint64_t fetch_and(std::uint64_t* word, std::uint64_t value) {
    return __atomic_fetch_and(word, value, __ATOMIC_ACQ_REL);
}
inline void count(std::uint64_t* counter, std::uint64_t amount) {
    __atomic_fetch_add(counter, amount, __ATOMIC_RELAXED);
}

// One coherent memory: system scope is the same scope.
// And an acquire costs nothing here that a relaxed load would save.
inline std::uint64_t load_relaxed_system(const std::uint64_t* word) { return load_acquire(word); }
inline void fence_acquire_system() {}
inline void store_release_system(std::uint64_t* word, std::uint64_t value) {
    store_release(word, value);
}
inline void store_pair_release_system(std::uint64_t* words, std::uint64_t first,
                                      std::uint64_t second) {
    store_release(words, first);
    store_release(words + 1, second);
}

#if defined(__SANITIZE_THREAD__)
#define GPUIO_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GPUIO_THREAD_SANITIZER 1
#endif
#endif

#if defined(GPUIO_THREAD_SANITIZER)
// ThreadSanitizer does not see fences; an acquiring load of anything gives it the same order.
inline void fence_acquire() {}
inline void fence_release() {}
inline void fence_acquire_release() {}
template <class Word>
inline Word load_data(const Word* word) {
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}
#else
inline void fence_acquire() { __atomic_thread_fence(__ATOMIC_ACQUIRE); }
inline void fence_release() { __atomic_thread_fence(__ATOMIC_RELEASE); }
inline void fence_acquire_release() { __atomic_thread_fence(__ATOMIC_ACQ_REL); }
template <class Word>
inline Word load_data(const Word* word) {
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}
#endif
inline std::uint64_t load_again_system(const std::uint64_t* word) {
    fence_acquire();
    return load_acquire(word);
}
/// Most words are marked already, and a look at one is cheaper than a store.
inline void mark(std::uint64_t* word) {
    if (load_relaxed(word) == 0) store_relaxed(word, 1);
}
template <class Word>
inline void store_data(Word* word, Word value) {
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

/// A page is copied in one piece: the CPU thread that draws it is as fast as several.
inline std::uint32_t copy_pieces(std::size_t) { return 1; }

/// Copies a page. Relaxed atomic words, because optimistic readers may be looking at the frame.
/// \param bytes a multiple of 64; both addresses are aligned to 8.
inline void copy_piece(std::byte* to, const std::byte* from, std::size_t bytes, std::uint32_t) {
    auto* target = reinterpret_cast<std::uint64_t*>(to);
    const auto* source = reinterpret_cast<const std::uint64_t*>(from);
    for (std::size_t i = 0; i < bytes / 8; i += 8) {
        for (std::size_t k = 0; k < 8; ++k) store_data(target + i + k, load_data(source + i + k));
    }
}

inline std::uint64_t now_us() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec) / 1'000;
}

/// Lets others run while a page is awaited: in a kernel the other logical threads of this CPU
/// thread; when all of them wait, and outside of kernels, other CPU threads, by spins first, then
/// the rest of the time slice, then sleeps up to 100 us. A small machine needs the sleeps, since
/// the service that is waited for wants the same core.
/// \param attempt 0 when a wait begins, then one more each time
GPUIO_EXPORT void pause(std::uint32_t attempt);

GPUIO_EXPORT void wake_service(device::SharedControl* control);
/// Wakes the host service if it sleeps. The fence pairs with the service's: either it sees the
/// fault before it sleeps, or this thread sees that it sleeps.
inline void ring_doorbell(device::SharedControl* control) {
#if defined(GPUIO_THREAD_SANITIZER)
    // Stands in for the fence, which ThreadSanitizer does not see.
    const bool sleeps = __atomic_fetch_add(&control->service_sleeping, 0, __ATOMIC_SEQ_CST) != 0;
#else
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    const bool sleeps = load_relaxed(&control->service_sleeping) != 0;
#endif
    if (sleeps) wake_service(control);
}

/// Where in the grid the logical thread is that the calling CPU thread runs. Changes when logical
/// threads take turns, so it must be asked anew after every access.
struct ThreadPosition {
    std::uint64_t index = 0;
    std::uint64_t count = 1;
    std::uint32_t shard = 0;
};
GPUIO_EXPORT ThreadPosition& thread_position();

inline std::uint32_t shard_hint() { return thread_position().shard; }
inline std::uint64_t thread_index() { return thread_position().index; }
inline std::uint64_t thread_count() { return thread_position().count; }

}  // namespace gpuio::platform
