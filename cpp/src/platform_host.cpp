#include "gpuio/device/platform_host.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>

namespace gpuio::platform {

void pause_waiting(std::uint32_t attempt) {
    constexpr std::uint32_t kSpins = 64;
    constexpr std::uint32_t kYields = 64;
    constexpr std::uint32_t kLongestNs = 100'000;
    if (attempt < kSpins + kYields) {
        sched_yield();
        return;
    }
    const std::uint32_t sleep_ns = std::min((attempt - kSpins - kYields + 1) * 1'000, kLongestNs);
    timespec time{0, static_cast<long>(sleep_ns)};
    nanosleep(&time, nullptr);
}

void wake_service(device::SharedControl* control) {
    const std::uint64_t one = 1;
    // A full counter means that it rings already; nothing else can fail.
    [[maybe_unused]] const ssize_t written =
        write(static_cast<int>(control->doorbell_fd), &one, sizeof one);
}

ThreadPosition& thread_position() {
    thread_local ThreadPosition position;
    return position;
}

}  // namespace gpuio::platform
