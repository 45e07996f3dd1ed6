#include "fiber_switch.hpp"

#include <cstdint>

namespace gpuio::detail {

#if defined(GPUIO_FIBER_UCONTEXT)

// Slower by a system call a switch: the signal mask, which is the same everywhere.
void prepare_context(SavedContext& made, std::byte* bottom, std::size_t bytes, void (*entry)()) {
    getcontext(&made.context);
    made.context.uc_stack.ss_sp = bottom;
    made.context.uc_stack.ss_size = bytes;
    made.context.uc_link = nullptr;
    makecontext(&made.context, entry, 0);
}

void switch_context(SavedContext& from, SavedContext& to) noexcept {
    swapcontext(&from.context, &to.context);
}

#else

extern "C" void gpuio_switch_stack(void** stack_pointer_left, void* stack_pointer_entered) noexcept;
extern "C" void gpuio_enter_stack() noexcept;

void switch_context(SavedContext& from, SavedContext& to) noexcept {
    gpuio_switch_stack(&from.stack_pointer, to.stack_pointer);
}

#if defined(__x86_64__)

// System V: rbx, rbp, r12 to r15, mxcsr and the x87 control word survive a call. Leaving by `ret`
// keeps the processor's return predictor right, because all fibers stop at the same call.
asm(R"(
.text
.p2align 4
.globl gpuio_switch_stack
.hidden gpuio_switch_stack
.type gpuio_switch_stack, @function
gpuio_switch_stack:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    subq $8, %rsp
    stmxcsr (%rsp)
    fnstcw 4(%rsp)
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    ldmxcsr (%rsp)
    fldcw 4(%rsp)
    addq $8, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size gpuio_switch_stack, .-gpuio_switch_stack

.globl gpuio_enter_stack
.hidden gpuio_enter_stack
.type gpuio_enter_stack, @function
gpuio_enter_stack:
    xorl %ebp, %ebp
    callq *%rbx
    ud2
.size gpuio_enter_stack, .-gpuio_enter_stack
)");

void prepare_context(SavedContext& made, std::byte* bottom, std::size_t bytes, void (*entry)()) {
    auto* words = reinterpret_cast<std::uint64_t*>(bottom + bytes);
    // The return address is popped, which leaves the stack aligned to 16 for the call of `entry`.
    *--words = 0;
    *--words = 0;
    *--words = reinterpret_cast<std::uintptr_t>(&gpuio_enter_stack);
    *--words = 0;                                        // rbp
    *--words = reinterpret_cast<std::uintptr_t>(entry);  // rbx
    for (int saved = 12; saved <= 15; ++saved) *--words = 0;
    --words;
    asm volatile("stmxcsr (%0)\n\tfnstcw 4(%0)" : : "r"(words) : "memory");
    made.stack_pointer = words;
}

#else

// AAPCS64: x19 to x29, the lower halves of v8 to v15, and fpcr survive a call; x30 is the return
// address.
asm(R"(
.text
.p2align 4
.globl gpuio_switch_stack
.hidden gpuio_switch_stack
.type gpuio_switch_stack, %function
gpuio_switch_stack:
    sub sp, sp, #176
    stp x19, x20, [sp]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mrs x9, fpcr
    str x9, [sp, #160]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldr x9, [sp, #160]
    msr fpcr, x9
    ldp x19, x20, [sp]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #176
    ret
.size gpuio_switch_stack, .-gpuio_switch_stack

.globl gpuio_enter_stack
.hidden gpuio_enter_stack
.type gpuio_enter_stack, %function
gpuio_enter_stack:
    mov x29, xzr
    mov x30, xzr
    blr x19
    brk #1
.size gpuio_enter_stack, .-gpuio_enter_stack
)");

void prepare_context(SavedContext& made, std::byte* bottom, std::size_t bytes, void (*entry)()) {
    constexpr std::size_t kSavedWords = 176 / 8;
    auto* words = reinterpret_cast<std::uint64_t*>(bottom + bytes) - kSavedWords;
    for (std::size_t word = 0; word < kSavedWords; ++word) words[word] = 0;
    words[0] = reinterpret_cast<std::uintptr_t>(entry);                // x19
    words[11] = reinterpret_cast<std::uintptr_t>(&gpuio_enter_stack);  // x30
    asm volatile("mrs %0, fpcr" : "=r"(words[20]));
    made.stack_pointer = words;
}

#endif
#endif

}  // namespace gpuio::detail
