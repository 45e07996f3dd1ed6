/// The version, as the compiler saw it (macros) and as the loaded library has it (function).
#pragma once

#include <string_view>

#include "gpuio/detail/export.hpp"

/// Version of these headers. The build refuses to go on if they differ from Cargo.toml.
#define GPUIO_VERSION_MAJOR 0
#define GPUIO_VERSION_MINOR 1
#define GPUIO_VERSION_PATCH 0

namespace gpuio {

/// Version of the library the program is running with, as "major.minor.patch". It can be newer
/// than the headers: within one minor version the shared library may be replaced.
/// The text lives as long as the library is loaded. Never fails, never blocks.
GPUIO_EXPORT std::string_view version() noexcept;

}  // namespace gpuio
