// Streaming: what a cursor has brought ahead is read right into L1, past L2. Pages are small and
// L1 has enough of them for stretches that are worth it.

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <vector>

#include "support/host.hpp"
#include "support/scratch.hpp"

namespace {

using gpuio::ArrayRef;
using gpuio::Context;
using gpuio::ErrorCode;
using gpuio::GPUIOArray;
using Number = std::uint32_t;

constexpr std::size_t kPageBytes = 4096;
constexpr std::size_t kOnPage = kPageBytes / sizeof(Number);
constexpr std::size_t kL1Pages = 1024;
constexpr std::size_t kCount = 3000 * kOnPage + 25;  // the last page is not whole

/// Reads all elements in order and tells how many are not what they should be.
void count_wrong(ArrayRef<const Number> a, const Number* expected, std::uint64_t* wrong) {
    auto p = a.pin(0);
    for (std::size_t i = 0; i < a.size(); ++i) *wrong += p[i] != expected[i];
}

class Streaming : public ::testing::Test {
protected:
    Streaming() : numbers_(kCount) {
        for (std::size_t i = 0; i < kCount; ++i) numbers_[i] = static_cast<Number>(i * 2654435761u);
        store("data", numbers_);
    }
    void store(const char* name, const std::vector<Number>& numbers) {
        test::Bytes bytes(numbers.size() * sizeof(Number));
        std::memcpy(bytes.data(), numbers.data(), bytes.size());
        scratch_.write(name, bytes);
    }
    static Context context(std::size_t l2_pages) {
        return Context(test::host_config(kPageBytes, kL1Pages, l2_pages));
    }
    std::uint64_t wrong(Context context, const ArrayRef<const Number>& array) const {
        std::uint64_t count = 0;
        test::run_single(context, count_wrong, array, numbers_.data(), &count);
        return count;
    }

