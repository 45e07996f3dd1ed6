#include "gpuio/version.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

TEST(Version, LibraryAndHeadersAgree) {
    const std::string expected = std::to_string(GPUIO_VERSION_MAJOR) + "." +
                                 std::to_string(GPUIO_VERSION_MINOR) + "." +
                                 std::to_string(GPUIO_VERSION_PATCH);
    EXPECT_EQ(gpuio::version(), expected);
}

}  // namespace
