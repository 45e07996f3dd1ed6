/// \file
/// The few macros of gpuio: how a function is marked as device code or as a kernel.
///
/// One source serves two compilers. Under nvcc the marks are CUDA's; under a C++ compiler they
/// vanish, and the host device runs the same code on CPU threads.
#pragma once

#if defined(__CUDACC__)
/// Marks a kernel: a function that `gpuio::launch` starts on every thread of a grid. The bound is
/// what makes blocks of any size fit: without it a kernel takes as many registers as the slow path
/// of an access would like. A light kernel may gain from a tighter one (docs/performance.md, GPU):
/// `__global__ __launch_bounds__(1024, 2)` bounds a thread to 32 registers instead of 64.
#define GPUIO_KERNEL __global__ __launch_bounds__(1024)
/// Marks a function that kernels call.
#define GPUIO_DEVICE __device__
/// Marks a function that host code and kernels call.
#define GPUIO_HOST_DEVICE __host__ __device__
#else
#define GPUIO_KERNEL
#define GPUIO_DEVICE
#define GPUIO_HOST_DEVICE
#endif

/// Keeps the slow path out of line, so that the hit path stays small enough to inline.
#if defined(__CUDACC__)
#define GPUIO_NOINLINE __noinline__
#else
#define GPUIO_NOINLINE __attribute__((noinline))
#endif

/// A condition that holds once in thousands of times. Where it leads to a call, [[unlikely]] is not
/// enough: GCC takes that for one time in ten, and with it kept a loop's sum in memory, instead of
/// saving its register around the call (docs/performance.md).
#if defined(__CUDACC__)
#define GPUIO_RARELY(condition) (condition)
#else
#define GPUIO_RARELY(condition) __builtin_expect_with_probability((condition), 0, 0.9999)
#endif

/// A condition as likely as not, although what follows if it does not hold may return at once: then
/// GCC keeps both sides' values in registers.
#if defined(__CUDACC__)
#define GPUIO_EVENLY(condition) (condition)
#else
#define GPUIO_EVENLY(condition) __builtin_expect_with_probability((condition), 1, 0.5)
#endif

/// Inlines a function even where the compiler thinks its call rare. For those that get the address
/// of an object that is to stay in registers.
#if defined(__CUDACC__)
#define GPUIO_INLINE inline
#else
#define GPUIO_INLINE __attribute__((always_inline)) inline
#endif

/// Before a loop over what a kernel is to keep in registers.
#if defined(__CUDACC__)
#define GPUIO_UNROLL _Pragma("unroll")
#else
#define GPUIO_UNROLL
#endif

/// Before a loop over the words of an element: unrolled where they are few, because then they can
/// be in registers, and not where that would only make a large program.
#if defined(__CUDACC__)
#define GPUIO_UNROLL_WORDS _Pragma("unroll 8")
#else
#define GPUIO_UNROLL_WORDS
#endif
