#include "common/csr_file.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "tests/support.hpp"

namespace examples {
namespace {

const std::vector<std::uint64_t> kOffsets = {0, 2, 2, 3};
const std::vector<std::uint32_t> kNeighbours = {1, 2, 0};
const std::vector<std::uint8_t> kTypes = {7, 8, 9};

class CsrFileTest : public testing::Test {
protected:
    CsrFileTest() { write_csr(path_, kOffsets, kNeighbours, kTypes); }

    template <typename T>
    void overwrite(std::uint64_t position, T value) {
        auto file = File::open(path_);
        std::string content(file.size_bytes(), '\0');
        file.read_at(std::as_writable_bytes(std::span(content)), 0);
        std::memcpy(content.data() + position, &value, sizeof(value));
        folder_.write("graph.csr", content);
    }

    std::string header_error() {
        return message_of<FormatError>([&] { read_csr_header(File::open(path_)); });
    }

    TemporaryFolder folder_;
    std::filesystem::path path_ = folder_.path() / "graph.csr";
};

TEST_F(CsrFileTest, ReadsBackWhatWasWritten) {
    const auto file = File::open(path_);
    const auto header = read_csr_header(file);
    EXPECT_EQ(header.vertex_count, 3U);
    EXPECT_EQ(header.edge_count, 3U);
    EXPECT_EQ(read_csr_offsets(file, header), kOffsets);
    EXPECT_EQ(read_csr_neighbours(file, header), kNeighbours);
    std::array<std::byte, 3> types;
    file.read_at(types, header.types_position);
    EXPECT_EQ(types, (std::array<std::byte, 3>{std::byte{7}, std::byte{8}, std::byte{9}}));
}

TEST_F(CsrFileTest, SectionsStandOnPageBoundaries) {
    const auto header = csr_layout(1'000'003, 7'777'777, true);
    EXPECT_EQ(header.offsets_position, 4096U);
    EXPECT_EQ(header.neighbours_position % 4096, 0U);
    EXPECT_GE(header.neighbours_position, 4096 + 1'000'004U * 8);
    EXPECT_EQ(header.types_position % 4096, 0U);
    EXPECT_GE(header.types_position, header.neighbours_position + 7'777'777U * 4);
    EXPECT_EQ(header.file_bytes, header.types_position + 7'777'777U);
}

TEST_F(CsrFileTest, RefusesOtherFiles) {
    folder_.write("graph.csr", "short");
    EXPECT_TRUE(contains(header_error(), "5 bytes"));
    folder_.write("graph.csr", std::string(100, 'x'));
    EXPECT_TRUE(contains(header_error(), "no GPUIOCSR"));
}

TEST_F(CsrFileTest, RefusesOtherVersionsAndUnknownFlags) {
    overwrite(offsetof(CsrHeader, version), std::uint32_t{2});
    EXPECT_TRUE(contains(header_error(), "version 2"));
    overwrite(offsetof(CsrHeader, version), kCsrVersion);
    overwrite(offsetof(CsrHeader, flags), std::uint32_t{1});
    EXPECT_TRUE(contains(header_error(), "flags"));
}

TEST_F(CsrFileTest, RefusesCountsThatWouldWrap) {
    overwrite(offsetof(CsrHeader, edge_count), ~std::uint64_t{0});
    EXPECT_TRUE(contains(header_error(), "more than the format can hold"));
}

TEST_F(CsrFileTest, RefusesAFileCutShort) {
    std::filesystem::resize_file(path_, std::filesystem::file_size(path_) - 1);
    EXPECT_TRUE(contains(header_error(), "cut short"));
}

TEST_F(CsrFileTest, RefusesRowsThatAreNoPartition) {
    overwrite(4096 + 8, std::uint64_t{3});
    const auto file = File::open(path_);
    const auto header = read_csr_header(file);
    EXPECT_TRUE(contains(message_of<FormatError>([&] { read_csr_offsets(file, header); }),
                         "row of vertex 1 ends before it begins"));
}

TEST_F(CsrFileTest, RefusesNeighboursThatAreNoVertices) {
    const auto position = csr_layout(3, 3, true).neighbours_position;
    overwrite(position + 4, std::uint32_t{3});
    const auto file = File::open(path_);
    const auto header = read_csr_header(file);
    EXPECT_TRUE(contains(message_of<FormatError>([&] { read_csr_neighbours(file, header); }),
                         "edge 1 leads to vertex 3"));
}

TEST_F(CsrFileTest, RefusesToWriteWhatDoesNotFitTogether) {
    EXPECT_THROW(write_csr(path_, kOffsets, kNeighbours, std::vector<std::uint8_t>{1}),
                 std::invalid_argument);
    EXPECT_THROW(write_csr(path_, {}, {}, {}), std::invalid_argument);
}

}  // namespace
}  // namespace examples
