// Mean-pools rows of a matrix that lies behind a GPUIOArray.
#pragma once

#include <cstdint>
#include <gpuio/gpuio.hpp>

#include "common/device.hpp"
#include "embedding_gather/half.hpp"

namespace examples {

/// The token sequences and the place for the results, in plain device memory.
struct Batch {
    const std::uint32_t* tokens;  ///< all sequences, one after the other
    const std::uint64_t* starts;  ///< sequence_count + 1: where each begins in `tokens`
    float* means;                 ///< sequence_count x width
    std::uint64_t sequence_count;
    std::uint64_t width;  ///< elements of a row
};

/// means[s] = the mean of the rows of sequence s's tokens; a group takes one sequence at a time,
/// lanes take neighbouring elements. Adds in the order of the tokens, so results are reproducible.
template <typename T>
GPUIO_KERNEL void mean_pool(gpuio::ArrayRef<const T> matrix, Batch batch) {
    for (std::size_t s = group_index(); s < batch.sequence_count; s += group_count()) {
        float* mean = batch.means + s * batch.width;
        const std::uint64_t first = batch.starts[s];
        const std::uint64_t last = batch.starts[s + 1];
        for (std::uint64_t k = lane(); k < batch.width; k += kGroupWidth) mean[k] = 0;
        for (std::uint64_t t = first; t < last; ++t) {
            const std::uint64_t row = batch.tokens[t] * batch.width;
            auto elements = matrix.pin(row);
            for (std::uint64_t k = lane(); k < batch.width; k += kGroupWidth) {
                mean[k] += to_float(elements[row + k]);
            }
        }
        const auto count = static_cast<float>(last - first);
        for (std::uint64_t k = lane(); k < batch.width; k += kGroupWidth) mean[k] /= count;
    }
}

}  // namespace examples
