/// \file
/// What AddressSanitizer and ThreadSanitizer must be told of fibers. Empty without them.
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define GPUIO_FIBER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GPUIO_FIBER_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define GPUIO_FIBER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GPUIO_FIBER_TSAN 1
#endif
#endif

#if defined(GPUIO_FIBER_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(GPUIO_FIBER_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

namespace gpuio::detail {

/// A sanitizer's idea of one stack.
struct SanitizedStack {
    const void* bottom = nullptr;
    std::size_t bytes = 0;
    void* fake_stack = nullptr;  ///< AddressSanitizer's, while another stack runs
    void* thread = nullptr;      ///< ThreadSanitizer's

    /// For a new fiber's stack.
    void create([[maybe_unused]] std::byte* lowest, [[maybe_unused]] std::size_t length) {
        bottom = lowest;
        bytes = length;
#if defined(GPUIO_FIBER_TSAN)
        thread = __tsan_create_fiber(0);
#endif
    }
    /// For the stack that the calling thread was started with. Its bounds come to light when it is
    /// left for the first time.
    void adopt_thread() {
#if defined(GPUIO_FIBER_TSAN)
        thread = __tsan_get_current_fiber();
#endif
    }
    /// Before the fiber's memory goes back to the system. It is not running and never will.
    void destroy() {
#if defined(GPUIO_FIBER_ASAN)
        // Frames that were never returned from left their red zones poisoned.
        __asan_unpoison_memory_region(bottom, bytes);
#endif
#if defined(GPUIO_FIBER_TSAN)
        __tsan_destroy_fiber(thread);
#endif
    }
};

/// Right before the stacks are switched.
inline void sanitizers_leave([[maybe_unused]] SanitizedStack& from,
                             [[maybe_unused]] SanitizedStack& to) {
#if defined(GPUIO_FIBER_ASAN)
    __sanitizer_start_switch_fiber(&from.fake_stack, to.bottom, to.bytes);
#endif
#if defined(GPUIO_FIBER_TSAN)
    __tsan_switch_to_fiber(to.thread, 0);
#endif
}

/// Right after: the code of `here` runs again, or for the first time, and `left` stopped.
inline void sanitizers_arrive([[maybe_unused]] SanitizedStack& here,
                              [[maybe_unused]] SanitizedStack& left) {
#if defined(GPUIO_FIBER_ASAN)
    __sanitizer_finish_switch_fiber(here.fake_stack, &left.bottom, &left.bytes);
#endif
}

}  // namespace gpuio::detail
