#include "fiber.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define SIMT_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIMT_ADDRESS_SANITIZER 1
#endif
#endif
#if defined(SIMT_ADDRESS_SANITIZER)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace simt {

namespace {

#if defined(SIMT_ADDRESS_SANITIZER)
constexpr std::size_t kStackBytes = 512 << 10;
#else
constexpr std::size_t kStackBytes = 128 << 10;
#endif

Fiber* left;  // the fiber that the last switch left

}  // namespace

Stack::Stack() : bytes_(kStackBytes) {
    const auto guard = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    mapping_ = mmap(nullptr, guard + bytes_, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping_ == MAP_FAILED || mprotect(mapping_, guard, PROT_NONE) != 0) {
        std::perror("simt: cannot map a fiber's stack");
        std::abort();
    }
    bottom_ = static_cast<char*>(mapping_) + guard;
}

Stack::~Stack() {
    munmap(mapping_, bytes_ + (static_cast<char*>(bottom_) - static_cast<char*>(mapping_)));
}

void Stack::forget() {
#if defined(SIMT_ADDRESS_SANITIZER)
    __asan_unpoison_memory_region(bottom_, bytes_);
#endif
}

#if defined(__x86_64__)

// Keeps the registers that a called function must preserve; the compiler saves the rest around the
// call. The floating-point control words are never changed here, so they need no saving.
asm(R"(
.text
.type simt_switch_stacks, @function
simt_switch_stacks:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size simt_switch_stacks, .-simt_switch_stacks
)");
extern "C" void simt_switch_stacks(void** leave, void* enter);

void Fiber::prepare(Stack& stack, Entry entry) {
    bottom_ = stack.bottom();
    bytes_ = stack.bytes();
    fake_stack_ = nullptr;
    stack.forget();
    auto* top = reinterpret_cast<std::uintptr_t*>(static_cast<char*>(stack.bottom()) + bytes_);
    *--top = 0;  // `entry`'s return address; the ABI wants it 8 below a multiple of 16
    *--top = reinterpret_cast<std::uintptr_t>(entry);
    for (int saved = 0; saved < 6; ++saved) *--top = 0;
    stack_pointer_ = top;
}

#else

void Fiber::prepare(Stack& stack, Entry entry) {
    bottom_ = stack.bottom();
    bytes_ = stack.bytes();
    fake_stack_ = nullptr;
    stack.forget();
    getcontext(&context_);
    context_.uc_stack.ss_sp = stack.bottom();
    context_.uc_stack.ss_size = stack.bytes();
    context_.uc_link = nullptr;
    makecontext(&context_, entry, 0);
}

#endif

void Fiber::switch_to(Fiber& from, Fiber& to) {
    left = &from;
#if defined(SIMT_ADDRESS_SANITIZER)
    __sanitizer_start_switch_fiber(&from.fake_stack_, to.bottom_, to.bytes_);
#endif
#if defined(__x86_64__)
    simt_switch_stacks(&from.stack_pointer_, to.stack_pointer_);
#else
    swapcontext(&from.context_, &to.context_);
#endif
#if defined(SIMT_ADDRESS_SANITIZER)
    __sanitizer_finish_switch_fiber(from.fake_stack_, nullptr, nullptr);
#endif
}

void Fiber::entered() {
#if defined(SIMT_ADDRESS_SANITIZER)
    const void* bottom = nullptr;
    std::size_t bytes = 0;
    __sanitizer_finish_switch_fiber(nullptr, &bottom, &bytes);
    if (left->bottom_ == nullptr) {  // the thread's own fiber: now its stack is known
        left->bottom_ = bottom;
        left->bytes_ = bytes;
    }
#endif
}

}  // namespace simt
