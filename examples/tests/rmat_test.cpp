#include "rmat_csr/rmat.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "common/csr_file.hpp"
#include "tests/support.hpp"

namespace examples {
namespace {

std::string content_of(const std::filesystem::path& path) {
    const auto file = File::open(path);
    std::string content(file.size_bytes(), '\0');
    file.read_at(std::as_writable_bytes(std::span(content)), 0);
    return content;
}

TEST(Rmat, FileHoldsExactlyTheGeneratedEdges) {
    const TemporaryFolder folder;
    const RmatConfig config{.scale = 8, .edge_factor = 5, .seed = 3, .directed = true};
    write_rmat(folder.path() / "g", config, {});

    std::vector<std::vector<std::uint32_t>> rows(config.vertex_count());
    for (std::uint64_t number = 0; number < config.generated_edge_count(); ++number) {
        const Edge edge = rmat_edge(config, number);
        rows.at(edge.source).push_back(edge.target);
    }
    std::vector<std::uint64_t> offsets = {0};
    std::vector<std::uint32_t> neighbours;
    for (auto& row : rows) {
        std::ranges::sort(row);
        neighbours.insert(neighbours.end(), row.begin(), row.end());
        offsets.push_back(neighbours.size());
    }
    const auto file = File::open(folder.path() / "g");
    const auto header = read_csr_header(file);
    EXPECT_EQ(header.types_position, 0U);
    EXPECT_EQ(read_csr_offsets(file, header), offsets);
    EXPECT_EQ(read_csr_neighbours(file, header), neighbours);
}

TEST(Rmat, UndirectedGraphsAreSymmetric) {
    const TemporaryFolder folder;
    const RmatConfig config{.scale = 6, .edge_factor = 4};
    write_rmat(folder.path() / "g", config, {});
    const auto file = File::open(folder.path() / "g");
    const auto header = read_csr_header(file);
    EXPECT_EQ(header.edge_count, config.generated_edge_count() * 2);
    const auto offsets = read_csr_offsets(file, header);
    const auto neighbours = read_csr_neighbours(file, header);
    std::map<std::pair<std::uint64_t, std::uint64_t>, int> balance;
    for (std::uint64_t v = 0; v < header.vertex_count; ++v) {
        for (std::uint64_t e = offsets[v]; e < offsets[v + 1]; ++e) {
            ++balance[{v, neighbours[e]}];
            --balance[{neighbours[e], v}];
        }
    }
    EXPECT_TRUE(std::ranges::all_of(balance, [](const auto& entry) { return entry.second == 0; }));
}

TEST(Rmat, TheFileDependsOnTheConfigurationOnly) {
    const TemporaryFolder folder;
    const RmatConfig config{.scale = 10, .edge_factor = 8};
    EXPECT_EQ(write_rmat(folder.path() / "one", config, {.thread_count = 1}), 1U);
    EXPECT_GT(write_rmat(folder.path() / "many", config, {.buffer_bytes = 8192, .thread_count = 4}),
              4U);
    const auto reference = content_of(folder.path() / "one");
    EXPECT_EQ(content_of(folder.path() / "many"), reference);
    RmatConfig other = config;
    other.seed = 2;
    write_rmat(folder.path() / "other", other, {});
    EXPECT_NE(content_of(folder.path() / "other"), reference);
}

TEST(Rmat, QuadrantsHaveTheirProbabilities) {
    // One level, so source and target bits are the quadrant itself, but for the relabelling,
    // which is a bijection: sorting the counts undoes it.
    const RmatConfig config{.scale = 1, .edge_factor = 50'000, .directed = true};
    std::vector<double> shares(4);
    const auto count = config.generated_edge_count();
    for (std::uint64_t number = 0; number < count; ++number) {
        const Edge edge = rmat_edge(config, number);
        shares.at(edge.source * 2 + edge.target) += 1.0 / static_cast<double>(count);
    }
    std::ranges::sort(shares);
    EXPECT_NEAR(shares[0], 0.05, 0.005);
    EXPECT_NEAR(shares[1], 0.19, 0.005);
    EXPECT_NEAR(shares[2], 0.19, 0.005);
    EXPECT_NEAR(shares[3], 0.57, 0.005);
}

TEST(Rmat, DegreesAreSkewed) {
    const TemporaryFolder folder;
    const RmatConfig config{.scale = 12, .edge_factor = 16};
    write_rmat(folder.path() / "g", config, {});
    const auto file = File::open(folder.path() / "g");
    const auto offsets = read_csr_offsets(file, read_csr_header(file));
    std::uint64_t largest = 0;
    for (std::size_t v = 0; v + 1 < offsets.size(); ++v) {
        largest = std::max(largest, offsets[v + 1] - offsets[v]);
    }
    // The mean is 32; a uniform random graph of this size stays below 70.
    EXPECT_GT(largest, 500U);
}

TEST(Rmat, RefusesABufferSmallerThanTheLargestRow) {
    const TemporaryFolder folder;
    const RmatConfig config{.scale = 8, .edge_factor = 16};
    EXPECT_TRUE(contains(message_of<RmatError>([&] {
                             write_rmat(folder.path() / "g", config, {.buffer_bytes = 64});
                         }),
                         "--memory"));
}

TEST(Rmat, RefusesImpossibleConfigurations) {
    const TemporaryFolder folder;
    EXPECT_THROW(write_rmat(folder.path() / "g", {.scale = 32}, {}), RmatError);
    EXPECT_THROW(write_rmat(folder.path() / "g", {.scale = 0}, {}), RmatError);
    EXPECT_THROW(write_rmat(folder.path() / "g", {.scale = 4, .edge_factor = 0}, {}), RmatError);
}

}  // namespace
}  // namespace examples
