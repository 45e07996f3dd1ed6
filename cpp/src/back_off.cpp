#include "back_off.hpp"

#include <sched.h>

#include <algorithm>
#include <ctime>

namespace gpuio::detail {

void back_off(std::uint32_t attempt) {
    constexpr std::uint32_t kSpins = 64;
    constexpr std::uint32_t kYields = 64;
    constexpr std::uint32_t kLongestNs = 100'000;
    if (attempt < kSpins) {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        asm volatile("yield");
#endif
        return;
    }
    if (attempt < kSpins + kYields) {
        sched_yield();
        return;
    }
    const std::uint32_t sleeps = std::min(attempt - kSpins - kYields + 1, kLongestNs / 1'000);
    const timespec time{0, static_cast<long>(sleeps * 1'000)};
    nanosleep(&time, nullptr);
}

}  // namespace gpuio::detail
