#include "fiber.hpp"

#include <cxxabi.h>

#include <new>
#include <utility>

namespace gpuio::detail {

namespace {

/// Who was left by the switch that is under way.
thread_local Fiber* left = nullptr;

}  // namespace

Fiber::Fiber() { sanitized_.adopt_thread(); }

Fiber::Fiber(FiberStack stack) : stack_(std::move(stack)) {
    sanitized_.create(stack_->bottom(), stack_->bytes());
}

std::unique_ptr<Fiber> Fiber::make(void (*entry)()) {
    std::optional<FiberStack> stack = FiberStack::map();
    if (!stack) return nullptr;
    std::unique_ptr<Fiber> fiber(new (std::nothrow) Fiber(std::move(*stack)));
    if (!fiber) return nullptr;
    prepare_context(fiber->context_, fiber->stack_->bottom(), fiber->stack_->bytes(), entry);
    return fiber;
}

Fiber::~Fiber() {
    if (stack_) sanitized_.destroy();
}

void Fiber::switch_to(Fiber& from, Fiber& to) noexcept {
    void* exceptions = abi::__cxa_get_globals();
    from.exceptions_ = *static_cast<ExceptionState*>(exceptions);
    *static_cast<ExceptionState*>(exceptions) = to.exceptions_;
    left = &from;
    sanitizers_leave(from.sanitized_, to.sanitized_);
    switch_context(from.context_, to.context_);
    arrive(from);
}

void Fiber::prefetch() const {
#if !defined(GPUIO_FIBER_UCONTEXT)
    // What a wait leaves on the stack, from the registers to the fault's state.
    constexpr std::size_t kLines = 10;
    const auto* stack = static_cast<const std::byte*>(context_.stack_pointer);
    for (std::size_t line = 0; line < kLines; ++line) __builtin_prefetch(stack + 64 * line, 1);
#endif
}

void Fiber::arrive(Fiber& here) noexcept { sanitizers_arrive(here.sanitized_, left->sanitized_); }

}  // namespace gpuio::detail