    test::Scratch scratch_;
    std::vector<Number> numbers_;
};

TEST_F(Streaming, AScanLeavesL2Alone) {
    Context context = this->context(16);
    for (const char* parameters : {"", "?direct=1", "?backend=threads"}) {
        GPUIOArray<const Number> array(context, scratch_.uri("data") + parameters, kCount);
        const std::uint64_t before = array.stats().l2_evictions;
        EXPECT_EQ(wrong(context, array.ref()), 0u) << parameters;
        EXPECT_EQ(array.stats().read_bytes, kCount * sizeof(Number)) << parameters;
        // Some pages go by L2, where the cursor comes before the engine: none to speak of on an
        // idle machine, some hundred where other programs have the cores.
        EXPECT_LT(array.stats().l2_evictions - before, kCount / kOnPage / 3) << parameters;
    }
}

TEST_F(Streaming, ItStartsAnywhereInAFile) {
    Context context = this->context(16);
    const std::size_t skipped = 1234;
    GPUIOArray<const Number> array(
        context, scratch_.uri("data") + "?offset=" + std::to_string(skipped * sizeof(Number)),
        kCount - skipped);
    std::uint64_t count = 0;
    test::run_single(context, count_wrong, array.ref(), numbers_.data() + skipped, &count);
    EXPECT_EQ(count, 0u);
}

TEST_F(Streaming, WhatIsStreamedAgainSoonStaysInL2) {
    Context context = this->context(4096);
    GPUIOArray<const Number> array(context, scratch_.uri("data"), kCount);
    for (int scan = 0; scan < 2; ++scan) EXPECT_EQ(wrong(context, array.ref()), 0u);
    const std::uint64_t read = array.stats().read_bytes;
    EXPECT_EQ(wrong(context, array.ref()), 0u);
    // But what the second scan found in L1: that is only now streamed again.
    EXPECT_LT(array.stats().read_bytes - read, kL1Pages * kPageBytes);
}

TEST_F(Streaming, AScanKeepsWhatElseIsInL1) {
    Context context = this->context(16);
    const std::vector<Number> others(400 * kOnPage, 5);
    store("others", others);
    GPUIOArray<const Number> kept(context, scratch_.uri("others"), others.size());
    std::vector<Number> seen(others.size());
    test::run(context, test::copy_out<Number>, kept.ref(), 0, seen.size(), seen.data());
    GPUIOArray<const Number> array(context, scratch_.uri("data"), kCount);
    for (int scan = 0; scan < 3; ++scan) EXPECT_EQ(wrong(context, array.ref()), 0u);
    const std::uint64_t read = kept.stats().read_bytes;
    test::run(context, test::copy_out<Number>, kept.ref(), 0, seen.size(), seen.data());
    EXPECT_EQ(seen, others);
    EXPECT_LT(kept.stats().read_bytes - read, others.size() * sizeof(Number) / 2);
}

TEST_F(Streaming, AScanSeesWhatKernelsAndTheHostWrote) {
    Context context = this->context(16);
    GPUIOArray<Number> array(context, scratch_.uri("data"), kCount);
    for (std::size_t round = 0; round < 3; ++round) {
        const std::size_t first = round * 700 * kOnPage + 5;
        const std::vector<Number> news(600 * kOnPage, static_cast<Number>(round + 1));
        test::run(context, test::copy_in<Number>, array.ref(), first, news.size(), news.data());
        std::copy(news.begin(), news.end(), numbers_.begin() + static_cast<std::ptrdiff_t>(first));
        EXPECT_EQ(wrong(context, array.ref()), 0u);
        array.write(first + 9, std::span(news.data(), 1));
        const std::vector<Number> others(300 * kOnPage, static_cast<Number>(round + 91));
        array.write(first + kOnPage, others);
        std::copy(others.begin(), others.end(),
                  numbers_.begin() + static_cast<std::ptrdiff_t>(first + kOnPage));
        EXPECT_EQ(wrong(context, array.ref()), 0u);
    }
    array.flush();
    test::Bytes bytes(kCount * sizeof(Number));
    std::memcpy(bytes.data(), numbers_.data(), bytes.size());
    EXPECT_TRUE(test::same_bytes(scratch_.read("data"), bytes));
}

TEST_F(Streaming, SeveralCursorsAtOnce) {
    Context context = this->context(64);
    GPUIOArray<const Number> array(context, scratch_.uri("data"), kCount);
    std::vector<Number> seen(kCount);
    const auto copy_part = +[](ArrayRef<const Number> a, Number* out) {
        const std::size_t part = a.size() / gpuio::thread_count() + 1;
        const std::size_t first = gpuio::thread_index() * part;
        auto p = a.pin(first);
        for (std::size_t i = first; i < first + part && i < a.size(); ++i) out[i] = p[i];
    };
    for (const std::size_t threads : {3, 12}) {
        std::fill(seen.begin(), seen.end(), 0);
        gpuio::launch(context, threads, 1, copy_part, array.ref(), seen.data());
        context.synchronize();
        EXPECT_EQ(seen, numbers_) << threads;
    }
}

TEST_F(Streaming, TheEndOfAFileIsAnErrorOnlyForThoseWhoReadThere) {
    Context context = this->context(16);
    GPUIOArray<const Number> array(context, scratch_.uri("data"), kCount);
    const std::size_t left = 2000 * kOnPage;
    std::filesystem::resize_file(scratch_.path("data"), left * sizeof(Number));
    const auto sum_first = +[](ArrayRef<const Number> a, std::size_t count, const Number* expected,
                               std::uint64_t* wrong) {
        auto p = a.pin(0);
        for (std::size_t i = 0; i < count; ++i) *wrong += p[i] != expected[i];
    };
    std::uint64_t count = 0;
    test::run_single(context, sum_first, array.ref(), left, numbers_.data(), &count);
    EXPECT_EQ(count, 0u) << "pages brought ahead failed, but nobody read them";
    EXPECT_GPUIO_ERROR(
        test::run_single(context, sum_first, array.ref(), left + 1, numbers_.data(), &count),
        ErrorCode::kIo, "data");
    std::filesystem::resize_file(scratch_.path("data"), kCount * sizeof(Number));
    count = 0;
    test::run_single(context, sum_first, array.ref(), left, numbers_.data(), &count);
    EXPECT_EQ(count, 0u);
}

}  // namespace
