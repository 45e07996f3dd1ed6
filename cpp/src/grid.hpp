/// \file
/// A launch on the host device.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <utility>

namespace gpuio::detail {

/// Blocks of logical threads. Workers take block after block, in order.
class Grid {
public:
    Grid(std::uint64_t block_count, std::uint64_t block_threads, std::function<void()> kernel)
        : blocks_(block_count), threads_per_block_(block_threads), body_(std::move(kernel)) {}

    std::uint64_t blocks() const { return blocks_; }
    std::uint64_t threads_per_block() const { return threads_per_block_; }
    std::uint64_t threads() const { return blocks_ * threads_per_block_; }

    /// Whether no block is left to take. Once true it stays so.
    bool exhausted() const { return next_block_.load(std::memory_order_relaxed) >= blocks_; }
    /// Takes the next block.
    bool take_block(std::uint64_t* block) {
        *block = next_block_.fetch_add(1, std::memory_order_relaxed);
        return *block < blocks_;
    }
    /// Takes all that are left, and tells how many those are.
    std::uint64_t take_rest() {
        const std::uint64_t next = next_block_.exchange(blocks_, std::memory_order_relaxed);
        return next < blocks_ ? blocks_ - next : 0;
    }
    /// Calls the kernel for one logical thread.
    void call() const { body_(); }

    /// Whether a logical thread threw: those that have not begun are passed over.
    bool failed() const { return failed_.load(std::memory_order_relaxed); }
    /// Keeps the first exception of the grid.
    void fail(std::exception_ptr thrown) {
        std::lock_guard lock(mutex_);
        if (!thrown_) thrown_ = std::move(thrown);
        failed_.store(true, std::memory_order_relaxed);
    }
    /// What was thrown, if anything was. Asked when the grid has ended.
    std::exception_ptr thrown() {
        std::lock_guard lock(mutex_);
        return thrown_;
    }

private:
    const std::uint64_t blocks_;
    const std::uint64_t threads_per_block_;
    const std::function<void()> body_;
    std::atomic<std::uint64_t> next_block_{0};
    std::atomic<bool> failed_{false};
    std::mutex mutex_;
    std::exception_ptr thrown_;
};

}  // namespace gpuio::detail
