/// \file
/// Fibers: many stacks on one thread, switched by hand. A switch costs a few nanoseconds, which is
/// what lets a run of millions of scheduling points end within seconds.
#pragma once

#include <cstddef>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace simt {

/// A stack of its own, with a guard page below it.
class Stack {
public:
    Stack();
    ~Stack();
    Stack(const Stack&) = delete;
    Stack& operator=(const Stack&) = delete;

    void* bottom() const { return bottom_; }
    std::size_t bytes() const { return bytes_; }
    /// Forgets what a former fiber left here (AddressSanitizer keeps track of stack variables).
    void forget();

private:
    void* mapping_;
    void* bottom_;
    std::size_t bytes_;
};

/// A point of execution. Default-made, it stands for the thread itself.
class Fiber {
public:
    using Entry = void (*)();

    Fiber() = default;
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;

    /// Makes the fiber start in `entry` on `stack`. `entry` never returns: its last act is a
    /// switch. A fiber that was given up half-way may be prepared anew.
    void prepare(Stack& stack, Entry entry);

    /// Leaves `from`, which is what runs now, and goes on with `to`.
    static void switch_to(Fiber& from, Fiber& to);

    /// What an entry function calls first.
    static void entered();

private:
#if defined(__x86_64__)
    void* stack_pointer_ = nullptr;
#else
    ucontext_t context_{};
#endif
    const void* bottom_ = nullptr;  // for AddressSanitizer; of the thread's fiber, learnt later
    std::size_t bytes_ = 0;
    void* fake_stack_ = nullptr;
};

}  // namespace simt
