/// \file
/// Leaving one stack and going on at another, machine by machine.
///
/// Saved are the registers that a called function must keep, and the floating-point control words
/// (a kernel may set its rounding mode). Everything else the compiler knows to be lost in a call.
#pragma once

#include <cstddef>

#if !defined(__x86_64__) && !defined(__aarch64__)
#define GPUIO_FIBER_UCONTEXT 1
#include <ucontext.h>
#endif

namespace gpuio::detail {

/// A flow of control that is not running. Where it stopped, everything else is on its stack.
struct SavedContext {
#if defined(GPUIO_FIBER_UCONTEXT)
    ucontext_t context{};
#else
    void* stack_pointer = nullptr;
#endif
};

/// Makes a context that calls `entry` on a stack of its own. `entry` must never return.
/// \param bottom the stack's lowest address, aligned to 16; the stack is not touched beyond 256
///   bytes at its other end
void prepare_context(SavedContext& made, std::byte* bottom, std::size_t bytes, void (*entry)());

/// Stops here, keeps in `from` what is needed to go on, and goes on at `to`. Returns when something
/// switches back to `from`.
void switch_context(SavedContext& from, SavedContext& to) noexcept;

}  // namespace gpuio::detail
