/// \file
/// Where a thread is in its grid.
#pragma once

#include <cstddef>

#include "gpuio/device/macros.hpp"
#include "gpuio/device/platform.hpp"

namespace gpuio {

/// The calling thread's number in the grid, from 0 to `thread_count() - 1`.
GPUIO_DEVICE inline std::size_t thread_index() { return platform::thread_index(); }

/// Threads in the grid: blocks times threads per block.
GPUIO_DEVICE inline std::size_t thread_count() { return platform::thread_count(); }

}  // namespace gpuio
