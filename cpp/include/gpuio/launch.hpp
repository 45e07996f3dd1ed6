/// \file
/// Starting kernels.
#pragma once

#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

#include "gpuio/context.hpp"
#include "gpuio/detail/state.hpp"
#include "gpuio/device/macros.hpp"

namespace gpuio {

#if defined(__CUDACC__)
namespace detail {

/// Makes a GPU the calling thread's current one, to which alone CUDA loads and launches; then the
/// one before it again.
class CurrentDevice {
public:
    explicit CurrentDevice(int device) {
        status_ = cudaGetDevice(&before_);
        if (status_ != cudaSuccess || before_ == device) return;
        status_ = cudaSetDevice(device);
        changed_ = status_ == cudaSuccess;
    }
    ~CurrentDevice() {
        if (changed_) cudaSetDevice(before_);
    }
    CurrentDevice(const CurrentDevice&) = delete;
    CurrentDevice& operator=(const CurrentDevice&) = delete;
    cudaError_t status() const { return status_; }

private:
    int before_ = 0;
    bool changed_ = false;
    cudaError_t status_;
};

/// Makes CUDA load a kernel now. Returns a cudaError_t.
inline int load_kernel(const void* kernel) {
    cudaFuncAttributes attributes;
    return cudaFuncGetAttributes(&attributes, kernel);
}

}  // namespace detail
#endif

// A program may have files of both compilers: what each makes of `launch` has a name of its own, or
// the linker would take one of them for both.
#if defined(__CUDACC__)
inline namespace by_nvcc {
#else
inline namespace by_cxx {
#endif

/// Starts `kernel(args...)` on `blocks * threads_per_block` threads: on the GPU where the context
/// has one, else on CPU threads. Does not wait, unless another thread is in a call that looks at
/// the context's data (`synchronize`; `flush`, `read`, `write` of an array); kernels of one context
/// run one after the other, in the order of their launches. `Context::synchronize` waits and
/// reports. The thread's current CUDA device does not matter, and stays. On a GPU the first launch
/// of each kernel waits for all kernels that `launch` has started: CUDA cannot safely load one
/// beside kernels that wait for pages. Kernels that a program starts by other means should be
/// loaded early (CUDA_MODULE_LOADING=EAGER, or cudaFuncGetAttributes).
///
/// A file compiled by a C++ compiler can launch on the host device, one compiled by nvcc on a GPU:
/// nvcc keeps no host version of a kernel's body. A program for machines with a GPU and without has
/// its kernels in a header, in an unnamed namespace, which a file of each kind includes, and asks
/// `Context::on_gpu` which of the two to call (README, tests/consumer/both_devices).
///
/// \param kernel a function marked GPUIO_KERNEL
/// \param args converted to the kernel's parameters and copied; arrays by `ref()`. What they refer
///   to must live until the kernel has ended.
/// \throws Error kUnsupported if the compiler and the context's device do not fit together,
///   kInvalidArgument for an empty or too large grid, kGeneral if CUDA refuses the launch.
template <class... Params, class... Args>
void launch(const Context& context, std::uint64_t blocks, std::uint64_t threads_per_block,
            void (*kernel)(Params...), Args&&... args) {
    static_assert(sizeof...(Params) == sizeof...(Args),
                  "gpuio::launch: as many arguments as the kernel has parameters");
    detail::ContextState& state = *context.state();
    // A grid's threads are counted in 64 bits; CUDA's own limits are lower.
    if (blocks == 0 || threads_per_block == 0 || blocks > 0x7fffffff || threads_per_block > 1024) {
        detail::throw_bad_grid(blocks, threads_per_block);
    }
#if defined(__CUDACC__)
    if (!context.on_gpu()) detail::throw_wrong_compiler(false);
    const detail::CurrentDevice current(state.device().device_id);
    if (current.status() != cudaSuccess) {
        detail::throw_cuda_error("choose the context's GPU", cudaGetErrorString(current.status()));
    }
    const int loaded =
        state.prepare_kernel(reinterpret_cast<const void*>(kernel), &detail::load_kernel);
    if (loaded != cudaSuccess) {
        detail::throw_cuda_error("load a kernel",
                                 cudaGetErrorString(static_cast<cudaError_t>(loaded)));
    }
    const auto admitted = state.admit_launch();
    kernel<<<static_cast<unsigned>(blocks), static_cast<unsigned>(threads_per_block), 0,
             static_cast<cudaStream_t>(state.stream())>>>(Params(std::forward<Args>(args))...);
    const cudaError_t status = cudaGetLastError();
    if (status != cudaSuccess) {
        detail::throw_cuda_error("launch a kernel", cudaGetErrorString(status));
    }
    state.note_launch();
#else
    const auto admitted = state.admit_launch();
    if (context.on_gpu()) detail::throw_wrong_compiler(true);
    state.launch_on_host(
        blocks, threads_per_block,
        [kernel, held = std::tuple<std::decay_t<Params>...>(std::forward<Args>(args)...)] {
            std::apply(kernel, held);
        });
#endif
}

}  // inline namespace

}  // namespace gpuio
