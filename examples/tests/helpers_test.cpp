#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "common/table.hpp"
#include "common/uri.hpp"
#include "embedding_gather/half.hpp"

namespace examples {
namespace {

TEST(LocalioUri, EncodesWhatUrisGiveAMeaning) {
    EXPECT_EQ(localio_uri("/data/a-b_c.~1"), "localio:///data/a-b_c.~1");
    EXPECT_EQ(localio_uri("/d/a b?c=1&d#%é"), "localio:///d/a%20b%3Fc%3D1%26d%23%25%C3%A9");
    EXPECT_EQ(localio_uri("/d/f", 4096), "localio:///d/f?offset=4096");
}

TEST(LocalioUri, MakesRelativePathsAbsolute) {
    EXPECT_EQ(localio_uri("f"), localio_uri(std::filesystem::current_path() / "f"));
}

TEST(Table, AlignsValues) {
    Table table;
    table.row("a", "1");
    table.row("longer", "2");
    EXPECT_EQ(table.text(), "  a       1\n  longer  2\n");
}

TEST(Half, NormalsAreExact) {
    EXPECT_EQ(to_float(Half{0x3c00}), 1.0F);
    EXPECT_EQ(to_float(Half{0xc000}), -2.0F);
    EXPECT_EQ(to_float(Half{0x7bff}), 65504.0F);
    EXPECT_EQ(to_float(Half{0x3555}), 1365.0F / 4096.0F);
    EXPECT_EQ(to_float(Half{0x0400}), 0x1p-14F);
}

TEST(Half, ZerosKeepTheirSign) {
    EXPECT_EQ(std::bit_cast<std::uint32_t>(to_float(Half{0x0000})), 0U);
    EXPECT_EQ(std::bit_cast<std::uint32_t>(to_float(Half{0x8000})), 0x80000000U);
}

TEST(Half, SubnormalsAreExact) {
    EXPECT_EQ(to_float(Half{0x0001}), 0x1p-24F);
    EXPECT_EQ(to_float(Half{0x83ff}), -1023 * 0x1p-24F);
}

TEST(Half, InfinitiesAndNaNs) {
    EXPECT_EQ(to_float(Half{0x7c00}), std::numeric_limits<float>::infinity());
    EXPECT_EQ(to_float(Half{0xfc00}), -std::numeric_limits<float>::infinity());
    EXPECT_TRUE(std::isnan(to_float(Half{0x7e01})));
}

}  // namespace
}  // namespace examples
