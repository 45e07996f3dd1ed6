// Configuration: the four places it comes from, and what is wrong with it.

#include <gtest/gtest.h>

#include <clocale>
#include <cstdlib>
#include <string>

#include "support/host.hpp"
#include "support/scratch.hpp"

namespace {

using gpuio::Config;
using gpuio::Context;
using gpuio::ErrorCode;

/// Every test begins without GPUIO_* variables and with a file to put settings in.
class Configuration : public ::testing::Test {
protected:
    Configuration() {
        setenv("GPUIO_DEVICE", "host", 1);
        setenv("GPUIO_MEMORY_POOL_SIZE", "16MiB", 1);
    }
    ~Configuration() override {
        for (const char* name : {"GPUIO_DEVICE", "GPUIO_MEMORY_POOL_SIZE", "GPUIO_PAGE_BYTES",
                                 "GPUIO_CONFIG_FILE", "GPUIO_PAGE_BITES", "GPUIO_IO_TIMEOUT_US"}) {
            unsetenv(name);
        }
    }
    std::string file(const std::string& text) const {
        const auto* first = reinterpret_cast<const std::byte*>(text.data());
        return scratch_.write("gpuio.toml", {first, first + text.size()});
    }
    static std::uint64_t page_bytes(const Config& config) { return Context(config).page_bytes(); }

    test::Scratch scratch_;
};

TEST_F(Configuration, CodeComesBeforeEnvironmentBeforeFileBeforeDefault) {
    Config config;
    EXPECT_EQ(page_bytes(config), 65536u);
    config.config_file = file("page_bytes = \"4KiB\"\n");
    EXPECT_EQ(page_bytes(config), 4096u);
    setenv("GPUIO_PAGE_BYTES", "8KiB", 1);
    EXPECT_EQ(page_bytes(config), 8192u);
    config.page_bytes = 16384;
    EXPECT_EQ(page_bytes(config), 16384u);
}

TEST_F(Configuration, TheEnvironmentNamesAFile) {
    setenv("GPUIO_CONFIG_FILE", file("page_bytes = 2048\n").c_str(), 1);
    EXPECT_EQ(page_bytes({}), 2048u);
}

TEST_F(Configuration, UnknownKeysAreNamed) {
    Config config;
    config.config_file = file("# two lines\npage_bites = 4096\n");
    EXPECT_GPUIO_ERROR(Context{config}, ErrorCode::kInvalidArgument, "page_bites", "page_bytes",
                       "gpuio.toml:2");
    setenv("GPUIO_PAGE_BITES", "4096", 1);
    EXPECT_GPUIO_ERROR(Context{Config{}}, ErrorCode::kInvalidArgument, "GPUIO_PAGE_BITES",
                       "GPUIO_PAGE_BYTES");
}

TEST_F(Configuration, WrongValuesNameTheirPlace) {
    Config config;
    config.config_file = file("page_bytes = true\n");
    EXPECT_GPUIO_ERROR(Context{config}, ErrorCode::kInvalidArgument, "gpuio.toml", "page_bytes");
    setenv("GPUIO_IO_TIMEOUT_US", "soon", 1);
    EXPECT_GPUIO_ERROR(Context{Config{}}, ErrorCode::kInvalidArgument, "GPUIO_IO_TIMEOUT_US",
                       "soon");
}

TEST_F(Configuration, AMissingFile) {
    Config config;
    config.config_file = scratch_.path("absent.toml");
    EXPECT_GPUIO_ERROR(Context{config}, ErrorCode::kNotFound, "absent.toml", "config_file");
}

TEST_F(Configuration, CapacitiesThatAreTooSmallSayTheSmallest) {
    Config config = test::host_config(4096);
    config.l1_capacity_bytes = 32 * 4096 - 1;
    EXPECT_GPUIO_ERROR(Context{config}, ErrorCode::kInvalidArgument, "l1_capacity_bytes",
                       "smallest", "131072");
    config = test::host_config(4096);
    config.l2_capacity_bytes = 4096;
    EXPECT_GPUIO_ERROR(Context{config}, ErrorCode::kInvalidArgument, "l2_capacity_bytes",
                       "smallest", "32768");
    Config pool;
    pool.memory_pool_size = 65536;
    EXPECT_GPUIO_ERROR(Context{pool}, ErrorCode::kInvalidArgument, "memory_pool_size", "smallest");
    Context smallest(test::host_config(4096));
}

TEST_F(Configuration, PageSizes) {
    for (const std::uint64_t bytes : {0, 1, 256, 4095, 6000, 4 << 20}) {
        Config config;
        config.page_bytes = bytes;
        EXPECT_GPUIO_ERROR(Context{config}, ErrorCode::kInvalidArgument, "page_bytes",
                           "power of two", std::to_string(bytes));
    }
}

TEST_F(Configuration, Devices) {
    for (const char* name : {"gpu", "cuda", "cuda:x", ""}) {
        Config config;
        config.device = name;
        EXPECT_GPUIO_ERROR(Context{config}, ErrorCode::kInvalidArgument, "device", "host");
    }
    Config config;
    config.device = "cuda:99";  // no machine has it
    const auto error = test::error_of([&] { Context{config}; });
    ASSERT_TRUE(error);
    EXPECT_TRUE(error->code() == ErrorCode::kUnsupported || error->code() == ErrorCode::kNotFound)
        << error->what();
}

TEST_F(Configuration, RatiosOfAllSizes) {
    for (const double ratio : {0.25, 1.0 / 3, 0.9}) {
        Config config;
        config.l1_ratio = ratio;
        Context context(config);
    }
    for (const double ratio : {0.0, 1.0, -1.0, 1e-9}) {
        Config config;
        config.l1_ratio = ratio;
        EXPECT_GPUIO_ERROR(Context{config}, ErrorCode::kInvalidArgument);
    }
}

TEST_F(Configuration, ARatioKeepsItsDigits) {
    Config config = test::host_config(4096);
    config.l1_ratio = 4e-7;  // legal, since the capacities are given
    Context context(config);
}

TEST_F(Configuration, ARatioIsReadInLocalesWithACommaToo) {
    const std::string before = std::setlocale(LC_NUMERIC, nullptr);
    bool found = false;
    for (const char* name : {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8"}) {
        found = found || std::setlocale(LC_NUMERIC, name) != nullptr;
    }
    if (!found) GTEST_SKIP() << "no locale with a decimal comma is installed";
    Config config;
    config.l1_ratio = 0.25;
    EXPECT_NO_THROW(Context{config});
    std::setlocale(LC_NUMERIC, before.c_str());
}

TEST_F(Configuration, TheHostDeviceIsListedLast) {
    Context context(test::host_config(4096));
    const auto devices = context.devices();
    ASSERT_FALSE(devices.empty());
    EXPECT_EQ(devices.back().vendor, gpuio::Vendor::kHost);
    EXPECT_EQ(devices.back().device_id, -1);
    EXPECT_GT(devices.back().total_memory, 0u);
    EXPECT_FALSE(context.on_gpu());
    EXPECT_EQ(context.device().vendor, gpuio::Vendor::kHost);
}

}  // namespace
