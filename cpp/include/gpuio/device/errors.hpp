/// \file
/// How a kernel reports a failure: it cannot throw, so the first failure is kept for the host, the
/// access yields `T{}`, and the kernel goes on. `Context::synchronize` throws what was kept.
#pragma once

#include <cstdint>

#include "gpuio/device/layout.hpp"
#include "gpuio/device/macros.hpp"
#include "gpuio/device/platform.hpp"

namespace gpuio::device {

/// The specification's codes, negated, that device code itself can produce.
enum class DeviceError : std::uint32_t {
    kGeneral = 1,
    kNoMemory = 2,
    kInvalidArgument = 3,
    kTimeout = 5,
    kBusy = 10,
};

/// Where an access failed.
struct AccessSite {
    std::uint64_t array;
    std::uint64_t page;
    std::uint64_t byte_offset;
};

/// Keeps the failure if it is the first since the host last asked, and counts it.
GPUIO_DEVICE inline void record_error(StickyError* error, std::uint32_t code,
                                      std::uint32_t os_error, const AccessSite& site) {
    platform::fetch_add(&error->count, 1);
    std::uint64_t nobody = 0;
    if (!platform::compare_exchange(&error->state, nobody, 1)) return;
    platform::store_relaxed(&error->code, code);
    platform::store_relaxed(&error->os_error, os_error);
    platform::store_relaxed(&error->array, site.array);
    platform::store_relaxed(&error->page, site.page);
    platform::store_relaxed(&error->byte_offset, site.byte_offset);
    platform::store_release(&error->state, 2);
}

}  // namespace gpuio::device
