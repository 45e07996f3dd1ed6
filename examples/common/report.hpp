// What each program prints at its end: what was read, from which tier, how fast, by which path.
#pragma once

#include <cstdint>
#include <gpuio/gpuio.hpp>
#include <string>

#include "common/cli.hpp"
#include "common/session.hpp"
#include "common/table.hpp"

namespace examples {

/// Where figures go beside stdout.
struct ReportOptions {
    std::string summary;  ///< file that gets one tab-separated line more, for run_demo.sh
};

/// Adds --summary.
void add_report_options(CLI::App& app, ReportOptions& options);

/// How a program's work went.
struct Outcome {
    std::string work;              ///< program and input
    std::string path{};            ///< the I/O path that was active: GPUIOArray::path()
    gpuio::Stats stats{};          ///< the context's and the array's counters at the end
    std::uint64_t data_bytes = 0;  ///< bytes behind the array
    double seconds = 0;            ///< in kernels
    bool right = true;             ///< the result is that of the plain computation
};

/// Completes `table` with hit rates per tier, bytes moved, time and active path, and prints it.
/// Throws std::runtime_error if the summary cannot be written.
void report(const Session& session, const Outcome& outcome, const ReportOptions& options,
            Table& table);

}  // namespace examples
