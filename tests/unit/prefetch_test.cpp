// Prefetching: asked for by the host or a kernel, or found out from how an array is read.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <thread>
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
constexpr std::size_t kPages = 400;
constexpr std::size_t kCount = kPages * kOnPage;

class Prefetch : public ::testing::Test {
protected:
    Prefetch() : numbers_(kCount) {
        for (std::size_t i = 0; i < kCount; ++i) numbers_[i] = static_cast<Number>(i * 2654435761u);
        test::Bytes bytes(kCount * sizeof(Number));
        std::memcpy(bytes.data(), numbers_.data(), bytes.size());
        scratch_.write("data", bytes);
    }
    Context context(std::uint64_t l2_pages, bool reads_ahead) const {
        gpuio::Config config = test::host_config(kPageBytes, 64, l2_pages);
        config.host_threads = 1;
        config.prefetch = reads_ahead;
        return Context(config);
    }
    /// Waits until a counter stands still above zero. Bounded by the test's own deadline.
    template <class Counter>
    static std::uint64_t settled(Counter counter) {
        std::uint64_t last = 0;
        for (int same = 0; same < 20 || last == 0;) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
            const std::uint64_t now = counter();
            same = now == last ? same + 1 : 0;
            last = now;
        }
        return last;
    }

    test::Scratch scratch_;
    std::vector<Number> numbers_;
};

TEST_F(Prefetch, WhatTheHostPrefetchedIsAHit) {
    Context context = this->context(128, false);
    GPUIOArray<const Number> array(context, scratch_.uri("data"), kCount);
    array.prefetch(10 * kOnPage, 50 * kOnPage);
    EXPECT_EQ(settled([&] { return array.stats().read_bytes; }), 50 * kPageBytes);
    EXPECT_EQ(array.stats().read_ahead_pages, 50u);
    std::vector<Number> seen(50 * kOnPage);
    test::run(context, test::copy_out<Number>, array.ref(), 10 * kOnPage, seen.size(), seen.data());
    EXPECT_TRUE(std::equal(seen.begin(), seen.end(), numbers_.begin() + 10 * kOnPage));
    EXPECT_EQ(array.stats().l2_hits, 50u);
    EXPECT_EQ(array.stats().l2_misses, 0u);
    EXPECT_EQ(array.stats().read_bytes, 50 * kPageBytes);
}

TEST_F(Prefetch, MoreThanL2HoldsIsBounded) {
    Context context = this->context(64, false);
    GPUIOArray<const Number> array(context, scratch_.uri("data"), kCount);
    array.prefetch(0, kCount);
    EXPECT_LE(settled([&] { return array.stats().read_ahead_pages; }), 64u);
    EXPECT_EQ(array.stats().l2_evictions, 0u) << "pages pushed each other out";
    Number seen = 0;
    array.read(kCount - 1, std::span(&seen, 1));
    EXPECT_EQ(seen, numbers_.back());
}

TEST_F(Prefetch, RangesAreChecked) {
    Context context = this->context(64, false);
    GPUIOArray<const Number> array(context, scratch_.uri("data"), kCount);
    array.prefetch(0, 0);
    array.prefetch(kCount, 0);
    EXPECT_GPUIO_ERROR(array.prefetch(1, kCount), gpuio::ErrorCode::kInvalidArgument, "leave");
    EXPECT_GPUIO_ERROR(array.prefetch(SIZE_MAX, 2), gpuio::ErrorCode::kInvalidArgument, "leave");
}

void prefetch_pages(ArrayRef<const Number> a, std::size_t pages) {
    for (std::size_t page = 0; page < pages; ++page) a.prefetch(page * kOnPage);
    a.prefetch(a.size() + 5);  // out of range: nothing
}

TEST_F(Prefetch, KernelsPrefetchIntoL1) {
    Context context = this->context(64, false);
    GPUIOArray<const Number> array(context, scratch_.uri("data"), kCount);
    test::run_single(context, prefetch_pages, array.ref(), 10);
    EXPECT_EQ(array.stats().l1_prefetches, 10u);
    EXPECT_EQ(settled([&] { return array.stats().read_bytes; }), 10 * kPageBytes);
    const std::uint64_t misses = array.stats().l1_misses;
    std::vector<Number> seen(10 * kOnPage);
    test::run(context, test::copy_out<Number>, array.ref(), 0, seen.size(), seen.data());
    EXPECT_TRUE(std::equal(seen.begin(), seen.end(), numbers_.begin()));
    EXPECT_EQ(array.stats().l1_misses, misses) << "asked for once more";
    EXPECT_EQ(array.stats().read_bytes, 10 * kPageBytes);
}

