#include "common/report.hpp"

#include <fstream>
#include <stdexcept>

#include "common/format.hpp"

namespace examples {
namespace {

/// Accesses to pages: with a pin cursor one a page and visit, however many elements it yields.
std::uint64_t l1_accesses(const gpuio::Stats& stats) {
    return stats.l1_hits + stats.l1_joined + stats.l1_misses;
}
std::uint64_t l2_accesses(const gpuio::Stats& stats) { return stats.l2_hits + stats.l2_misses; }

std::string hit_line(std::uint64_t hits, std::uint64_t accesses) {
    return format_percent(hits, accesses) + " of " + format_count(accesses) + " page accesses";
}

/// One line for run_demo.sh; its columns are named there.
void append_summary(const std::string& path, const Session& session, const Outcome& outcome) {
    const gpuio::Stats& stats = outcome.stats;
    std::ofstream file(path, std::ios::app);
    file << outcome.work << '\t' << format_bytes(outcome.data_bytes) << '\t'
         << format_bytes(session.cache_bytes()) << '\t'
         << format_percent(stats.l1_hits, l1_accesses(stats)) << '\t'
         << format_percent(stats.l2_hits, l2_accesses(stats)) << '\t'
         << format_bytes(stats.read_bytes) << '\t' << format_seconds(outcome.seconds) << '\t'
         << (outcome.right ? "right" : "WRONG") << '\n';
    if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

}  // namespace

void add_report_options(CLI::App& app, ReportOptions& options) {
    app.add_option("--summary", options.summary, "append the figures to this file, tab-separated");
}

void report(const Session& session, const Outcome& outcome, const ReportOptions& options,
            Table& table) {
    const gpuio::Stats& stats = outcome.stats;
    const double read_rate = static_cast<double>(stats.read_bytes) / outcome.seconds;
    table.row("data", format_bytes(outcome.data_bytes) + ", cache " +
                          format_bytes(session.cache_bytes()) + " in pages of " +
                          format_bytes(session.context().page_bytes()));
    table.row("L1 hits", hit_line(stats.l1_hits, l1_accesses(stats)));
    table.row("L2 hits", hit_line(stats.l2_hits, l2_accesses(stats)));
    table.row("moved", format_bytes(stats.read_bytes) + " from storage (" +
                           format_count(stats.read_ahead_pages) + " pages read ahead), " +
                           format_bytes(stats.l1_filled_bytes) + " into L1");
    table.row("time", format_seconds(outcome.seconds) + ", " +
                          format_bytes(static_cast<std::uint64_t>(read_rate)) + "/s from storage");
    table.row("device", session.context().device().name);
    table.row("path", outcome.path);
    table.row("check", outcome.right ? "right: as the plain computation"
                                     : "WRONG: differs from the plain computation");
    table.print();
    if (!options.summary.empty()) append_summary(options.summary, session, outcome);
}

}  // namespace examples
