#include "common/session.hpp"

#include <gtest/gtest.h>

namespace examples {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

TEST(Session, BothTiersTogetherHoldAQuarterOfTheData) {
    for (const std::uint64_t data_bytes : {2 * kMiB, 100 * kMiB + 12345, 4096 * kMiB}) {
        const auto config = make_config({}, data_bytes, "host");
        const std::uint64_t cache_bytes = *config.l1_capacity_bytes + *config.l2_capacity_bytes;
        EXPECT_LE(cache_bytes, data_bytes / 4);
        EXPECT_GT(cache_bytes, data_bytes / 5);
        EXPECT_EQ(*config.l1_capacity_bytes % *config.page_bytes, 0U);
    }
}

TEST(Session, PagesGrowWithTheData) {
    EXPECT_EQ(default_page_bytes(0), 4096U);
    EXPECT_EQ(default_page_bytes(2 * kMiB), 4096U);
    EXPECT_EQ(default_page_bytes(16 * kMiB), 32768U);
    EXPECT_EQ(default_page_bytes(~std::uint64_t{0}), 65536U);
}

TEST(Session, TinyDataGetsTheSmallestCacheThereIs) {
    const auto config = make_config({}, 1, "host");
    EXPECT_EQ(*config.l1_capacity_bytes, 32U * 4096);
}

TEST(Session, OptionsAreTakenAsTheyAre) {
    const auto config =
        make_config({.l1_bytes = 3, .l2_bytes = 5, .page_bytes = 7}, 100 * kMiB, "cuda:0");
    EXPECT_EQ(*config.l1_capacity_bytes, 3U);
    EXPECT_EQ(*config.l2_capacity_bytes, 5U);
    EXPECT_EQ(*config.page_bytes, 7U);
    EXPECT_EQ(*config.device, "cuda:0");
}

TEST(Grid, GroupsNeverOutnumberHalfTheFrames) {
    for (const std::size_t width : {1U, 32U}) {
        for (const std::uint64_t frames : {1, 2, 15, 16, 17, 100, 4096, 1'000'000}) {
            const GridShape grid = choose_grid(frames, width);
            const std::uint64_t groups = grid.block_count * grid.threads_per_block / width;
            EXPECT_GE(groups, 1U);
            EXPECT_LE(groups, std::max<std::uint64_t>(frames / 2, 1));
            EXPECT_LE(grid.threads_per_block, 256U);
            EXPECT_EQ(grid.threads_per_block % width, 0U);
        }
    }
}

}  // namespace
}  // namespace examples
