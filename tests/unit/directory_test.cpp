// The L2 directory: kernels copy what L2 has without asking the host service (decision 10).

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
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
constexpr std::size_t kPages = 200;  // several times what L1 holds
constexpr std::size_t kCount = kPages * kOnPage - 20;
constexpr std::uint64_t kEnoughPages = 256;  // of L2

/// What a context has counted so far.
struct Counts {
    std::uint64_t misses, hits, write_backs, evictions, read_bytes, faults;

    Counts operator-(const Counts& before) const {
        return {misses - before.misses,       hits - before.hits,
                write_backs - before.write_backs, evictions - before.evictions,
                read_bytes - before.read_bytes, faults - before.faults};
    }
    /// Pages that the service was asked for. It is asked to take pages back as before.
    std::uint64_t asked_for() const { return faults - write_backs; }
};

class Directory : public ::testing::Test {
protected:
    Directory() : numbers_(numbers(kCount, 1)) { store("data", numbers_); }

    static std::vector<Number> numbers(std::size_t count, Number factor) {
        std::vector<Number> all(count);
        for (std::size_t i = 0; i < count; ++i) {
            all[i] = static_cast<Number>((i + 7) * factor * 2654435761u);
        }
        return all;
    }
    void store(const char* name, const std::vector<Number>& all) {
        test::Bytes bytes(all.size() * sizeof(Number));
        std::memcpy(bytes.data(), all.data(), bytes.size());
        scratch_.write(name, bytes);
    }
    static gpuio::Config config(std::uint64_t l2_pages, bool reads_ahead = false) {
        gpuio::Config config = test::host_config(kPageBytes, test::kFewestL1Pages, l2_pages);
        config.prefetch = reads_ahead;
        return config;
    }
    template <class Array>
    static Counts counts(const Context& context, const Array& array) {
        const gpuio::Stats stats = array.stats();
        const std::string text = context.metrics();
        const std::string name = "\ngpuio_service_faults_total ";
        const auto at = text.find(name);
        EXPECT_NE(at, std::string::npos);
        return {stats.l1_misses,    stats.l2_hits,    stats.l1_write_backs,
                stats.l2_evictions, stats.read_bytes, std::stoull(text.substr(at + name.size()))};
    }

    test::Scratch scratch_;
    std::vector<Number> numbers_;
};

/// Reads one element of each page, one page after the other.
void touch_pages(ArrayRef<const Number> a, std::size_t pages, std::uint64_t* sum) {
    for (std::size_t page = 0; page < pages; ++page) *sum += a[page * kOnPage];
}

TEST_F(Directory, WhatWasAskedForOnceIsNotAskedForAgain) {
    Context context(config(kEnoughPages));
    GPUIOArray<const Number> array(context, scratch_.uri("data"), kCount);
    std::uint64_t sum = 0, expected = 0;
    for (std::size_t page = 0; page < kPages; ++page) expected += numbers_[page * kOnPage];
    test::run_single(context, touch_pages, array.ref(), kPages, &sum);
    const Counts first = counts(context, array);
    EXPECT_EQ(sum, expected);
    EXPECT_EQ(first.misses, kPages);
    EXPECT_EQ(first.faults, kPages);
    EXPECT_EQ(first.hits, 0u);

    for (int pass = 2; pass < 5; ++pass) {
        const Counts before = counts(context, array);
        sum = 0;
        test::run_single(context, touch_pages, array.ref(), kPages, &sum);
        const Counts now = counts(context, array) - before;
        EXPECT_EQ(sum, expected);
        EXPECT_GE(now.misses, kPages - test::kFewestL1Pages);
        EXPECT_EQ(now.hits, now.misses);
        EXPECT_EQ(now.faults, 0u);
        EXPECT_EQ(now.read_bytes, 0u);
    }
}

TEST_F(Directory, WhatWasReadAheadIsAskedForOnce) {
    Context context(config(kEnoughPages, true));
    GPUIOArray<const Number> array(context, scratch_.uri("data"), kCount);
    // The detector sees the first scan whole, although it has most pages brought ahead of it.
    for (const std::uint64_t asked : {kPages, std::size_t{0}}) {
        const Counts before = counts(context, array);
        std::uint64_t sum = 0;
        test::run_single(context, touch_pages, array.ref(), kPages, &sum);
        EXPECT_EQ((counts(context, array) - before).faults, asked);
    }
}

