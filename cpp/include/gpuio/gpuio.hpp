/// \file
/// All of gpuio.
#pragma once

#include "gpuio/array.hpp"
#include "gpuio/config.hpp"
#include "gpuio/context.hpp"
#include "gpuio/device/array_ref.hpp"
#include "gpuio/device/macros.hpp"
#include "gpuio/device/pin.hpp"
#include "gpuio/device/thread.hpp"
#include "gpuio/device_info.hpp"
#include "gpuio/error.hpp"
#include "gpuio/figures.hpp"
#include "gpuio/launch.hpp"
#include "gpuio/region.hpp"
#include "gpuio/request.hpp"
#include "gpuio/stats.hpp"
#include "gpuio/stream.hpp"
#include "gpuio/version.hpp"
