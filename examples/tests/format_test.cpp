#include "common/format.hpp"

#include <gtest/gtest.h>

#include "common/progress.hpp"
#include "tests/support.hpp"

namespace examples {
namespace {

TEST(Format, Bytes) {
    EXPECT_EQ(format_bytes(0), "0 B");
    EXPECT_EQ(format_bytes(1023), "1023 B");
    EXPECT_EQ(format_bytes(1536), "1.5 KiB");
    EXPECT_EQ(format_bytes(std::uint64_t{1} << 30), "1.0 GiB");
    EXPECT_EQ(format_bytes(~std::uint64_t{0}), "16.0 EiB");
}

TEST(Format, Counts) {
    EXPECT_EQ(format_count(0), "0");
    EXPECT_EQ(format_count(999), "999");
    EXPECT_EQ(format_count(1000), "1,000");
    EXPECT_EQ(format_count(123456789), "123,456,789");
}

TEST(Format, Seconds) {
    EXPECT_EQ(format_seconds(0.00085), "850 us");
    EXPECT_EQ(format_seconds(0.0123), "12.3 ms");
    EXPECT_EQ(format_seconds(4.559), "4.56 s");
    EXPECT_EQ(format_seconds(185), "3 min 05 s");
}

TEST(Format, Percent) {
    EXPECT_EQ(format_percent(39, 40), "97.5 %");
    EXPECT_EQ(format_percent(0, 0), "-");
}

TEST(Progress, ShowsShareRateAndTimeLeft) {
    const auto line = render_progress("reading", 512, 1024, 2.0);
    EXPECT_EQ(
        line,
        "reading [###############---------------]  50 %  512 B/1.0 KiB  256 B/s  2.00 s left");
}

TEST(Progress, StaysWithinItsBarAtTheEnds) {
    EXPECT_TRUE(contains(render_progress("x", 0, 1024, 0), "[" + std::string(30, '-')));
    EXPECT_TRUE(contains(render_progress("x", 0, 0, 1), " 100 %"));
    EXPECT_TRUE(contains(render_progress("x", 2048, 1024, 1), std::string(30, '#') + "]"));
}

}  // namespace
}  // namespace examples
