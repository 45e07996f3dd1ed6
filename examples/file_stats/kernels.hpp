// Histogram and reduction over a file behind a GPUIOArray.
#pragma once

#include <cstdint>
#include <gpuio/gpuio.hpp>

#include "common/device.hpp"

namespace examples {

inline constexpr std::size_t kByteValues = 256;

/// Sum (modulo 2^64), smallest and largest of some words.
struct WordSummary {
    std::uint64_t count = 0;
    std::uint64_t sum = 0;
    std::uint64_t smallest = ~std::uint64_t{0};
    std::uint64_t largest = 0;

    bool operator==(const WordSummary&) const = default;
};

/// Elements that a group takes at a time: enough to make a pin worth it, few enough to share work.
inline constexpr std::size_t kChunkCount = 4096;

/// Calls `use(element)` for the calling lane's share of the array's elements in [first, last).
template <typename T, typename Use>
GPUIO_DEVICE void for_each_element(const gpuio::ArrayRef<const T>& array, std::size_t first,
                                   std::size_t last, Use use) {
    const std::size_t stride = group_count() * kChunkCount;
    for (std::size_t chunk = first + group_index() * kChunkCount; chunk < last; chunk += stride) {
        const std::size_t end = last - chunk < kChunkCount ? last : chunk + kChunkCount;
        auto cursor = array.pin(chunk);
        for (std::size_t at = chunk; at < end;) {
            const auto run = cursor.run(at);
            // Nothing there: the read failed, and Context::synchronize will say why.
            if (run.count == 0) return;
            const std::size_t count = run.count < end - at ? run.count : end - at;
            for (std::size_t k = lane(); k < count; k += kGroupWidth) use(run[k]);
            at += count;
        }
    }
}

/// Adds the bytes in [first, last) to histograms[group_index()].
GPUIO_KERNEL static void count_bytes(gpuio::ArrayRef<const std::uint8_t> bytes, std::size_t first,
                                     std::size_t last, std::uint64_t* histograms) {
    std::uint64_t* histogram = histograms + group_index() * kByteValues;
    for_each_element(bytes, first, last,
                     [=](std::uint8_t byte) { add_in_group(histogram + byte, 1); });
}

/// Adds the words in [first, last) to `*summary`.
GPUIO_KERNEL static void summarize_words(gpuio::ArrayRef<const std::uint64_t> words,
                                         std::size_t first, std::size_t last,
                                         WordSummary* summary) {
    WordSummary mine;
    for_each_element(words, first, last, [&](std::uint64_t word) {
        ++mine.count;
        mine.sum += word;
        if (word < mine.smallest) mine.smallest = word;
        if (word > mine.largest) mine.largest = word;
    });
    if (mine.count == 0) return;
    add(&summary->count, mine.count);
    add(&summary->sum, mine.sum);
    lower_to(&summary->smallest, mine.smallest);
    raise_to(&summary->largest, mine.largest);
}

}  // namespace examples
