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
    std::uint64_t page_bytes =
        0;  ///< 0 = as large as leaves each tier enough pages, at most 64 KiB
};

/// Adds --l1, --l2 and --page.
void add_cache_options(CLI::App& app, CacheOptions& options);

/// The page that `CacheOptions::page_bytes` 0 means: a power of two, 4 to 64 KiB.
std::uint64_t default_page_bytes(std::uint64_t data_bytes);

/// The configuration that these options mean for `data_bytes` of data: both tiers together hold a
/// quarter of it unless the options say otherwise, and page accesses are counted.
/// \param device as gpuio::Config::device
gpuio::Config make_config(const CacheOptions& options, std::uint64_t data_bytes,
                          const char* device);

inline double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Blocks and threads of every launch.
struct GridShape {
    std::uint64_t block_count;
    std::uint64_t threads_per_block;
};

/// A grid that fills the device, but with no more groups than pages can be held at a time: a group
/// holds up to two while it crosses a page boundary.
/// \param group_width threads that hold a page together
GridShape choose_grid(std::uint64_t frame_count, std::size_t group_width);

/// Owns the context and launches on it. `group_width` and `device` are those of the compilation
/// that holds the kernels: kGroupWidth and kDevice.
class Session {
public:
    Session(const CacheOptions& options, std::uint64_t data_bytes, std::size_t group_width,
            const char* device)
        : config_(make_config(options, data_bytes, device)),
          context_(config_),
          group_width_(group_width),
          grid_(choose_grid(*config_.l1_capacity_bytes / *config_.page_bytes, group_width)) {}

    const gpuio::Context& context() const { return context_; }

    /// Bytes of both tiers together.
    std::uint64_t cache_bytes() const {
        return *config_.l1_capacity_bytes + *config_.l2_capacity_bytes;
    }
    /// Groups of threads in each launch.
    std::size_t group_count() const {
        return grid_.block_count * grid_.threads_per_block / group_width_;
    }

    /// Launches the kernel and waits for it. Throws gpuio::Error on any device-side failure.
    template <typename... Parameters, typename... Arguments>
    void run(void (*kernel)(Parameters...), const Arguments&... arguments) {
        gpuio::launch(context_, grid_.block_count, grid_.threads_per_block, kernel, arguments...);
        context_.synchronize();
    }

private:
    gpuio::Config config_;
    gpuio::Context context_;
    std::size_t group_width_;
    GridShape grid_;
};

}  // namespace examples
