// Bad input where an array is opened: each is a typed error that says what to do.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>

#include "../unit/support/host.hpp"
#include "../unit/support/scratch.hpp"

namespace {

using gpuio::Context;
using gpuio::ErrorCode;
using gpuio::GPUIOArray;
using Number = std::uint32_t;

class OpenErrors : public ::testing::Test {
protected:
    void open(const std::string& uri, std::size_t count) {
        GPUIOArray<Number> array(context_, uri, count);
    }
    void open_to_read(const std::string& uri, std::size_t count) {
        GPUIOArray<const Number> array(context_, uri, count);
    }

    test::Scratch scratch_;
    Context context_{test::host_config(4096)};
};

TEST_F(OpenErrors, MissingFile) {
    EXPECT_GPUIO_ERROR(open(scratch_.uri("absent"), 1), ErrorCode::kNotFound, "absent",
                       "no such file", "create=1");
    EXPECT_GPUIO_ERROR(open_to_read(scratch_.uri("absent", "create=1"), 1), ErrorCode::kNotFound,
                       "read-only array does not create");
    EXPECT_FALSE(std::filesystem::exists(scratch_.path("absent")));
}

TEST_F(OpenErrors, Directory) {
    EXPECT_GPUIO_ERROR(open("localio://" + scratch_.folder().string(), 1),
                       ErrorCode::kInvalidArgument, "directory", "regular file");
}

/// Opens as a user who may not, in a process of its own. Exits with 0 if the error is right.
int open_as_nobody(const std::string& uri) {
    if (setgid(65534) != 0 || setuid(65534) != 0) return 77;
    try {
        Context context(test::host_config(4096));
        GPUIOArray<const Number> array(context, uri, 1);
    } catch (const gpuio::Error& error) {
        const bool says_what = test::contains(error.what(), "no permission to read") &&
                               test::contains(error.what(), "secret");
        return error.code() == ErrorCode::kPermission && says_what ? 0 : 2;
    }
    return 3;
}

TEST(OpenErrorsOfAnotherUser, UnreadableFile) {
    if (getuid() != 0) GTEST_SKIP() << "only root can become another user";
    test::Scratch scratch;
    std::filesystem::permissions(scratch.folder(), std::filesystem::perms{0755});
    scratch.write("secret", test::random_bytes(100));
    std::filesystem::permissions(scratch.path("secret"), std::filesystem::perms{0600});
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) _exit(open_as_nobody(scratch.uri("secret")));
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(OpenErrors, FileShorterThanTheArray) {
    scratch_.write("short", test::random_bytes(1000));
    const auto error = test::error_of([&] { open(scratch_.uri("short"), 251); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code(), ErrorCode::kIo);
    EXPECT_EQ(error->offset(), 1000u);
    for (const char* part : {"1000 bytes long", "needs 1004", "create=1", "short"}) {
        EXPECT_TRUE(test::contains(error->what(), part)) << error->what();
    }
    EXPECT_EQ(scratch_.read("short").size(), 1000u);
    open(scratch_.uri("short"), 250);  // exactly as long as the file
}

TEST_F(OpenErrors, CreateMakesAndGrowsTheFile) {
    {
        GPUIOArray<Number> array(context_, scratch_.uri("new", "create=1&offset=10"), 100);
        const Number value = 7;
        array.write(99, {&value, 1});
    }
    test::Bytes expected(410);
    expected[10 + 99 * 4] = std::byte{7};
    EXPECT_TRUE(test::same_bytes(scratch_.read("new"), expected));
}

TEST_F(OpenErrors, ZeroLengthArray) {
    scratch_.write("data", test::random_bytes(100));
    EXPECT_GPUIO_ERROR(open(scratch_.uri("data"), 0), ErrorCode::kInvalidArgument,
                       "at least one element", "data");
}

TEST_F(OpenErrors, SizesThatOverflow) {
    scratch_.write("data", test::random_bytes(100));
    constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
    for (const std::size_t count : {most, most / 4 + 2, std::size_t{1} << 62}) {
        EXPECT_GPUIO_ERROR(open(scratch_.uri("data", "grow=1"), count),
                           ErrorCode::kInvalidArgument, std::to_string(count), "element count");
    }
    // A legal length whose page table no machine can hold.
    EXPECT_GPUIO_ERROR(open(scratch_.uri("data", "grow=1"), std::size_t{1} << 56),
                       ErrorCode::kNoMemory);
    EXPECT_GPUIO_ERROR(open("memio://cpu/dram", std::size_t{1} << 50), ErrorCode::kNoMemory);
}

TEST_F(OpenErrors, UnknownEngineAndParameter) {
    EXPECT_GPUIO_ERROR(open("locallio:///data", 1), ErrorCode::kInvalidArgument, "locallio",
                       "localio");
    EXPECT_GPUIO_ERROR(open("localio:///data?ofset=4", 1), ErrorCode::kInvalidArgument, "ofset",
                       "offset");
    EXPECT_GPUIO_ERROR(open("localio:///data?offset=x", 1), ErrorCode::kInvalidArgument, "offset");
    EXPECT_GPUIO_ERROR(open("/data/plain", 1), ErrorCode::kInvalidArgument, "localio://");
}

TEST_F(OpenErrors, NulBytesInTheUri) {
    using namespace std::string_literals;
    const auto raw = test::error_of([&] { open("localio:///da\0ta"s, 1); });
    ASSERT_TRUE(raw);
    EXPECT_EQ(raw->code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(raw->offset(), 13u);
    EXPECT_EQ(std::string(raw->what()).find('\0'), std::string::npos);
    EXPECT_GPUIO_ERROR(open("localio:///da%00ta", 1), ErrorCode::kInvalidArgument, "NUL");
}

TEST_F(OpenErrors, ContextsOutliveTheirFailedArrays) {
    scratch_.write("data", test::random_bytes(4000));
    for (int k = 0; k < 3000; ++k) {  // more than the arrays and files there may be
        EXPECT_EQ(gpuio::attempt([&] { open(scratch_.uri("data"), 1001); }).error().code(),
                  ErrorCode::kIo);
    }
    open(scratch_.uri("data"), 1000);
}

}  // namespace
