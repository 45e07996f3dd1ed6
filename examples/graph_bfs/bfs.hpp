// Breadth-first search with the edges behind a GPUIOArray.
#pragma once

#include <cstdint>
#include <gpuio/gpuio.hpp>

#include "common/device.hpp"

namespace examples {

/// The level of a vertex that has not been reached.
inline constexpr std::uint32_t kUnreached = 0xffffffff;

/// What stays in plain device memory: 12 bytes a vertex.
struct BfsState {
    const std::uint64_t* offsets;  ///< vertex_count + 1
    std::uint32_t* levels;         ///< vertex_count, kUnreached but for the source's 0
    std::uint64_t vertex_count;
    std::uint64_t* reached_count;  ///< vertices reached by this level
    std::uint64_t* stray_count;    ///< edges that lead to no vertex: the file has changed
};

/// Gives every unreached neighbour of a vertex of level `level - 1` the level `level`.
///
/// The levels themselves are the frontier: walking them in order visits the rows in the order they
/// have in the file, so that a level touches each page of edges at most once. A queue of vertices
/// would visit the same rows in random order and miss the cache each time.
GPUIO_KERNEL static void expand_level(gpuio::ArrayRef<const std::uint32_t> edges, BfsState state,
                                      std::uint32_t level) {
    std::uint64_t reached = 0;
    for (std::size_t v = group_index(); v < state.vertex_count; v += group_count()) {
        const std::uint64_t first = state.offsets[v];
        const std::uint64_t last = state.offsets[v + 1];
        if (first == last || load(state.levels + v) != level - 1) continue;
        auto row = edges.pin(first);
        for (std::uint64_t edge = first + lane(); edge < last; edge += kGroupWidth) {
            const std::uint32_t target = row[edge];
            if (target >= state.vertex_count) {
                add(state.stray_count, 1);
            } else if (load(state.levels + target) == kUnreached &&
                       claim(state.levels + target, kUnreached, level)) {
                ++reached;
            }
        }
    }
    if (reached != 0) add(state.reached_count, reached);
}

}  // namespace examples
