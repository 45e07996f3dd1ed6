#include "host_executor.hpp"

#include <atomic>
#include <utility>

#include "gpuio/device/platform_host.hpp"

namespace gpuio::detail {

struct HostExecutor::Grid {
    Grid(std::uint64_t block_count, std::uint64_t threads, std::function<void()> kernel)
        : blocks(block_count), threads_per_block(threads), body(std::move(kernel)) {}

    const std::uint64_t blocks;
    const std::uint64_t threads_per_block;
    const std::function<void()> body;
    std::atomic<std::uint64_t> next_block{0};
    std::uint64_t finished_blocks = 0;  ///< under the executor's mutex
};

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
    done_.wait(lock, [&] { return grids_.size() < kMaxQueued; });
    grids_.push_back(std::move(grid));
    if (grids_.size() == 1) work_.notify_all();
}

void HostExecutor::wait() {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return grids_.empty(); });
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
    std::unique_lock lock(mutex_);
    std::shared_ptr<Grid> last;
    for (;;) {
        // A grid whose blocks are all taken is no work, though it has not ended.
        work_.wait(lock, [&] { return stopping_ || (!grids_.empty() && grids_.front() != last); });
        if (stopping_) return;
        last = grids_.front();
        lock.unlock();
        run_blocks(*last, worker);
        lock.lock();
    }
}

void HostExecutor::run_blocks(Grid& grid, unsigned worker) {
    platform::ThreadPosition& position = platform::thread_position();
    position = {0, grid.blocks * grid.threads_per_block, worker};
    std::uint64_t ran = 0;
    std::exception_ptr thrown;
    for (;;) {
        const std::uint64_t block = grid.next_block.fetch_add(1, std::memory_order_relaxed);
        if (block >= grid.blocks) break;
        ++ran;
        if (thrown) continue;  // the grid has failed: its other blocks are passed over
        try {
            for (std::uint64_t thread = 0; thread < grid.threads_per_block; ++thread) {
                position.index = block * grid.threads_per_block + thread;
                grid.body();
            }
        } catch (...) {
            thrown = std::current_exception();
        }
    }
    position = {};

    std::lock_guard lock(mutex_);
    if (thrown && !exception_) exception_ = thrown;
    grid.finished_blocks += ran;
    if (ran == 0 || grid.finished_blocks < grid.blocks) return;
    grids_.pop_front();
    done_.notify_all();
    work_.notify_all();
}

}  // namespace gpuio::detail
