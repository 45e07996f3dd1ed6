// Arrays in host memory, and the policies: cached, bypass, pinned.

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "support/elements.hpp"
#include "support/host.hpp"
#include "support/scratch.hpp"

namespace {

using gpuio::ArrayRef;
using gpuio::Context;
using gpuio::ErrorCode;
using gpuio::GPUIOArray;

constexpr std::size_t kPageBytes = 512;

template <class T>
std::vector<T> random_values(std::size_t count) {
    std::vector<T> values(count);
    const test::Bytes bytes = test::random_bytes(count * sizeof(T), count);
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
}

template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
    return std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

/// Kernels and the host write in turns; each must see what the other wrote.
template <class T>
void check_round_trips(Context context, GPUIOArray<T>& array) {
    std::vector<T> model(array.size());
    array.read(0, model);
    for (int round = 0; round < 3; ++round) {
        const auto by_kernel = random_values<T>(array.size() / 2);
        test::run(context, test::copy_in<T>, array.ref(), 3, by_kernel.size(), by_kernel.data());
        std::copy(by_kernel.begin(), by_kernel.end(), model.begin() + 3);
        const auto by_host = random_values<T>(array.size() / 3);
        array.write(array.size() / 3, by_host);
        std::copy(by_host.begin(), by_host.end(),
                  model.begin() + static_cast<std::ptrdiff_t>(array.size() / 3));
        std::vector<T> seen(array.size());
        array.read(0, seen);
        EXPECT_TRUE(same(seen, model)) << "by the host";
        test::run(context, test::copy_out<T>, array.ref(), 0, seen.size(), seen.data());
        EXPECT_TRUE(same(seen, model)) << "by a kernel";
    }
}

template <class T>
class MemIo : public ::testing::Test {};
using Types = ::testing::Types<std::uint8_t, std::uint32_t, test::Blob<7>, test::Triple,
                               test::Blob<4096>>;
TYPED_TEST_SUITE(MemIo, Types);

TYPED_TEST(MemIo, EveryPolicy) {
    for (const char* policy : {"cached", "bypass", "pinned"}) {
        for (const char* offset : {"0", "77", "8192"}) {
            SCOPED_TRACE(std::string(policy) + ", offset " + offset);
            Context context(test::host_config(kPageBytes));
            const std::string uri =
                std::string("memio://cpu/dram?policy=") + policy + "&offset=" + offset;
            GPUIOArray<TypeParam> array(context, uri, 100'000 / sizeof(TypeParam) + 10);
            check_round_trips(context, array);
            array.flush();  // nothing to do
        }
    }
}

TEST(MemIoArrays, MemoryBeginsAsZeros) {
    Context context(test::host_config(kPageBytes));
    GPUIOArray<std::uint32_t> array(context, "memio://cpu/dram", 50'000);
    std::vector<std::uint32_t> seen(array.size(), 1);
    test::run(context, test::copy_out<std::uint32_t>, array.ref(), 0, seen.size(), seen.data());
    EXPECT_EQ(seen, std::vector<std::uint32_t>(array.size(), 0));
}

TEST(MemIoArrays, TwoArraysAreTwoMemories) {
    Context context(test::host_config(kPageBytes));
    GPUIOArray<std::uint32_t> one(context, "memio://cpu/dram", 1000);
    GPUIOArray<std::uint32_t> two(context, "memio://cpu/dram", 1000);
    const std::vector<std::uint32_t> ones(1000, 1);
    one.write(0, ones);
    std::vector<std::uint32_t> seen(1000, 9);
    two.read(0, seen);
    EXPECT_EQ(seen, std::vector<std::uint32_t>(1000, 0));
}

TEST(Pinned, AFileThatIsResidentAsAWhole) {
    for (const std::size_t offset : {0, 1000, 5121}) {
        SCOPED_TRACE("offset " + std::to_string(offset));
        constexpr std::size_t count = 30'000;  // many times both tiers
        test::Scratch scratch;
        test::Bytes model = test::random_bytes(offset + count * 4 + 99);
        scratch.write("data", model);
        const std::string uri =
            scratch.uri("data", "policy=pinned&offset=" + std::to_string(offset));
        const auto values = random_values<std::uint32_t>(5000);
        {
            Context context(test::host_config(kPageBytes));
            GPUIOArray<std::uint32_t> array(context, uri, count);
            check_round_trips(context, array);
            test::run(context, test::copy_in<std::uint32_t>, array.ref(), 20'000, 5000,
                      values.data());
            std::vector<std::uint32_t> all(count);
            array.read(0, all);
            std::memcpy(model.data() + offset, all.data(), count * 4);
            EXPECT_EQ(array.stats().l1_misses, 0u);
            array.flush();
            EXPECT_TRUE(test::same_bytes(scratch.read("data"), model));
            array.write(7, std::span(values).first(1));
            std::memcpy(model.data() + offset + 28, values.data(), 4);
        }
        EXPECT_TRUE(test::same_bytes(scratch.read("data"), model)) << "after the destructor";
    }
}

TEST(Bypass, NeedsMemory) {
    test::Scratch scratch;
    scratch.write("data", test::random_bytes(4096));
    Context context(test::host_config(kPageBytes));
    EXPECT_GPUIO_ERROR(
        GPUIOArray<std::uint32_t>(context, scratch.uri("data", "policy=bypass"), 10),
        ErrorCode::kUnsupported, "policy=bypass", "memio", "policy=cached");
}

void touch_outside(ArrayRef<std::uint32_t> a, std::uint32_t* seen) {
    *seen = a[a.size()];
    a[a.size() + 1] = 1;
}

TEST(Bypass, ChecksIndices) {
    Context context(test::host_config(kPageBytes));
    for (const char* policy : {"bypass", "pinned"}) {
        GPUIOArray<std::uint32_t> array(
            context, std::string("memio://cpu/dram?policy=") + policy, 100);
        std::uint32_t seen = 7;
        EXPECT_GPUIO_ERROR(test::run_single(context, touch_outside, array.ref(), &seen),
                           ErrorCode::kInvalidArgument, "index 100", "1 more access");
        EXPECT_EQ(seen, 0u);
    }
}

}  // namespace
