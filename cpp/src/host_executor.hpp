/// \file
/// The threads of the host device.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "gpuio/device/layout.hpp"

namespace gpuio::detail {

class Grid;

/// Runs grids on CPU threads, one grid after the other, its blocks shared among the threads. Idle
/// threads sleep. Threads are started with the first launch.
class HostExecutor {
public:
    /// \param threads 0 is one a core
    explicit HostExecutor(unsigned threads);
    /// Waits for what was launched.
    ~HostExecutor();
    HostExecutor(const HostExecutor&) = delete;
    HostExecutor& operator=(const HostExecutor&) = delete;

    /// The cache whose pages kernels wait for: how full it is decides how many logical threads run
    /// side by side. It must outlive the executor.
    void watch(const device::Cache* cache) { cache_.store(cache, std::memory_order_release); }
    /// Queues a grid. Does not wait, unless `kMaxQueued` grids wait already.
    void launch(std::uint64_t blocks, std::uint64_t threads_per_block, std::function<void()> body);
    /// Waits until every grid has ended.
    void wait();
    /// What a kernel threw since the last call, if one did.
    std::exception_ptr take_exception();

private:
    /// A grid in the queue.
    struct Launch {
        std::shared_ptr<Grid> grid;
        std::uint64_t number = 0;          ///< of the launch, from 1
        std::uint64_t finished_blocks = 0;
    };
    static constexpr std::size_t kMaxQueued = 1024;

    void work(unsigned worker);
    std::shared_ptr<Grid> next_grid(std::uint64_t* last);
    void finish_blocks(std::uint64_t count);
    void start_threads();

    const unsigned thread_count_;
    std::atomic<const device::Cache*> cache_{nullptr};
    std::mutex mutex_;
    std::condition_variable work_;  ///< a grid came to the front, or the end
    std::condition_variable done_;  ///< a grid ended
    std::deque<Launch> launches_;
    std::uint64_t launched_ = 0;
    std::vector<std::thread> threads_;
    std::exception_ptr exception_;
    bool stopping_ = false;
};

}  // namespace gpuio::detail
