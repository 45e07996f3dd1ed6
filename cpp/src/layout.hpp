/// \file
/// The layout of the structures that device code and Rust share, as the C++ compiler sees it.
#pragma once

#include <cstdint>

#include "rust/cxx.h"

namespace gpuio::bridge {

/// Size of each structure, and the offset of each of its fields, in the order of layout.hpp. A test
/// of the bridge compares them with Rust's.
rust::Vec<std::uint64_t> device_layout();

}  // namespace gpuio::bridge
