/// \file
/// The threads of the host device.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace gpuio::detail {

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

    /// Queues a grid. Does not wait, unless `kMaxQueued` grids wait already.
    void launch(std::uint64_t blocks, std::uint64_t threads_per_block, std::function<void()> body);
    /// Waits until every grid has ended.
    void wait();
    /// What a kernel threw since the last call, if one did.
    std::exception_ptr take_exception();

private:
    struct Grid;
    static constexpr std::size_t kMaxQueued = 1024;

    void work(unsigned worker);
    void run_blocks(Grid& grid, unsigned worker);
    void start_threads();

    const unsigned thread_count_;
    std::mutex mutex_;
    std::condition_variable work_;  ///< a grid came to the front, or the end
    std::condition_variable done_;  ///< a grid ended
    std::deque<std::shared_ptr<Grid>> grids_;
    std::vector<std::thread> threads_;
    std::exception_ptr exception_;
    bool stopping_ = false;
};

}  // namespace gpuio::detail
