#include "rmat_csr/rmat.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <numeric>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "common/csr_file.hpp"
#include "common/progress.hpp"

namespace examples {
namespace {

/// splitmix64's finalizer: every input bit reaches every output bit.
constexpr std::uint64_t mix(std::uint64_t value) {
    value += 0x9e3779b97f4a7c15;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
}

/// A bijection on `scale` bits: odd multiplications and right shifts can both be undone.
std::uint32_t scatter_label(const RmatConfig& config, std::uint64_t vertex) {
    const std::uint64_t mask = config.vertex_count() - 1;
    const unsigned shift = config.scale / 2 + 1;
    for (std::uint64_t round = 0; round < 3; ++round) {
        const std::uint64_t key = mix(config.seed + round * 0x632be59bd9b4e019);
        vertex = (vertex * (key | 1) + (key >> 32)) & mask;
        vertex ^= vertex >> shift;
    }
    return static_cast<std::uint32_t>(vertex);
}

/// Splits [0, count) over threads, calls `use(first, last)` in slices small enough for progress to
/// be shown, and rethrows the first exception.
template <typename Use>
void parallel_slices(std::uint64_t count, unsigned thread_count, Progress& progress, Use use) {
    constexpr std::uint64_t kSliceCount = std::uint64_t{1} << 16;
    std::atomic<std::uint64_t> next{0};
    std::exception_ptr failure;
    std::mutex failure_lock;
    const auto work = [&] {
        try {
            for (;;) {
                const std::uint64_t first = next.fetch_add(kSliceCount, std::memory_order_relaxed);
                if (first >= count) return;
                const std::uint64_t last = std::min(count, first + kSliceCount);
                use(first, last);
                progress.advance((last - first) * sizeof(Edge));
            }
        } catch (...) {
            const std::scoped_lock lock(failure_lock);
            failure = std::current_exception();
        }
    };
    {
        std::vector<std::jthread> threads;
        for (unsigned i = 1; i < std::max(1U, thread_count); ++i) threads.emplace_back(work);
        work();
    }
    if (failure) std::rethrow_exception(failure);
}

/// Calls `use` for each stored edge of the generated ones in [first, last).
template <typename Use>
void for_each_stored(const RmatConfig& config, std::uint64_t first, std::uint64_t last, Use use) {
    for (std::uint64_t number = first; number < last; ++number) {
        const Edge edge = rmat_edge(config, number);
        use(edge);
        if (!config.directed) use(Edge{edge.target, edge.source});
    }
}

std::uint64_t fetch_increment(std::uint64_t& counter) {
    return std::atomic_ref(counter).fetch_add(1, std::memory_order_relaxed);
}

void require_valid(const RmatConfig& config) {
    if (config.scale < 1 || config.scale > 31) {
        throw RmatError("the scale must be 1 to 31, it is " + std::to_string(config.scale));
    }
    if (config.edge_factor < 1 || config.edge_factor > 4096) {
        throw RmatError("the edge factor must be 1 to 4096, it is " +
                        std::to_string(config.edge_factor));
    }
}

/// offsets[v] = first edge of vertex v, counted in one pass over all edges.
std::vector<std::uint64_t> count_offsets(const RmatConfig& config, const RmatLimits& limits) {
    std::vector<std::uint64_t> offsets(config.vertex_count() + 1, 0);
    const std::uint64_t edge_count = config.generated_edge_count();
    Progress progress("counting edges", edge_count * sizeof(Edge));
    parallel_slices(edge_count, limits.thread_count, progress, [&](auto first, auto last) {
        for_each_stored(config, first, last,
                        [&](Edge e) { fetch_increment(offsets[e.source + 1]); });
    });
    std::partial_sum(offsets.begin(), offsets.end(), offsets.begin());
    return offsets;
}

/// Rows [first, last) that fit the buffer together.
struct RowRange {
    std::uint64_t first;
    std::uint64_t last;
};

std::vector<RowRange> split_rows(std::span<const std::uint64_t> offsets,
                                 std::uint64_t buffer_bytes) {
    const std::uint64_t capacity = buffer_bytes / sizeof(std::uint32_t);
    const std::uint64_t vertex_count = offsets.size() - 1;
    std::uint64_t largest = 0;
    for (std::uint64_t v = 0; v < vertex_count; ++v) {
        largest = std::max(largest, offsets[v + 1] - offsets[v]);
    }
    if (largest > capacity) {
        throw RmatError("the largest row alone takes " +
                        std::to_string(largest * sizeof(std::uint32_t)) +
                        " bytes; give --memory at least as much");
    }
    std::vector<RowRange> ranges;
    for (std::uint64_t first = 0; first < vertex_count;) {
        // The last row start that the capacity still reaches ends the range; one row always fits.
        const auto begin = offsets.begin() + static_cast<std::ptrdiff_t>(first);
        const auto beyond = std::upper_bound(begin, offsets.end(), *begin + capacity);
        const auto last = static_cast<std::uint64_t>(beyond - offsets.begin()) - 1;
        ranges.push_back({first, last});
        first = last;
    }
    return ranges;
}

/// Makes one range's rows. Row v's entry of `offsets` serves as its write cursor, so it holds the
/// row's end afterwards: what was the next row's start.
void fill_rows(const RmatConfig& config, const RmatLimits& limits, RowRange range,
               std::span<std::uint64_t> offsets, std::span<std::uint32_t> rows,
               Progress& progress) {
    const std::uint64_t base = offsets[range.first];
    const auto generated = config.generated_edge_count();
    parallel_slices(generated, limits.thread_count, progress, [&](auto first, auto last) {
        for_each_stored(config, first, last, [&](Edge edge) {
            if (edge.source < range.first || edge.source >= range.last) return;
            rows[fetch_increment(offsets[edge.source]) - base] = edge.target;
        });
    });
    // Threads scatter in any order; sorting makes the file the same every time.
    std::uint64_t row_first = base;
    for (std::uint64_t vertex = range.first; vertex < range.last; ++vertex) {
        const std::uint64_t row_last = offsets[vertex];
        std::ranges::sort(rows.subspan(row_first - base, row_last - row_first));
        row_first = row_last;
    }
}

}  // namespace

Edge rmat_edge(const RmatConfig& config, std::uint64_t number) {
    // Graph500's a, a + b and a + b + c, in 1/65,536.
    constexpr std::uint64_t kA = 37355;
    constexpr std::uint64_t kB = 37355 + 12452;
    constexpr std::uint64_t kC = 37355 + 2 * 12452;
    const std::uint64_t stream = mix(config.seed) ^ mix(~number);
    std::uint64_t source = 0;
    std::uint64_t target = 0;
    std::uint64_t random = 0;
    for (unsigned level = 0; level < config.scale; ++level) {
        // One 64-bit draw serves four levels.
        random = level % 4 == 0 ? mix(stream + level) : random >> 16;
        const std::uint64_t draw = random & 0xffff;
        source = source << 1 | static_cast<std::uint64_t>(draw >= kB);
        target = target << 1 | static_cast<std::uint64_t>((draw >= kA && draw < kB) || draw >= kC);
    }
    return {scatter_label(config, source), scatter_label(config, target)};
}

std::uint64_t write_rmat(const std::filesystem::path& path, const RmatConfig& config,
                         const RmatLimits& limits) {
    require_valid(config);
    auto offsets = count_offsets(config, limits);
    const auto ranges = split_rows(offsets, limits.buffer_bytes);
    const auto header = csr_layout(config.vertex_count(), config.stored_edge_count(), false);
    auto file = File::create(path);
    file.resize(header.file_bytes);
    file.write_at(std::as_bytes(std::span(offsets)), header.offsets_position);

    std::vector<std::uint32_t> buffer;
    Progress progress("writing edges",
                      ranges.size() * config.generated_edge_count() * sizeof(Edge));
    for (const RowRange range : ranges) {
        const std::uint64_t base = offsets[range.first];
        buffer.resize(offsets[range.last] - base);
        fill_rows(config, limits, range, offsets, buffer, progress);
        const std::uint64_t position = header.neighbours_position + base * sizeof(std::uint32_t);
        file.write_at(std::as_bytes(std::span(buffer)), position);
    }
    // The header last: a half-written file is then not mistaken for a graph.
    file.write_at(std::as_bytes(std::span(&header, 1)), 0);
    return ranges.size();
}

}  // namespace examples
