// Flush and the destructor: what reaches the file, when, and how much.

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <vector>

#include "support/host.hpp"
#include "support/scratch.hpp"

namespace {

using gpuio::ArrayRef;
using gpuio::Context;
using gpuio::GPUIOArray;
using Number = std::uint32_t;

constexpr std::size_t kPageBytes = 4096;
constexpr std::size_t kOnPage = kPageBytes / sizeof(Number);
constexpr std::size_t kCount = 20 * kOnPage;

class FlushDurability : public ::testing::Test {
protected:
    FlushDurability() : model_(test::random_bytes(kCount * sizeof(Number))) {
        scratch_.write("data", model_);
    }
    void set(std::size_t index, Number value) {
        std::memcpy(model_.data() + index * sizeof(Number), &value, sizeof(value));
    }
    bool file_is_current() const { return test::same_bytes(scratch_.read("data"), model_); }

    test::Scratch scratch_;
    test::Bytes model_;
    Context context_{test::host_config(kPageBytes)};
};

void write_one(ArrayRef<Number> a, std::size_t index, Number value) { a[index] = value; }

TEST_F(FlushDurability, WritesThePagesThatChangedAndNoOthers) {
    GPUIOArray<Number> array(context_, scratch_.uri("data"), kCount);
    std::vector<Number> seen(kCount);
    array.read(0, seen);
    array.flush();
    EXPECT_EQ(array.stats().written_bytes, 0u) << "nothing was dirty";
    for (const std::size_t index : {std::size_t{5}, 7 * kOnPage, 7 * kOnPage + 9}) {
        test::run_single(context_, write_one, array.ref(), index, 1u);
        set(index, 1);
    }
    EXPECT_FALSE(file_is_current()) << "write-back, not write-through";
    array.flush();
    EXPECT_EQ(array.stats().written_bytes, 2 * kPageBytes);
    EXPECT_TRUE(file_is_current());
    array.flush();
    EXPECT_EQ(array.stats().written_bytes, 2 * kPageBytes) << "nothing is dirty any more";
}

TEST_F(FlushDurability, WritesOfTheHostAreFlushedToo) {
    GPUIOArray<Number> array(context_, scratch_.uri("data"), kCount);
    const Number two[] = {11, 12};
    array.write(3 * kOnPage - 1, two);  // over a page's end
    set(3 * kOnPage - 1, 11);
    set(3 * kOnPage, 12);
    array.flush();
    EXPECT_EQ(array.stats().written_bytes, 2 * kPageBytes);
    EXPECT_TRUE(file_is_current());
}

TEST_F(FlushDurability, FlushesOneArrayAndLeavesAnother) {
    scratch_.write("other", model_);
    GPUIOArray<Number> array(context_, scratch_.uri("data"), kCount);
    GPUIOArray<Number> other(context_, scratch_.uri("other"), kCount);
    test::run_single(context_, write_one, array.ref(), 0, 1u);
    test::run_single(context_, write_one, other.ref(), 0, 2u);
    const test::Bytes before = scratch_.read("other");
    array.flush();
    set(0, 1);
    EXPECT_TRUE(file_is_current());
    EXPECT_TRUE(test::same_bytes(scratch_.read("other"), before));
    EXPECT_EQ(other.stats().written_bytes, 0u);
}

TEST_F(FlushDurability, TheDestructorWritesBack) {
    {
        GPUIOArray<Number> array(context_, scratch_.uri("data"), kCount);
        gpuio::launch(context_, 1, 1, write_one, array.ref(), kCount - 1, 99u);
    }  // waits for the kernel, too
    set(kCount - 1, 99);
    EXPECT_TRUE(file_is_current());
}

TEST_F(FlushDurability, AMovedArrayWritesBackOnce) {
    {
        GPUIOArray<Number> array(context_, scratch_.uri("data"), kCount);
        test::run_single(context_, write_one, array.ref(), 4, 44u);
        GPUIOArray<Number> moved(std::move(array));
        EXPECT_EQ(moved.size(), kCount);
    }
    set(4, 44);
    EXPECT_TRUE(file_is_current());
}

TEST_F(FlushDurability, AnArrayOutlivesItsContextsHandle) {
    auto context = std::make_unique<Context>(test::host_config(kPageBytes));
    GPUIOArray<Number> array(*context, scratch_.uri("data"), kCount);
    test::run_single(*context, write_one, array.ref(), 8, 88u);
    context.reset();
    array.flush();
    set(8, 88);
    EXPECT_TRUE(file_is_current());
}

TEST_F(FlushDurability, AReadOnlyArrayHasNothingToFlush) {
    GPUIOArray<const Number> array(context_, scratch_.uri("data"), kCount);
    Number seen = 0;
    array.read(0, std::span(&seen, 1));
    array.flush();
    EXPECT_EQ(array.stats().written_bytes, 0u);
    EXPECT_TRUE(file_is_current());
}

}  // namespace
