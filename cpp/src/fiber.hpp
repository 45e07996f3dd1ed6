/// \file
/// A flow of control with a stack of its own, on one CPU thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "fiber_sanitizers.hpp"
#include "fiber_stack.hpp"
#include "fiber_switch.hpp"

namespace gpuio::detail {

/// A fiber never leaves the thread that made it. What C++ keeps a thread about exceptions is kept a
/// fiber instead, so that a kernel may wait for a page while it handles one; an exception itself
/// must be caught on the fiber that throws it.
class Fiber {
public:
    /// The calling thread itself, on the stack it has.
    Fiber();
    /// A fiber that calls `entry` when it is switched to for the first time. `entry` calls
    /// `arrive` first and never returns.
    /// \returns null if there is no memory for a stack
    static std::unique_ptr<Fiber> make(void (*entry)());
    ~Fiber();
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;

    /// Stops `from`, which is running, and goes on with `to`. Returns when `from` is switched to.
    static void switch_to(Fiber& from, Fiber& to) noexcept;
    /// Asks for the fiber's stack to be in the processor's cache soon. With thousands of fibers it
    /// no longer is when their turn comes.
    void prefetch() const;
    /// The first call of a fiber's entry.
    static void arrive(Fiber& here) noexcept;

    // The rest belongs to the scheduler, which keeps the fibers that wait in a ring.
    std::uint64_t thread_index = 0;  ///< of the logical thread that runs on the fiber
    Fiber* next = nullptr;
    Fiber* previous = nullptr;

private:
    explicit Fiber(FiberStack stack);

    /// The Itanium C++ ABI's `__cxa_eh_globals`.
    struct ExceptionState {
        void* caught = nullptr;
        unsigned uncaught_count = 0;
    };

    SavedContext context_;
    ExceptionState exceptions_;
    SanitizedStack sanitized_;
    std::optional<FiberStack> stack_;  ///< none: the thread's own
};

}  // namespace gpuio::detail