TEST_F(Directory, WhatL2HoldsIsReadWhileTheServiceStandsStill) {
    gpuio::Config config = this->config(kEnoughPages);
    config.io_timeout_us = 1'000'000;
    Context context(config);
    GPUIOArray<const Number> array(context, scratch_.uri("data"), kCount);
    std::uint64_t first = 0, sum = 0;
    test::run_single(context, touch_pages, array.ref(), kPages, &first);
    context.state()->pause_service(true);
    gpuio::launch(context, 1, 1, touch_pages, array.ref(), kPages, &sum);
    context.state()->wait_for_kernels();
    context.state()->pause_service(false);
    context.synchronize();  // no access has failed
    EXPECT_EQ(sum, first);
}

/// What the host has read or asked for, kernels need not ask for at all.
TEST_F(Directory, WhatTheHostHasBroughtIsNotAskedFor) {
    for (const bool by_read : {true, false}) {
        gpuio::Config config = this->config(2 * kEnoughPages);
        config.io_timeout_us = 1'000'000;
        Context context(config);
        GPUIOArray<const Number> array(context, scratch_.uri("data"), kCount);
        if (by_read) {
            std::vector<Number> numbers(kCount);
            array.read(0, numbers);
        } else {
            array.prefetch(0, kCount);
            const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
            while (array.stats().read_bytes < kCount * sizeof(Number)) {
                ASSERT_LT(std::chrono::steady_clock::now(), until) << "the prefetch never ends";
                std::this_thread::yield();
            }
        }
        context.state()->pause_service(true);
        std::uint64_t sum = 0;
        gpuio::launch(context, 1, 1, touch_pages, array.ref(), kPages, &sum);
        context.state()->wait_for_kernels();
        context.state()->pause_service(false);
        context.synchronize();  // no access has failed
        std::uint64_t expected = 0;
        for (std::size_t i = 0; i < kCount; i += kOnPage) expected += numbers_[i];
        EXPECT_EQ(sum, expected);
    }
}

/// Reads and writes elements of the thread's own at random. Counts those that are not as they were
/// left.
void visit_own(ArrayRef<Number> a, int steps, Number salt, std::uint64_t* wrong) {
    const std::size_t threads = gpuio::thread_count();
    const std::size_t own = (a.size() - gpuio::thread_index() - 1) / threads + 1;
    std::uint64_t state = gpuio::thread_index() * 977 + salt;
    std::vector<Number> left(own);
    std::vector<bool> known(own);
    for (int step = 0; step < steps; ++step) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const std::size_t k = (state >> 33) % own;
        const std::size_t i = k * threads + gpuio::thread_index();
        if (known[k] && a[i] != left[k]) __atomic_fetch_add(wrong, 1, __ATOMIC_RELAXED);
        if (state >> 20 & 1) continue;
        left[k] = static_cast<Number>(state >> 11);
        known[k] = true;
        a[i] = left[k];
    }
}

/// Adds up all elements, the threads taking turns.
void add_up(ArrayRef<const Number> a, std::uint64_t* sum) {
    std::uint64_t own = 0;
    for (std::size_t i = gpuio::thread_index(); i < a.size(); i += gpuio::thread_count()) {
        own += a[i];
    }
    __atomic_fetch_add(sum, own, __ATOMIC_RELAXED);
}

std::uint64_t sum_of(const std::vector<Number>& all) {
    std::uint64_t sum = 0;
    for (const Number number : all) sum += number;
    return sum;
}

TEST_F(Directory, RandomReadsAndWritesByManyThreads) {
    Context context(config(kEnoughPages));
    GPUIOArray<Number> array(context, scratch_.uri("data"), kCount);
    std::uint64_t sum = 0, wrong = 0;
    test::run_single(context, touch_pages, array.ref(), kPages, &sum);
    const Counts before = counts(context, array);
    for (Number round = 0; round < 4; ++round) {
        test::run(context, visit_own, array.ref(), 400, round, &wrong);
    }
    const Counts now = counts(context, array) - before;
    EXPECT_EQ(wrong, 0u);
    EXPECT_GT(now.misses, 4 * kPages);
    EXPECT_GT(now.write_backs, kPages);
    EXPECT_EQ(now.asked_for(), 0u);
    EXPECT_EQ(now.hits, now.misses);
    EXPECT_EQ(now.read_bytes, 0u);
    std::vector<Number> all(kCount);
    array.read(0, all);
    array.flush();
    sum = 0;
    test::run(context, add_up, array.ref(), &sum);
    EXPECT_EQ(sum, sum_of(all));
    const test::Bytes file = scratch_.read("data");
    EXPECT_EQ(std::memcmp(file.data(), all.data(), file.size()), 0);
}

