/// \file
/// One CPU thread's share of a grid: many logical threads side by side.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "fiber.hpp"
#include "fiber_window.hpp"
#include "gpuio/device/layout.hpp"
#include "gpuio/device/platform_host.hpp"
#include "grid.hpp"

namespace gpuio::detail {

/// Runs logical threads on fibers, and switches where one waits for a page. A fiber whose thread
/// ends without waiting goes on with the next thread, so a kernel that never waits costs a call a
/// thread, on one fiber. A fiber that waits lets another begin, until the window is full; then
/// they take turns. Only when all have been found waiting does the CPU thread give way.
///
/// Made and used on one CPU thread. Keeps its fibers, for the next grid.
class FiberScheduler {
public:
    /// \param shard the number of the worker
    explicit FiberScheduler(std::uint32_t shard);
    ~FiberScheduler();
    FiberScheduler(const FiberScheduler&) = delete;
    FiberScheduler& operator=(const FiberScheduler&) = delete;

    /// Runs logical threads of the grid until none is left to take and those taken have ended.
    /// \returns how many blocks were taken
    std::uint64_t run(Grid& grid, FiberWindow window);

    /// The scheduler on whose fiber the caller runs; null outside of kernels.
    static FiberScheduler* current();

    /// A logical thread found that its page is not there yet.
    /// \param attempt 0 when it begins to wait, then one more each time
    void wait(std::uint32_t attempt);

private:
    static void fiber_main();

    void run_threads();
    bool take_thread(std::uint64_t* index);
    bool has_thread() const;
    Fiber* idle_fiber();
    Fiber* begin_fiber();
    void retire();
    void note_wait(std::uint32_t attempt);

    platform::ThreadPosition& position_;
    Fiber thread_;                               ///< the CPU thread's own stack
    std::vector<std::unique_ptr<Fiber>> fibers_;
    Fiber* idle_ = nullptr;                      ///< a list by `next`
    Fiber* running_ = nullptr;                   ///< in the ring of those alive
    std::size_t alive_ = 0;

    Grid* grid_ = nullptr;
    FiberWindow window_;
    std::uint64_t next_thread_ = 0;              ///< of the block at hand
    std::uint64_t end_thread_ = 0;
    std::uint64_t blocks_taken_ = 0;

    std::size_t found_waiting_ = 0;              ///< fibers in a row
    std::uint32_t idle_attempts_ = 0;            ///< how long nobody has got on
};

}  // namespace gpuio::detail
