// Data that cannot be had or kept: the end of a file, a full disk, a bad index.

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "../unit/support/host.hpp"
#include "../unit/support/mount.hpp"
#include "../unit/support/scratch.hpp"

namespace {

using gpuio::ArrayRef;
using gpuio::Context;
using gpuio::ErrorCode;
using gpuio::GPUIOArray;
using Number = std::uint32_t;

constexpr std::size_t kPageBytes = 4096;
constexpr std::size_t kOnPage = kPageBytes / sizeof(Number);

void read_one(ArrayRef<const Number> a, std::size_t index, Number* seen) { *seen = a[index]; }
void write_one(ArrayRef<Number> a, std::size_t index, Number value) { a[index] = value; }

TEST(DataErrors, AnIndexOutOfRange) {
    test::Scratch scratch;
    const test::Bytes bytes = test::random_bytes(400);
    scratch.write("data", bytes);
    Context context(test::host_config(kPageBytes));
    GPUIOArray<Number> array(context, scratch.uri("data"), 100);
    Number seen = 77;
    EXPECT_GPUIO_ERROR(test::run_single(context, read_one, array.ref(), 100, &seen),
                       ErrorCode::kInvalidArgument, "index 100", "100 elements", "data");
    EXPECT_EQ(seen, 0u) << "reads as T{}";
    EXPECT_GPUIO_ERROR(test::run_single(context, write_one, array.ref(), 5000, 1),
                       ErrorCode::kInvalidArgument, "index 5000");
    context.synchronize();  // an error is reported once
    test::run_single(context, read_one, array.ref(), 99, &seen);
    EXPECT_EQ(std::memcmp(&seen, bytes.data() + 396, 4), 0);
    EXPECT_GPUIO_ERROR(array.read(99, std::span(&seen, 2)), ErrorCode::kInvalidArgument, "100");
    array.flush();
    EXPECT_TRUE(test::same_bytes(scratch.read("data"), bytes));
}

TEST(DataErrors, TheFirstErrorStaysUntilItIsAskedFor) {
    test::Scratch scratch;
    scratch.write("data", test::random_bytes(400));
    Context context(test::host_config(kPageBytes));
    GPUIOArray<const Number> array(context, scratch.uri("data"), 100);
    Number seen = 0;
    for (const std::size_t index : {200, 300, 400}) {
        gpuio::launch(context, 1, 1, read_one, array.ref(), index, &seen);
    }
    EXPECT_GPUIO_ERROR(context.synchronize(), ErrorCode::kInvalidArgument, "index 200",
                       "2 more accesses failed");
}

TEST(DataErrors, ReadsPastTheEndOfAGrowingFile) {
    test::Scratch scratch;
    const test::Bytes bytes = test::random_bytes(2 * kPageBytes);
    scratch.write("data", bytes);
    Context context(test::host_config(kPageBytes));
    GPUIOArray<const Number> array(context, scratch.uri("data", "grow=1"), 4 * kOnPage);
    Number seen = 0;
    test::run_single(context, read_one, array.ref(), 2 * kOnPage - 1, &seen);
    EXPECT_EQ(std::memcmp(&seen, bytes.data() + bytes.size() - 4, 4), 0);
    const auto error = test::error_of(
        [&] { test::run_single(context, read_one, array.ref(), 2 * kOnPage + 5, &seen); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code(), ErrorCode::kIo) << error->what();
    EXPECT_EQ(error->offset(), 2 * kPageBytes + 20);
    EXPECT_EQ(seen, 0u);
    Number two[2];
    EXPECT_GPUIO_ERROR(array.read(2 * kOnPage - 1, two), ErrorCode::kIo, "the file ends here",
                       "8192");
    // The file grows: what is there now can be read.
    scratch.write("data", test::random_bytes(4 * kPageBytes));
    array.read(2 * kOnPage - 1, two);
    test::run_single(context, read_one, array.ref(), 2 * kOnPage + 5, &seen);
    EXPECT_EQ(std::memcmp(&seen, scratch.read("data").data() + 2 * kPageBytes + 20, 4), 0);
}

TEST(DataErrors, AFileTruncatedWhileInUse) {
    test::Scratch scratch;
    scratch.write("data", test::random_bytes(100 * kPageBytes));
    Context context(test::host_config(kPageBytes));
    GPUIOArray<const Number> array(context, scratch.uri("data"), 100 * kOnPage);
    Number seen = 0;
    test::run_single(context, read_one, array.ref(), 0, &seen);
    std::filesystem::resize_file(scratch.path("data"), 10 * kPageBytes);
    EXPECT_GPUIO_ERROR(test::run_single(context, read_one, array.ref(), 60 * kOnPage, &seen),
                       ErrorCode::kIo, "at offset 245760", "data");
    EXPECT_EQ(seen, 0u);
    EXPECT_GPUIO_ERROR(array.read(60 * kOnPage, std::span(&seen, 1)), ErrorCode::kIo,
                       "truncated while in use", "40960 bytes long now");
    test::run_single(context, read_one, array.ref(), 9 * kOnPage, &seen);  // still there
}

// A pinned array that cannot be filled is not written back: it holds nothing worth keeping.
TEST(DataErrors, APinnedArrayThatCannotBeFilledLeavesTheFileAlone) {
    test::Scratch scratch;
    const test::Bytes bytes = test::random_bytes(3 * kPageBytes + 100);
    scratch.write("data", bytes);
    Context context(test::host_config(kPageBytes));
    const std::string uri = scratch.uri("data", "grow=1&policy=pinned");
    EXPECT_GPUIO_ERROR(GPUIOArray<Number>(context, uri, 6 * kOnPage), ErrorCode::kIo, "ends here");
    EXPECT_TRUE(test::same_bytes(scratch.read("data"), bytes));
}

/// Writes i + `summand` to every element.
void fill(ArrayRef<Number> a, Number summand) {
    for (std::size_t i = gpuio::thread_index(); i < a.size(); i += gpuio::thread_count()) {
        a[i] = static_cast<Number>(i) + summand;
    }
}

std::vector<Number> numbers(std::size_t count, Number summand) {
    std::vector<Number> numbers(count);
    for (std::size_t i = 0; i < count; ++i) numbers[i] = static_cast<Number>(i) + summand;
    return numbers;
}

std::vector<Number> numbers_in(const test::Bytes& bytes) {
    std::vector<Number> numbers(bytes.size() / sizeof(Number));
    std::memcpy(numbers.data(), bytes.data(), numbers.size() * sizeof(Number));
    return numbers;
}

TEST(DataErrors, ADiskThatIsFullDuringAFlush) {
    test::SmallDisk disk(64 * kPageBytes);
    if (!disk.mounted()) GTEST_SKIP() << "this user cannot mount a file system";
    const test::Scratch& scratch = disk.scratch();
    constexpr std::size_t pages = 32;
    // Tiers that hold the whole array: it is the flush that meets the full disk.
    Context context(test::host_config(kPageBytes, 64, 64));
    scratch.write(disk.name("durable"), test::random_bytes(8 * kPageBytes));
    const test::Bytes durable = scratch.read(disk.name("durable"));
    scratch.write(disk.name("sparse"), {});
    std::filesystem::resize_file(scratch.path(disk.name("sparse")), pages * kPageBytes);
    GPUIOArray<Number> array(context, scratch.uri(disk.name("sparse")), pages * kOnPage);
    const std::vector<Number> first = numbers(kOnPage, 500);
    array.write(0, first);
    array.flush();
    scratch.write(disk.name("ballast"), test::random_bytes(40 * kPageBytes));

    test::run(context, fill, array.ref(), 9u);
    for (int k = 0; k < 2; ++k) {  // it stays so
        EXPECT_GPUIO_ERROR(array.flush(), ErrorCode::kIo, "full", "free some space", "sparse");
    }
    EXPECT_TRUE(test::same_bytes(scratch.read(disk.name("durable")), durable));
    std::vector<Number> seen(array.size());
    array.read(0, seen);
    EXPECT_EQ(seen, numbers(array.size(), 9)) << "nothing that was written is lost";

    std::filesystem::remove(scratch.path(disk.name("ballast")));
    array.flush();
    EXPECT_EQ(numbers_in(scratch.read(disk.name("sparse"))), numbers(array.size(), 9));
}

TEST(DataErrors, ADiskThatIsFullWhenPagesMustMakeRoom) {
    test::SmallDisk disk(64 * kPageBytes);
    if (!disk.mounted()) GTEST_SKIP() << "this user cannot mount a file system";
    const test::Scratch& scratch = disk.scratch();
    constexpr std::size_t pages = 120;  // three times what the tiers hold
    scratch.write(disk.name("sparse"), {});
    std::filesystem::resize_file(scratch.path(disk.name("sparse")), pages * kPageBytes);
    scratch.write(disk.name("ballast"), test::random_bytes(50 * kPageBytes));
    Context context(test::host_config(kPageBytes));
    GPUIOArray<Number> array(context, scratch.uri(disk.name("sparse")), pages * kOnPage);
    EXPECT_GPUIO_ERROR(test::run(context, fill, array.ref(), 3u), ErrorCode::kIo, "written");
    EXPECT_GPUIO_ERROR(array.flush(), ErrorCode::kIo, "full");
    // Part of it was written; with room, the same kernel does the whole.
    std::filesystem::remove(scratch.path(disk.name("ballast")));
    std::filesystem::remove(scratch.path(disk.name("x")));
    ASSERT_EQ(::mount("none", scratch.path("disk").c_str(), "tmpfs", MS_REMOUNT, "size=4m"), 0);
    array.flush();
    test::run(context, fill, array.ref(), 3u);
    array.flush();
    EXPECT_EQ(numbers_in(scratch.read(disk.name("sparse"))), numbers(array.size(), 3));
}

}  // namespace
