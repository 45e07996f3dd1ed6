// An R-MAT graph (Chakrabarti, Zhan, Faloutsos 2004) with Graph500's parameters, any edge of which
// can be computed on its own: nothing but a seed has to be remembered between passes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stdexcept>

namespace examples {

/// Which graph to make.
struct RmatConfig {
    unsigned scale = 16;             ///< log2 of the vertex count, 1 to 31
    std::uint64_t edge_factor = 16;  ///< generated edges a vertex
    std::uint64_t seed = 1;
    bool directed = false;  ///< false: each generated edge is stored in both directions

    std::uint64_t vertex_count() const { return std::uint64_t{1} << scale; }
    std::uint64_t generated_edge_count() const { return edge_factor << scale; }
    /// Edges in the file.
    std::uint64_t stored_edge_count() const { return generated_edge_count() * (directed ? 1 : 2); }
};

/// How to make it.
struct RmatLimits {
    std::uint64_t buffer_bytes = std::uint64_t{1} << 30;  ///< edges in memory at a time
    unsigned thread_count = 1;
};

/// A configuration that no graph file can hold, or a buffer smaller than the largest row.
struct RmatError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct Edge {
    std::uint32_t source;
    std::uint32_t target;
};

/// The edge of this number, the same on every machine. The four quadrants have the probabilities
/// 0.57, 0.19, 0.19 and 0.05, each within 2^-16; vertex labels are scattered by a bijection so
/// that a vertex's number says nothing about its degree.
Edge rmat_edge(const RmatConfig& config, std::uint64_t number);

/// Writes the graph file: duplicates and loops kept, each row in ascending order, so one
/// configuration is one file whatever the limits. Needs 8 bytes a vertex and `buffer_bytes` of
/// memory; makes as many passes over the edges as rows of that size take, and one to count.
/// Blocks; shows progress. Returns the number of passes. Throws RmatError, std::system_error.
std::uint64_t write_rmat(const std::filesystem::path& path, const RmatConfig& config,
                         const RmatLimits& limits);

}  // namespace examples
