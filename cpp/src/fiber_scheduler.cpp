#include "fiber_scheduler.hpp"

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

#include "back_off.hpp"

namespace gpuio::detail {

namespace {

thread_local FiberScheduler* current_scheduler = nullptr;

}  // namespace

FiberScheduler* FiberScheduler::current() { return current_scheduler; }

FiberScheduler::FiberScheduler(std::uint32_t shard)
    : position_(platform::thread_position()), window_(nullptr, 1, 0) {
    position_.shard = shard;
}

FiberScheduler::~FiberScheduler() = default;

std::uint64_t FiberScheduler::run(Grid& grid, FiberWindow window) {
    grid_ = &grid;
    window_ = window;
    next_thread_ = end_thread_ = blocks_taken_ = 0;
    found_waiting_ = idle_attempts_ = 0;
    position_.count = grid.threads();
    running_ = &thread_;
    if (Fiber* first = begin_fiber()) {
        current_scheduler = this;
        Fiber::switch_to(thread_, *first);
        current_scheduler = nullptr;
    } else {
        run_threads();  // no memory for a single stack: one after the other on this thread's own
    }
    position_.index = 0;
    position_.count = 1;
    return blocks_taken_;
}

void FiberScheduler::fiber_main() {
    FiberScheduler& self = *current_scheduler;
    Fiber::arrive(*self.running_);
    for (;;) {
        self.run_threads();
        self.retire();
    }
}

void FiberScheduler::run_threads() {
    std::uint64_t index = 0;
    while (take_thread(&index)) {
        position_.index = index;
        running_->thread_index = index;
        try {
            grid_->call();
        } catch (...) {
            grid_->fail(std::current_exception());
        }
        found_waiting_ = idle_attempts_ = 0;
    }
}

bool FiberScheduler::has_thread() const {
    return !grid_->failed() && (next_thread_ != end_thread_ || !grid_->exhausted());
}

bool FiberScheduler::take_thread(std::uint64_t* index) {
    if (grid_->failed()) {
        next_thread_ = end_thread_;
        blocks_taken_ += grid_->take_rest();
        return false;
    }
    if (next_thread_ == end_thread_) {
        std::uint64_t block = 0;
        if (!grid_->take_block(&block)) return false;
        ++blocks_taken_;
        next_thread_ = block * grid_->threads_per_block();
        end_thread_ = next_thread_ + grid_->threads_per_block();
    }
    *index = next_thread_++;
    return true;
}

/// A fiber without a logical thread; null if none can be had.
Fiber* FiberScheduler::idle_fiber() {
    if (idle_ != nullptr) return std::exchange(idle_, idle_->next);
    std::unique_ptr<Fiber> made = Fiber::make(&FiberScheduler::fiber_main);
    if (!made) return nullptr;
    try {
        fibers_.push_back(std::move(made));
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
    return fibers_.back().get();
}

/// Puts a fiber into the ring, behind the one that runs, and makes it the running one.
Fiber* FiberScheduler::begin_fiber() {
    Fiber* fiber = idle_fiber();
    if (fiber == nullptr) {
        window_.set_most(alive_);
        return nullptr;
    }
    if (alive_ == 0) {
        fiber->next = fiber->previous = fiber;
    } else {
        fiber->previous = running_;
        fiber->next = running_->next;
        fiber->next->previous = fiber;
        running_->next = fiber;
    }
    ++alive_;
    running_ = fiber;
    return fiber;
}

void FiberScheduler::wait(std::uint32_t attempt) {
    note_wait(attempt);
    Fiber* from = running_;
    if (alive_ >= window_.limit() || !has_thread() || begin_fiber() == nullptr) {
        running_ = from->next;
    }
    if (running_ == from) return;
    running_->next->prefetch();
    Fiber::switch_to(*from, *running_);
    position_.index = from->thread_index;
}

void FiberScheduler::note_wait(std::uint32_t attempt) {
    if (attempt == 0) {
        found_waiting_ = idle_attempts_ = 0;
        window_.wait_began();
        return;
    }
    if (++found_waiting_ < alive_) return;
    // A round of many fibers takes as long as many spins: the sleeps come the earlier.
    constexpr std::size_t kMostAttemptsARound = 64;
    back_off(idle_attempts_);
    idle_attempts_ += static_cast<std::uint32_t>(std::min(alive_, kMostAttemptsARound));
    found_waiting_ = 0;
}

/// Leaves the ring and goes on with the next fiber in it, or with the CPU thread when it was the
/// last. Returns when the fiber is needed again.
void FiberScheduler::retire() {
    Fiber* self = running_;
    running_ = --alive_ == 0 ? &thread_ : self->next;
    self->next->previous = self->previous;
    self->previous->next = self->next;
    self->next = std::exchange(idle_, self);
    Fiber::switch_to(*self, *running_);
}

}  // namespace gpuio::detail
