#include "fiber_window.hpp"

#include <algorithm>

#include "gpuio/device/frames.hpp"

namespace gpuio::detail {

namespace {

bool in_use(const device::Cache& cache, std::uint32_t frame) {
    const std::uint64_t owner = platform::load_acquire(cache.frame_owners + frame);
    if (owner == device::kFrameFree) return false;
    if (owner == device::kFrameClaimed) return true;
    const std::uint64_t* table = cache.arrays[device::owner_array(owner)].table;
    const device::PageEntry entry{platform::load_acquire(table + device::owner_page(owner))};
    if (entry.frame() != frame) return false;
    const bool awaited = entry.state() == device::PageState::kOwned;
    return awaited || (entry.resident() && entry.pins() != 0);
}

}  // namespace

std::uint32_t frames_in_use(const device::Cache& cache) {
    std::uint32_t count = 0;
    for (std::uint32_t frame = 0; frame < cache.frame_count; ++frame) {
        if (in_use(cache, frame)) ++count;
    }
    return count;
}

FiberWindow::FiberWindow(const device::Cache* cache, unsigned workers, unsigned worker)
    : cache_(cache) {
    if (cache == nullptr) return;
    const std::size_t fibers = std::max(cache->frame_count / (2 * kSafeFramesEach), 1u);
    limit_ = std::min(fibers / workers + (worker < fibers % workers ? 1 : 0), kMost);
}

void FiberWindow::set_most(std::size_t count) {
    most_ = count;
    limit_ = std::min(limit_, count);
}

void FiberWindow::look() {
    waits_ = 0;
    most_in_use_ = std::max(most_in_use_, frames_in_use(*cache_));
    if (++looks_ < kWaitsBeforeGrowth) return;
    looks_ = 0;
    const std::size_t growth = cache_->frame_count / 2 / most_in_use_;
    limit_ = std::min(limit_ * std::clamp(growth, std::size_t{1}, kMostGrowth), most_);
}

}  // namespace gpuio::detail
