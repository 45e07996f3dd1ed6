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
    // One of those who push while the service wakes up is enough to ring.
    if (__atomic_exchange_n(&control->service_sleeping, 0, __ATOMIC_ACQ_REL) == 0) return;
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
