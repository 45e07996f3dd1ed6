// A progress bar on stderr, drawn only where a person watches.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace examples {

/// One line such as `reading [#####-----]  50 %  1.0 GiB/2.0 GiB  512.0 MiB/s  2.00 s left`.
std::string render_progress(const std::string& label, std::uint64_t done_bytes,
                            std::uint64_t total_bytes, double elapsed_seconds);

/// Shows how much of a known number of bytes is done. Silent unless stderr is a terminal, so logs
/// stay clean. `advance` may be called from several threads.
class Progress {
public:
    Progress(std::string label, std::uint64_t total_bytes);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    /// Counts `bytes` more as done; redraws at most ten times a second; never blocks on another
    /// thread's drawing.
    void advance(std::uint64_t bytes);
    /// Takes the bar off the screen, for a line to be printed; the next `advance` may redraw it.
    void clear();

private:
    using Clock = std::chrono::steady_clock;

    const std::string label_;
    const std::uint64_t total_bytes_;
    const bool visible_;
    const Clock::time_point start_ = Clock::now();
    std::atomic<std::uint64_t> done_bytes_{0};
    std::mutex drawing_;
    Clock::time_point last_drawn_{};
};

}  // namespace examples
