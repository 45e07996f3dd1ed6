// A gpuio context with a cache of chosen size, and the shape of the grids launched on it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <gpuio/gpuio.hpp>

#include "common/cli.hpp"

namespace examples {

/// How much cache a program gives its arrays.
struct CacheOptions {
    std::uint64_t l1_bytes = 0;  ///< device tier; 0 = an eighth of the data
    std::uint64_t l2_bytes = 0;  ///< host tier; 0 = an eighth of the data
    std::uint64_t page_bytes = 4096;
};

/// Adds --l1, --l2 and --page.
void add_cache_options(CLI::App& app, CacheOptions& options);

/// The configuration that these options mean for `data_bytes` of data: both tiers together hold a
/// quarter of it unless the options say otherwise, and page accesses are counted.
gpuio::Config make_config(const CacheOptions& options, std::uint64_t data_bytes);

inline double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Blocks and threads of every launch.
struct GridShape {
    unsigned block_count;
    unsigned threads_per_block;
};

/// A grid that fills the device, but with no more groups than pages can be held at a time: a group
/// holds up to two while it crosses a page boundary.
/// \param group_width threads that hold a page together
GridShape choose_grid(std::uint64_t frame_count, unsigned group_width);

/// Owns the context.
class Session {
public:
    Session(const CacheOptions& options, std::uint64_t data_bytes)
        : config_(make_config(options, data_bytes)), context_(config_) {}

    gpuio::Context& context() { return context_; }
    const gpuio::Config& config() const { return config_; }

    /// Groups of `group_width` threads in each launch.
    std::size_t group_count(std::size_t group_width) const {
        const GridShape grid = grid_for(group_width);
        return std::size_t{grid.block_count} * grid.threads_per_block / group_width;
    }

    /// Launches the kernel and waits for it. Throws gpuio::Error on any device-side failure.
    template <std::size_t group_width, typename Kernel, typename... Arguments>
    void run(Kernel kernel, Arguments... arguments) {
        const GridShape grid = grid_for(group_width);
        gpuio::launch(context_, grid.block_count, grid.threads_per_block, kernel, arguments...);
        context_.synchronize();
    }

private:
    GridShape grid_for(std::size_t group_width) const {
        return choose_grid(config_.l1_capacity_bytes / config_.page_bytes,
                           static_cast<unsigned>(group_width));
    }

    gpuio::Config config_;
    gpuio::Context context_;
};

}  // namespace examples