TEST_F(Prefetch, WhatTheHostWritesReplacesWhatWasPrefetched) {
    Context context = this->context(64, false);
    GPUIOArray<Number> array(context, scratch_.uri("data"), kCount);
    for (const bool arrived : {true, false}) {
        const Number before = array.stats().l1_prefetches;
        test::run_single(
            context,
            +[](ArrayRef<Number> a) {
                for (std::size_t page = 0; page < 10; ++page) a.prefetch(page * kOnPage);
            },
            array.ref());
        EXPECT_EQ(array.stats().l1_prefetches, before + 10);
        if (arrived) settled([&] { return array.stats().read_bytes; });
        const std::vector<Number> news(10 * kOnPage, arrived ? 77 : 78);
        array.write(0, news);
        std::vector<Number> seen(news.size());
        test::run(context, test::copy_out<Number>, array.ref(), 0, seen.size(), seen.data());
        EXPECT_EQ(seen, news);
        array.write(0, news);  // takes the pages out of L1 for the second round
    }
}

void prefetch_and_read_elsewhere(ArrayRef<const Number> a, std::size_t pages, Number* seen) {
    for (std::size_t page = 0; page < pages; ++page) a.prefetch(page * kOnPage);
    *seen = a[300 * kOnPage];
}

TEST_F(Prefetch, APrefetchThatNobodyComesForStopsNoOne) {
    gpuio::Config config = test::host_config(kPageBytes);  // 8 pages of L2
    config.io_timeout_us = 3'000'000;
    Context context(config);
    GPUIOArray<const Number> array(context, scratch_.uri("data"), kCount);
    Number seen = 0;
    test::run_single(context, prefetch_and_read_elsewhere, array.ref(), 25, &seen);
    EXPECT_EQ(seen, numbers_[300 * kOnPage]);
    std::vector<Number> all(kCount);
    array.read(0, all);
    EXPECT_EQ(all, numbers_);
}

/// Reads the first element of every `stride`th page.
void read_stride(ArrayRef<const Number> a, std::size_t stride, std::uint64_t* sum) {
    for (std::size_t i = 0; i < a.size(); i += stride * kOnPage) *sum += a[i];
}
/// Reads from pages in an order without any pattern.
void read_random(ArrayRef<const Number> a, std::uint64_t* sum) {
    std::uint64_t state = 12345;
    for (int k = 0; k < 200; ++k) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        *sum += a[(state >> 33) % a.size()];
    }
}

TEST_F(Prefetch, SequencesAndStridesAreReadAhead) {
    for (const std::size_t stride : {1, 3}) {
        Context context = this->context(128, true);
        GPUIOArray<const Number> array(context, scratch_.uri("data"), kCount);
        std::uint64_t sum = 0, expected = 0;
        test::run_single(context, read_stride, array.ref(), stride, &sum);
        for (std::size_t i = 0; i < kCount; i += stride * kOnPage) expected += numbers_[i];
        EXPECT_EQ(sum, expected);
        const std::size_t read = (kPages + stride - 1) / stride;
        EXPECT_GT(array.stats().read_ahead_pages, read / 2) << "stride " << stride;
        EXPECT_GT(array.stats().l2_hits, array.stats().l2_misses) << "stride " << stride;
    }
}

TEST_F(Prefetch, RandomAccessIsNot) {
    Context context = this->context(128, true);
    GPUIOArray<const Number> array(context, scratch_.uri("data"), kCount);
    std::uint64_t sum = 0;
    test::run_single(context, read_random, array.ref(), &sum);
    EXPECT_LT(array.stats().read_ahead_pages, 20u);
}

TEST_F(Prefetch, ReadAheadCanBeSwitchedOff) {
    Context context = this->context(128, false);
    GPUIOArray<const Number> array(context, scratch_.uri("data"), kCount);
    std::uint64_t sum = 0;
    test::run_single(context, read_stride, array.ref(), 1, &sum);
    EXPECT_EQ(array.stats().read_ahead_pages, 0u);
}

}  // namespace
