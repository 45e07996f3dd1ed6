#include "host_executor.hpp"

#include <algorithm>
#include <utility>

#include "fiber_scheduler.hpp"
#include "grid.hpp"

namespace gpuio::detail {

HostExecutor::HostExecutor(unsigned threads)
    : thread_count_(threads != 0 ? threads : std::max(1u, std::thread::hardware_concurrency())) {}

HostExecutor::~HostExecutor() {
    wait();
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    work_.notify_all();
    for (std::thread& thread : threads_) thread.join();
}

void HostExecutor::launch(std::uint64_t blocks, std::uint64_t threads_per_block,
                          std::function<void()> body) {
    auto grid = std::make_shared<Grid>(blocks, threads_per_block, std::move(body));
    std::unique_lock lock(mutex_);
    start_threads();
    done_.wait(lock, [&] { return launches_.size() < kMaxQueued; });
    launches_.push_back({std::move(grid), ++launched_});
    if (launches_.size() == 1) work_.notify_all();
}

void HostExecutor::wait() {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return launches_.empty(); });
}

std::exception_ptr HostExecutor::take_exception() {
    std::lock_guard lock(mutex_);
    return std::exchange(exception_, nullptr);
}

void HostExecutor::start_threads() {
    while (threads_.size() < thread_count_) {
        const auto worker = static_cast<unsigned>(threads_.size());
        threads_.emplace_back([this, worker] { work(worker); });
    }
}

void HostExecutor::work(unsigned worker) {
    FiberScheduler scheduler(worker);
    std::uint64_t last = 0;
    // The kernel's arguments are destroyed here, not under the mutex: they may do anything.
    while (std::shared_ptr<Grid> grid = next_grid(&last)) {
        const device::Cache* cache = cache_.load(std::memory_order_acquire);
        const FiberWindow window(cache, thread_count_, worker);
        if (window.limit() == 0) continue;  // the other workers run it
        const std::uint64_t blocks = scheduler.run(*grid, window);
        if (blocks != 0) finish_blocks(blocks);
    }
}

/// Waits for a grid other than the `last` one of the calling thread; null at the end.
std::shared_ptr<Grid> HostExecutor::next_grid(std::uint64_t* last) {
    std::unique_lock lock(mutex_);
    // A grid whose blocks are all taken is no work, though it has not ended.
    work_.wait(lock, [&] {
        return stopping_ || (!launches_.empty() && launches_.front().number != *last);
    });
    if (stopping_) return nullptr;
    *last = launches_.front().number;
    return launches_.front().grid;
}

/// Counts blocks of the grid in front, which has not ended before they have.
void HostExecutor::finish_blocks(std::uint64_t count) {
    std::lock_guard lock(mutex_);
    Launch& front = launches_.front();
    front.finished_blocks += count;
    if (front.finished_blocks < front.grid->blocks()) return;
    if (!exception_) exception_ = front.grid->thrown();
    launches_.pop_front();
    done_.notify_all();
    work_.notify_all();
}

}  // namespace gpuio::detail