TEST_F(Directory, PagesThatLeaveL2WhileTheyAreCopied) {
    for (const std::uint64_t l2_pages : {test::kFewestL2Pages, std::uint64_t{40}}) {
        for (const char* parameters : {"", "?backend=threads"}) {
            Context context(config(l2_pages));
            GPUIOArray<Number> array(context, scratch_.uri("data") + parameters, kCount);
            std::uint64_t wrong = 0;
            for (Number round = 0; round < 3; ++round) {
                test::run(context, visit_own, array.ref(), 150, round, &wrong);
            }
            EXPECT_EQ(wrong, 0u);
            EXPECT_GT(counts(context, array).evictions, kPages);
            std::vector<Number> all(kCount);
            array.read(0, all);
            std::uint64_t sum = 0;
            test::run(context, add_up, array.ref(), &sum);
            EXPECT_EQ(sum, sum_of(all));
        }
    }
}

TEST_F(Directory, WhatTheHostWritesIsSeen) {
    Context context(config(kEnoughPages));
    GPUIOArray<Number> array(context, scratch_.uri("data"), kCount);
    std::uint64_t sum = 0;
    test::run_single(context, touch_pages, array.ref(), kPages, &sum);
    for (Number round = 2; round < 5; ++round) {
        const std::vector<Number> news = numbers(round * 9 * kOnPage + 5, round);
        array.write(kOnPage / 2, news);
        std::copy(news.begin(), news.end(), numbers_.begin() + kOnPage / 2);
        if (round == 3) array.flush();
        std::vector<Number> seen(kCount);
        test::run(context, test::copy_out<Number>, array.ref(), 0, kCount, seen.data());
        EXPECT_EQ(seen, numbers_) << round;
    }
}

TEST_F(Directory, UsedPagesStayInL2) {
    constexpr std::size_t kHot = 48, kCold = 4;  // L1 has room for 32 pages, L2 for 64
    gpuio::Config config = this->config(64);
    config.cache_policy = gpuio::CachePolicy::kLru;
    Context context(config);
    GPUIOArray<const Number> array(context, scratch_.uri("data"), kCount);
    std::size_t cold = kHot;
    std::uint64_t sum = 0;
    test::run_single(context, touch_pages, array.ref(), kHot, &sum);
    for (; cold + kCold <= kPages; cold += kCold) {
        test::run_single(
            context,
            +[](ArrayRef<const Number> a, std::size_t first, std::size_t end, std::uint64_t* to) {
                for (std::size_t page = first; page < end; ++page) *to += a[page * kOnPage];
            },
            array.ref(), cold, cold + kCold, &sum);
        test::run_single(context, touch_pages, array.ref(), kHot, &sum);
    }
    EXPECT_GT(counts(context, array).evictions, 50u);
    EXPECT_EQ(cold, kPages);
    EXPECT_EQ(array.stats().read_bytes, kCount * sizeof(Number)) << "a page was read again";
}

/// Reads elements at random and counts those that are wrong.
void check_random(ArrayRef<const Number> a, int steps, const Number* expected,
                  std::uint64_t* wrong) {
    std::uint64_t state = gpuio::thread_index() * 31 + 5;
    for (int step = 0; step < steps; ++step) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const std::size_t i = (state >> 33) % a.size();
        if (a[i] != expected[i]) __atomic_fetch_add(wrong, 1, __ATOMIC_RELAXED);
    }
}

TEST_F(Directory, AnArrayGoesWhileAnotherIsInUse) {
    const std::vector<Number> others = numbers(kCount - kOnPage, 3);
    store("other", others);
    Context context(config(kEnoughPages));
    const GPUIOArray<const Number> stays(context, scratch_.uri("data"), kCount);
    std::uint64_t wrong = 0;
    for (int round = 0; round < 4; ++round) {
        // The ids take turns: what the closed array had in the directory is nobody's.
        const bool is_other = round % 2 == 0;
        const std::vector<Number>& expected = is_other ? others : numbers_;
        auto goes = std::make_unique<GPUIOArray<const Number>>(
            context, scratch_.uri(is_other ? "other" : "data"), expected.size());
        gpuio::launch(context, 8, 16, check_random, goes->ref(), 200, expected.data(), &wrong);
        gpuio::launch(context, 8, 16, check_random, stays.ref(), 200, numbers_.data(), &wrong);
        goes.reset();
    }
    context.synchronize();
    EXPECT_EQ(wrong, 0u);
    EXPECT_GT(counts(context, stays).hits, 0u);
}

}  // namespace
