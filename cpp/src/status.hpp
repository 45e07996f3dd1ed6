/// \file
/// From the bridge's statuses to exceptions.
#pragma once

#include "gpuio-bindings/src/bridge.rs.h"

namespace gpuio::detail {

/// Throws what the status says, if it says anything.
void check(const bridge::Status& status);

}  // namespace gpuio::detail
