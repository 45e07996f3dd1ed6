#include "common/session.hpp"

#include <algorithm>
#include <thread>

namespace examples {
namespace {

// What gpuio asks for at least in L1.
constexpr std::uint64_t kLeastFrameCount = 32;

/// An eighth of the data, in whole pages.
std::uint64_t default_tier_bytes(std::uint64_t data_bytes, std::uint64_t page_bytes) {
    return std::max(data_bytes / 8 / page_bytes, kLeastFrameCount) * page_bytes;
}

}  // namespace

std::uint64_t default_page_bytes(std::uint64_t data_bytes) {
    constexpr std::uint64_t kSmallest = 4096;
    constexpr std::uint64_t kLargest = 65536;
    const std::uint64_t tier_bytes = data_bytes / 8;
    std::uint64_t page_bytes = kLargest;
    while (page_bytes > kSmallest && tier_bytes / page_bytes < 2 * kLeastFrameCount) {
        page_bytes /= 2;
    }
    return page_bytes;
}

void add_cache_options(CLI::App& app, CacheOptions& options) {
    const std::string help = "; 0 = an eighth of the data";
    add_size_option(app, "--l1", options.l1_bytes, "cache in device memory" + help);
    add_size_option(app, "--l2", options.l2_bytes, "cache in host memory" + help);
    add_size_option(app, "--page", options.page_bytes,
                    "page, a power of two; 0 = by the data's size, 4 to 64 KiB");
}

gpuio::Config make_config(const CacheOptions& options, std::uint64_t data_bytes,
                          const char* device) {
    const std::uint64_t page_bytes =
        options.page_bytes != 0 ? options.page_bytes : default_page_bytes(data_bytes);
    const std::uint64_t tier_bytes = default_tier_bytes(data_bytes, page_bytes);
    gpuio::Config config;
    config.device = device;
    config.flags = gpuio::kFlagCountHits;
    config.page_bytes = page_bytes;
    config.l1_capacity_bytes = options.l1_bytes != 0 ? options.l1_bytes : tier_bytes;
    config.l2_capacity_bytes = options.l2_bytes != 0 ? options.l2_bytes : tier_bytes;
    return config;
}

GridShape choose_grid(std::uint64_t frame_count, std::size_t group_width) {
    const std::uint64_t most_groups = std::max<std::uint64_t>(frame_count / 2, 1);
    if (group_width == 1) {
        const std::uint64_t cores = std::max(1U, std::thread::hardware_concurrency());
        return {std::min(cores, most_groups), 1};
    }
    // Eight warps a block; more than a thousand blocks fill every GPU of today several times over.
    constexpr std::uint64_t kGroupsPerBlock = 8;
    constexpr std::uint64_t kMostBlocks = 1024;
    const auto blocks = std::clamp<std::uint64_t>(most_groups / kGroupsPerBlock, 1, kMostBlocks);
    return {blocks, std::min(most_groups, kGroupsPerBlock) * group_width};
}

}  // namespace examples
