/// \file
/// Giving way.
#pragma once

#include <cstdint>

namespace gpuio::detail {

/// Gives the CPU to others for a while: some spins, then the rest of the time slice, then sleeps
/// that grow to 100 us.
/// \param attempt how often the caller has waited in vain
void back_off(std::uint32_t attempt);

}  // namespace gpuio::detail
