// Breadth-first search over a graph file whose edges do not fit the cache.
//
// Row offsets and levels stay in device memory; the edges, nearly all of a graph's bytes, come
// through a GPUIOArray. The levels are compared with a plain in-memory search.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <gpuio/gpuio.hpp>
#include <iterator>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "common/cli.hpp"
#include "common/csr_file.hpp"
#include "common/device_buffer.hpp"
#include "common/format.hpp"
#include "common/progress.hpp"
#include "common/report.hpp"
#include "common/session.hpp"
#include "common/uri.hpp"
#include "graph_bfs/bfs.hpp"
#include "graph_bfs/reference.hpp"

namespace examples {
namespace {

struct Options {
    std::string graph;
    std::uint64_t source_count = 3;
    std::uint64_t seed = 1;
    CacheOptions cache;
    ReportOptions report;
};

/// A graph file, all of it in memory: the offsets for the kernel, the edges for the check.
struct Graph {
    CsrHeader header;
    std::vector<std::uint64_t> offsets;
    std::vector<std::uint32_t> neighbours;
};

Graph load_graph(const std::string& path) {
    const auto file = File::open(path);
    const CsrHeader header = read_csr_header(file);
    if (header.edge_count == 0) throw FormatError(path + ": the graph has no edges");
    return {header, read_csr_offsets(file, header), read_csr_neighbours(file, header)};
}

/// Different vertices, each with at least one edge, the same ones for the same seed.
std::vector<std::uint32_t> choose_sources(const Graph& graph, const Options& options) {
    std::vector<std::uint32_t> candidates;
    for (std::uint64_t v = 0; v < graph.header.vertex_count; ++v) {
        if (graph.offsets[v] != graph.offsets[v + 1]) {
            candidates.push_back(static_cast<std::uint32_t>(v));
        }
    }
    std::vector<std::uint32_t> sources;
    std::mt19937_64 random(options.seed);
    std::ranges::sample(candidates, std::back_inserter(sources),
                        static_cast<std::ptrdiff_t>(options.source_count), random);
    return sources;
}

struct SearchResult {
    std::vector<std::uint32_t> levels;
    std::uint32_t level_count = 0;
    std::uint64_t reached_count = 0;
    std::uint64_t edge_count = 0;  ///< edges that leave the reached vertices
    double seconds = 0;
};

/// One search: a kernel a level, until a level reaches nobody.
SearchResult search(Session& session, const gpuio::GPUIOArray<const std::uint32_t>& edges,
                    const Graph& graph, std::uint32_t source) {
    SearchResult result;
    result.levels.assign(graph.header.vertex_count, kUnreached);
    result.levels[source] = 0;
    result.reached_count = 1;
    const DeviceBuffer<std::uint64_t> offsets{std::span(graph.offsets)};
    DeviceBuffer<std::uint32_t> levels{std::span<const std::uint32_t>(result.levels)};
    std::array<std::uint64_t, 2> counts = {1, 0};  // reached, strays
    DeviceBuffer<std::uint64_t> counters{std::span<const std::uint64_t>(counts)};
    const BfsState state{offsets.data(), levels.data(), graph.header.vertex_count, counters.data(),
                         counters.data() + 1};

    const auto start = std::chrono::steady_clock::now();
    for (bool grew = true; grew; ++result.level_count) {
        session.run(expand_level, edges.ref(), state, result.level_count + 1);
        counters.copy_to(counts);
        grew = counts[0] != result.reached_count;
        result.reached_count = counts[0];
        if (counts[1] != 0) throw FormatError("the graph file has changed while it was searched");
    }
    result.seconds = seconds_since(start);
    levels.copy_to(result.levels);
    for (std::uint64_t v = 0; v < graph.header.vertex_count; ++v) {
        if (result.levels[v] == kUnreached) continue;
        result.edge_count += graph.offsets[v + 1] - graph.offsets[v];
    }
    return result;
}

/// Prints one line a search; returns whether its levels are those of the plain search.
bool report_search(const Graph& graph, std::uint32_t source, const SearchResult& result) {
    const bool right =
        result.levels == reference_levels(graph.offsets, graph.neighbours, source, kUnreached);
    std::printf(
        "  source %10u: %s vertices in %u levels, %s edges in %s, %s MTEPS, levels %s\n", source,
        format_count(result.reached_count).c_str(), result.level_count,
        format_count(result.edge_count).c_str(), format_seconds(result.seconds).c_str(),
        format_fixed(static_cast<double>(result.edge_count) / result.seconds / 1e6, 2).c_str(),
        right ? "agree" : "DIFFER");
    return right;
}

int run(const Options& options) {
    const Graph graph = load_graph(options.graph);
    const std::uint64_t edge_bytes = graph.header.edge_count * sizeof(std::uint32_t);
    Session session(options.cache, edge_bytes, kGroupWidth, kDevice);
    const gpuio::GPUIOArray<const std::uint32_t> edges(
        session.context(), localio_uri(options.graph, graph.header.neighbours_position),
        graph.header.edge_count);
    std::printf("%s: %s vertices, %s edges\n", options.graph.c_str(),
                format_count(graph.header.vertex_count).c_str(),
                format_count(graph.header.edge_count).c_str());

    Outcome outcome{.work = "graph_bfs " + options.graph, .data_bytes = edge_bytes};
    std::uint64_t traversed = 0;
    const auto sources = choose_sources(graph, options);
    Progress progress("searching", sources.size() * edge_bytes);
    for (const std::uint32_t source : sources) {
        const SearchResult result = search(session, edges, graph, source);
        progress.clear();
        outcome.right = report_search(graph, source, result) && outcome.right;
        outcome.seconds += result.seconds;
        traversed += result.edge_count;
        progress.advance(edge_bytes);
    }
    outcome.path = edges.path();
    outcome.stats = edges.stats();
    Table table;
    table.row("edges traversed", format_count(traversed));
    table.row("TEPS", format_count(static_cast<std::uint64_t>(static_cast<double>(traversed) /
                                                              outcome.seconds)));
    report(session, outcome, options.report, table);
    return outcome.right ? kOk : kFailed;
}

}  // namespace
}  // namespace examples

int main(int argc, char** argv) {
    examples::Options options;
    CLI::App app(
        "Breadth-first search over a graph file (from wordnet_csr or rmat_csr), its edges read "
        "through a GPUIOArray, checked against a plain search.",
        "graph_bfs");
    app.add_option("graph", options.graph, "graph file")->required()->check(CLI::ExistingFile);
    app.add_option("--sources", options.source_count, "searches to make, each from another vertex")
        ->check(CLI::Range(1, 1024))
        ->capture_default_str();
    app.add_option("--seed", options.seed, "another seed, other sources")->capture_default_str();
    examples::add_cache_options(app, options.cache);
    examples::add_report_options(app, options.report);
    return examples::run_program(app, argc, argv, [&] { return examples::run(options); });
}
