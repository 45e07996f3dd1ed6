// The plain in-memory search that the kernel's result is compared with.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace examples {

/// The level of every vertex, `unreached` for those the source does not reach. A queue, unlike the
/// kernel's scan, so that the two do not share a mistake.
inline std::vector<std::uint32_t> reference_levels(std::span<const std::uint64_t> offsets,
                                                   std::span<const std::uint32_t> neighbours,
                                                   std::uint32_t source, std::uint32_t unreached) {
    std::vector<std::uint32_t> levels(offsets.size() - 1, unreached);
    std::vector<std::uint32_t> queue = {source};
    levels[source] = 0;
    for (std::size_t head = 0; head < queue.size(); ++head) {
        const std::uint32_t vertex = queue[head];
        for (std::uint64_t edge = offsets[vertex]; edge < offsets[vertex + 1]; ++edge) {
            const std::uint32_t target = neighbours[edge];
            if (levels[target] != unreached) continue;
            levels[target] = levels[vertex] + 1;
            queue.push_back(target);
        }
    }
    return levels;
}

}  // namespace examples
