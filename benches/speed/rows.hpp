// The groups of rows. Each measures its comparisons and gives every row to `emit` when it is done.
#pragma once

#include <functional>
#include <string>

#include "table.hpp"

namespace speed {

/// What the command line says.
struct Options {
    std::string data_file;
    std::string localio_rate;  ///< the program's path
    std::string lookup;        ///< the program's path
    std::string workers;       ///< the program's path
    int rounds = 7;
    double seconds = 2;  ///< of each run of fio and localio_rate
};

using Emit = std::function<void(const Row&)>;

/// LocalIO against fio: random 4 KiB reads and sequential 1 MiB reads.
void engine_rows(const Options& options, const Emit& emit);

/// A scan of a file that is not cached, against a plain double-buffered read loop.
void cold_scan_rows(const Options& options, const Emit& emit);

/// A scan of an array that is cached, against the same loop over a pointer.
void warm_scan_rows(const Options& options, const Emit& emit);

/// Random elements of an array that is cached, against a pointer and against two caches.
void warm_random_rows(const Options& options, const Emit& emit);

/// Tasks that do nothing through the workers, against tokio and rayon.
void worker_rows(const Options& options, const Emit& emit);

/// Requests through the scheduler: against the engine alone, batched or not.
void request_rows(const Options& options, const Emit& emit);

/// Urgent requests beside bulk that saturates the drive.
void urgent_rows(const Options& options, const Emit& emit);

/// Deadlines that are met when more is asked for than the drive can do.
void deadline_rows(const Options& options, const Emit& emit);

/// Bytes of a page-table entry.
void table_rows(const Emit& emit);

}  // namespace speed
