// Numbers as a person reads them.
#pragma once

#include <cstdint>
#include <string>

namespace examples {

/// `1536` becomes "1.5 KiB"; below 1 KiB exact.
std::string format_bytes(std::uint64_t bytes);
/// `1234567` becomes "1,234,567".
std::string format_count(std::uint64_t count);
/// "850 us", "12.3 ms", "4.56 s", "3 min 05 s".
std::string format_seconds(double seconds);
/// `part` of `whole` as "97.5 %"; "-" when `whole` is 0.
std::string format_percent(std::uint64_t part, std::uint64_t whole);
/// printf's "%.*f".
std::string format_fixed(double value, int decimals);

}  // namespace examples
