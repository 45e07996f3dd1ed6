// The graph files of the examples: compressed sparse rows, readable in place.
//
//   byte 0                 CsrHeader, 64 bytes
//   offsets_position       u64[vertex_count + 1]   row v is neighbours[offsets[v], offsets[v + 1])
//   neighbours_position    u32[edge_count]         vertex numbers, each below vertex_count
//   types_position         u8[edge_count]          kind of each edge; position 0 = not in the file
//
// Everything is little-endian. The sections stand in this order, each on a multiple of 4,096 bytes
// (so that direct I/O and page-sized caching meet no section's middle), zero-filled between.
#pragma once

#include <bit>
#include <cstdint>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <vector>

#include "common/file.hpp"

namespace examples {

static_assert(std::endian::native == std::endian::little, "graph files are mapped as they are");

inline constexpr std::uint64_t kCsrMagic = 0x5253434F49555047;  // "GPUIOCSR" in file order
inline constexpr std::uint32_t kCsrVersion = 1;
inline constexpr std::uint64_t kCsrAlignmentBytes = 4096;
/// Vertex numbers are u32, so a graph has at most this many.
inline constexpr std::uint64_t kCsrMaxVertexCount = std::uint64_t{1} << 32;

/// The first 64 bytes of a graph file.
struct CsrHeader {
    std::uint64_t magic = kCsrMagic;
    std::uint32_t version = kCsrVersion;
    std::uint32_t flags = 0;  ///< None are defined: a file with any set is refused.
    std::uint64_t vertex_count = 0;
    std::uint64_t edge_count = 0;
    std::uint64_t offsets_position = 0;
    std::uint64_t neighbours_position = 0;
    std::uint64_t types_position = 0;  ///< 0: the graph's edges have no types.
    std::uint64_t file_bytes = 0;      ///< Where the last section ends.

    bool operator==(const CsrHeader&) const = default;
};
static_assert(sizeof(CsrHeader) == 64);

/// The content of a file is not what its format says; the text names file, place and expectation.
struct FormatError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// The one layout a graph of these counts has. Throws std::length_error when the counts are
/// beyond what the format can hold.
CsrHeader csr_layout(std::uint64_t vertex_count, std::uint64_t edge_count, bool has_types);

/// Reads and checks the header against the format and the file's length.
CsrHeader read_csr_header(const File& file);

/// Reads the row offsets (8 bytes a vertex, in memory) and checks that they are a partition of
/// the edges.
std::vector<std::uint64_t> read_csr_offsets(const File& file, const CsrHeader& header);

/// Reads all neighbours (4 bytes an edge, in memory) and checks that each names a vertex.
std::vector<std::uint32_t> read_csr_neighbours(const File& file, const CsrHeader& header);

/// Writes a whole graph that is in memory. `types` is empty or has one entry an edge; spans that
/// do not fit together throw std::invalid_argument.
void write_csr(const std::filesystem::path& path, std::span<const std::uint64_t> offsets,
               std::span<const std::uint32_t> neighbours, std::span<const std::uint8_t> types);

}  // namespace examples
