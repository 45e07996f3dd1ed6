/// \file
/// What devices there are.
#pragma once

#include <cstdint>
#include <string>

namespace gpuio {

/// Who makes a device: the specification's `gpuio_gpu_vendor_t`.
enum class Vendor : int { kHost = 0, kNvidia = 1, kAmd = 2 };

/// The specification's `gpuio_device_info_t`, with the device's own name.
struct DeviceInfo {
    int device_id = -1;  ///< CUDA ordinal; -1 for the host device
    Vendor vendor = Vendor::kHost;
    std::uint64_t total_memory = 0;  ///< bytes near the device
    int compute_capability_major = 0;
    int compute_capability_minor = 0;
    bool supports_gds = false;  ///< GPUDirect Storage
    bool supports_gdr = false;  ///< GPUDirect RDMA
    bool supports_cxl = false;  ///< CXL memory
    std::string name;
};

}  // namespace gpuio
