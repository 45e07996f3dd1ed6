#include "common/progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "common/format.hpp"

namespace examples {

std::string render_progress(const std::string& label, std::uint64_t done_bytes,
                            std::uint64_t total_bytes, double elapsed_seconds) {
    constexpr std::size_t kCells = 30;
    const double share =
        total_bytes == 0
            ? 1.0
            : std::min(1.0, static_cast<double>(done_bytes) / static_cast<double>(total_bytes));
    const auto full = static_cast<std::size_t>(share * kCells);
    std::string percent = format_fixed(share * 100, 0);
    percent.insert(0, 3 - std::min<std::size_t>(3, percent.size()), ' ');
    std::string line = label + " [" + std::string(full, '#') + std::string(kCells - full, '-') +
                       "] " + percent + " %  " + format_bytes(done_bytes) + "/" +
                       format_bytes(total_bytes);
    if (elapsed_seconds > 0 && share > 0) {
        const double rate = static_cast<double>(done_bytes) / elapsed_seconds;
        line += "  " + format_bytes(static_cast<std::uint64_t>(rate)) + "/s  " +
                format_seconds(elapsed_seconds / share - elapsed_seconds) + " left";
    }
    return line;
}

Progress::Progress(std::string label, std::uint64_t total_bytes)
    : label_(std::move(label)), total_bytes_(total_bytes), visible_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() { clear(); }

void Progress::clear() {
    if (visible_) std::fputs("\r\x1b[K", stderr);
}

void Progress::advance(std::uint64_t bytes) {
    const std::uint64_t done = done_bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    if (!visible_) return;
    const std::unique_lock lock(drawing_, std::try_to_lock);
    if (!lock.owns_lock()) return;
    const auto now = Clock::now();
    if (now - last_drawn_ < std::chrono::milliseconds(100)) return;
    last_drawn_ = now;
    const double elapsed = std::chrono::duration<double>(now - start_).count();
    // Return, text, erase the rest: no flicker, and a shorter line leaves no remains.
    std::fprintf(stderr, "\r%s\x1b[K",
                 render_progress(label_, done, total_bytes_, elapsed).c_str());
    std::fflush(stderr);
}

}  // namespace examples
