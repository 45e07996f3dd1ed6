/// \file
/// How the hit path calls a slow path.
#pragma once

#include "gpuio/device/macros.hpp"

namespace gpuio::device {

/// Calls a function of which the caller's loop should notice nothing as long as it is not called.
///
/// nvcc's assembler lets a function that it knows all callers of use every register, and keeps
/// what lives across the call in local memory: on every turn of a loop, whether it calls or not. A
/// function whose address is taken keeps to CUDA's calling convention instead: it saves half of
/// the registers itself, when it is called. The call stays a direct one, so that the size of the
/// stack is known (docs/decisions/0008).
template <auto function, class... Args>
GPUIO_DEVICE GPUIO_INLINE auto slow_call(Args... args) {
#if defined(__CUDA_ARCH__)
    asm volatile("" ::"l"(function));
#endif
    return function(args...);
}

}  // namespace gpuio::device
