#include "gpuio/device/platform_host.hpp"

#include <unistd.h>

#include "back_off.hpp"
#include "fiber_scheduler.hpp"

namespace gpuio::platform {

void pause(std::uint32_t attempt) {
    if (detail::FiberScheduler* scheduler = detail::FiberScheduler::current()) {
        scheduler->wait(attempt);
    } else {
        detail::back_off(attempt);
    }
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
