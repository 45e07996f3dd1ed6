#include "common/format.hpp"

#include <array>
#include <cstdio>

namespace examples {

std::string format_fixed(double value, int decimals) {
    // The longest double has 309 digits before the point.
    std::array<char, 352> text{};
    std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
    return text.data();
}

std::string format_bytes(std::uint64_t bytes) {
    constexpr std::array units = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024) return std::to_string(bytes) + " B";
    double value = static_cast<double>(bytes) / 1024;
    std::size_t unit = 0;
    while (value >= 1024 && unit + 1 < units.size()) {
        value /= 1024;
        ++unit;
    }
    return format_fixed(value, 1) + " " + units[unit];
}

std::string format_count(std::uint64_t count) {
    std::string text = std::to_string(count);
    for (std::size_t from_end = 3; from_end < text.size(); from_end += 4) {
        text.insert(text.size() - from_end, 1, ',');
    }
    return text;
}

std::string format_seconds(double seconds) {
    if (seconds < 1e-3) return format_fixed(seconds * 1e6, 0) + " us";
    if (seconds < 1) return format_fixed(seconds * 1e3, 1) + " ms";
    if (seconds < 60) return format_fixed(seconds, 2) + " s";
    const auto whole = static_cast<std::uint64_t>(seconds);
    const std::string rest = std::to_string(whole % 60);
    return format_count(whole / 60) + " min " + (rest.size() < 2 ? "0" : "") + rest + " s";
}

std::string format_percent(std::uint64_t part, std::uint64_t whole) {
    if (whole == 0) return "-";
    return format_fixed(100.0 * static_cast<double>(part) / static_cast<double>(whole), 1) + " %";
}

}  // namespace examples
