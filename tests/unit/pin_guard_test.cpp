// Pin guards: cursors over pages, and what they write back.

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <vector>

#include "support/elements.hpp"
#include "support/host.hpp"
#include "support/scratch.hpp"

namespace {

using gpuio::ArrayRef;
using gpuio::Context;
using gpuio::GPUIOArray;

using Number = std::uint32_t;
constexpr std::size_t kPageBytes = 512;
constexpr std::size_t kOnPage = kPageBytes / sizeof(Number);
constexpr std::size_t kCount = 100 * kOnPage + 37;  // the last page is partial

/// A file of the numbers 0, 1, 2 ...
class PinGuard : public ::testing::Test {
protected:
    PinGuard() : numbers_(kCount) {
        std::iota(numbers_.begin(), numbers_.end(), 0u);
        test::Bytes bytes(kCount * sizeof(Number));
        std::memcpy(bytes.data(), numbers_.data(), bytes.size());
        scratch_.write("data", bytes);
    }

    std::vector<Number> file() const {
        const test::Bytes bytes = scratch_.read("data");
        std::vector<Number> numbers(bytes.size() / sizeof(Number));
        std::memcpy(numbers.data(), bytes.data(), bytes.size());
        return numbers;
    }

    test::Scratch scratch_;
    std::vector<Number> numbers_;
    Context context_{test::host_config(kPageBytes)};
};

/// Each thread sums its share of the array by a cursor that crosses pages.
void sum_shares(ArrayRef<const Number> a, std::uint64_t* sums) {
    const std::size_t share = a.size() / gpuio::thread_count() + 1;
    const std::size_t begin = gpuio::thread_index() * share;
    auto guard = a.pin(begin);
    for (std::size_t i = begin; i < begin + share && i < a.size(); ++i) {
        sums[gpuio::thread_index()] += guard[i];
    }
}

TEST_F(PinGuard, ReadsWithinAndBeyondItsPage) {
    GPUIOArray<const Number> array(context_, scratch_.uri("data"), kCount);
    std::vector<std::uint64_t> sums(128);
    test::run(context_, sum_shares, array.ref(), sums.data());
    const std::uint64_t expected = std::uint64_t{kCount} * (kCount - 1) / 2;
    EXPECT_EQ(std::accumulate(sums.begin(), sums.end(), std::uint64_t{0}), expected);
}

void jump_about(ArrayRef<const Number> a, std::vector<Number>* seen) {
    auto guard = a.pin(5);
    for (const std::size_t i : {5ul, 0ul, kOnPage - 1, kOnPage, 3ul, kCount - 1, kCount - 37}) {
        seen->push_back(guard[i]);
    }
}

TEST_F(PinGuard, FollowsAnyIndex) {
    GPUIOArray<const Number> array(context_, scratch_.uri("data"), kCount);
    std::vector<Number> seen;
    test::run_single(context_, jump_about, array.ref(), &seen);
    EXPECT_EQ(seen, (std::vector<Number>{5, 0, kOnPage - 1, kOnPage, 3, kCount - 1, kCount - 37}));
}

struct Held {
    bool at_pin, last_on_page, next_page, after_release, after_return;
};
void look_at_held(ArrayRef<const Number> a, Held* held) {
    auto guard = a.pin(kOnPage + 3);
    held->at_pin = guard.holds(kOnPage) && guard.holds(kOnPage + 3);
    held->last_on_page = guard.holds(2 * kOnPage - 1);
    held->next_page = guard.holds(2 * kOnPage) || guard.holds(kOnPage - 1);
    guard.release();
    guard.release();  // a second time is harmless
    held->after_release = guard.holds(kOnPage);
    (void)static_cast<Number>(guard[kOnPage]);
    held->after_return = guard.holds(kOnPage);
}

TEST_F(PinGuard, HoldsOnePageUntilReleased) {
    GPUIOArray<const Number> array(context_, scratch_.uri("data"), kCount);
    Held held{};
    test::run_single(context_, look_at_held, array.ref(), &held);
    EXPECT_TRUE(held.at_pin);
    EXPECT_TRUE(held.last_on_page);
    EXPECT_FALSE(held.next_page);
    EXPECT_FALSE(held.after_release);
    EXPECT_TRUE(held.after_return);
}

void collect_runs(ArrayRef<const Number> a, std::vector<Number>* seen,
                  std::vector<std::size_t>* lengths) {
    auto guard = a.pin(10);
    for (std::size_t i = 10; i < a.size();) {
        const auto run = guard.run(i);
        if (run.count == 0) return;
        lengths->push_back(run.count);
        for (const Number& number : run) seen->push_back(number);
        i += run.count;
    }
}

TEST_F(PinGuard, RunsEndWithTheirPageAndWithTheArray) {
    GPUIOArray<const Number> array(context_, scratch_.uri("data"), kCount);
    std::vector<Number> seen;
    std::vector<std::size_t> lengths;
    test::run_single(context_, collect_runs, array.ref(), &seen, &lengths);
    ASSERT_EQ(lengths.size(), 101u);
    EXPECT_EQ(lengths.front(), kOnPage - 10);
    EXPECT_EQ(lengths[1], kOnPage);
    EXPECT_EQ(lengths.back(), 37u);
    EXPECT_EQ(seen, std::vector<Number>(numbers_.begin() + 10, numbers_.end()));
}

TEST_F(PinGuard, RunsOfAnArrayThatStartsInsideAPage) {
    constexpr std::size_t skipped = 20;
    GPUIOArray<const Number> array(context_, scratch_.uri("data", "offset=80"), kCount - skipped);
    std::vector<Number> seen;
    std::vector<std::size_t> lengths;
    test::run_single(context_, collect_runs, array.ref(), &seen, &lengths);
    EXPECT_EQ(lengths.front(), kOnPage - skipped - 10);
    EXPECT_EQ(seen, std::vector<Number>(numbers_.begin() + skipped + 10, numbers_.end()));
}

void read_by_guard(ArrayRef<Number> a, std::uint64_t* sum) {
    auto guard = a.pin(0);
    for (std::size_t i = 0; i < a.size(); ++i) *sum += static_cast<Number>(guard[i]);
}

TEST_F(PinGuard, ReadingThroughAWritableGuardWritesNothing) {
    GPUIOArray<Number> array(context_, scratch_.uri("data"), kCount);
    std::uint64_t sum = 0;
    test::run_single(context_, read_by_guard, array.ref(), &sum);
    array.flush();
    EXPECT_EQ(sum, std::uint64_t{kCount} * (kCount - 1) / 2);
    EXPECT_EQ(array.stats().written_bytes, 0u);
    EXPECT_EQ(array.stats().l1_write_backs, 0u);
}

void write_some(ArrayRef<Number> a) {
    auto guard = a.pin(0);
    for (std::size_t i = 0; i < a.size(); ++i) {
        const Number number = guard[i];
        if (number == 3 * kOnPage + 7 || number == 50 * kOnPage || number == kCount - 1) {
            guard[i] = number + 1'000'000;
        }
    }
}

TEST_F(PinGuard, WritingMarksItsPagesAndNoOthers) {
    {
        GPUIOArray<Number> array(context_, scratch_.uri("data"), kCount);
        test::run_single(context_, write_some, array.ref());
        array.flush();
        // Two whole pages, and of the last one what belongs to the array.
        EXPECT_EQ(array.stats().written_bytes, 2 * kPageBytes + 37 * sizeof(Number));
    }
    for (const std::size_t i : {3 * kOnPage + 7, 50 * kOnPage, kCount - 1}) {
        numbers_[i] += 1'000'000;
    }
    EXPECT_EQ(file(), numbers_);
}

void increment_runs(ArrayRef<Number> a) {
    const std::size_t pages = (a.size() + kOnPage - 1) / kOnPage;
    for (std::size_t page = gpuio::thread_index(); page < pages; page += gpuio::thread_count()) {
        auto guard = a.pin(page * kOnPage);
        for (Number& number : guard.run(page * kOnPage)) ++number;
    }
}

TEST_F(PinGuard, WritingThroughRunsReachesTheFile) {
    {
        GPUIOArray<Number> array(context_, scratch_.uri("data"), kCount);
        test::run(context_, increment_runs, array.ref());
    }
    for (Number& number : numbers_) ++number;
    EXPECT_EQ(file(), numbers_);
}

void add_by_guard(ArrayRef<Number> a) {
    auto guard = a.pin(kOnPage);
    guard[kOnPage] += 5;
    guard[kOnPage + 1] = guard[kOnPage];
    guard.release();
    guard[kOnPage + 2] = 9;  // pins again
}

TEST_F(PinGuard, AddsAndAssignsFromAnotherElement) {
    {
        GPUIOArray<Number> array(context_, scratch_.uri("data"), kCount);
        test::run_single(context_, add_by_guard, array.ref());
    }
    numbers_[kOnPage] += 5;
    numbers_[kOnPage + 1] = numbers_[kOnPage];
    numbers_[kOnPage + 2] = 9;
    EXPECT_EQ(file(), numbers_);
}

void copy_by_guards(ArrayRef<test::Triple> to, ArrayRef<const test::Triple> from) {
    auto source = from.pin(0);
    auto target = to.pin(0);
    for (std::size_t i = 0; i < from.size(); ++i) target[i] = source[i];
}

TEST_F(PinGuard, ElementsThatStraddlePages) {
    constexpr std::size_t count = 2'000;
    const test::Bytes bytes = test::random_bytes(count * sizeof(test::Triple));
    scratch_.write("from", bytes);
    scratch_.write("to", test::Bytes(bytes.size()));
    {
        GPUIOArray<const test::Triple> from(context_, scratch_.uri("from"), count);
        GPUIOArray<test::Triple> to(context_, scratch_.uri("to"), count);
        test::run_single(context_, copy_by_guards, to.ref(), from.ref());
    }
    EXPECT_TRUE(test::same_bytes(scratch_.read("to"), bytes));
}

void pin_outside(ArrayRef<const Number> a, Number* seen, std::size_t* run_length) {
    auto guard = a.pin(a.size());
    *run_length = guard.run(a.size()).count;
    *seen = guard[a.size() + 5];
}

TEST_F(PinGuard, AnIndexOutsideTheArrayIsAnError) {
    GPUIOArray<const Number> array(context_, scratch_.uri("data"), kCount);
    Number seen = 77;
    std::size_t run_length = 77;
    EXPECT_GPUIO_ERROR(
        test::run_single(context_, pin_outside, array.ref(), &seen, &run_length),
        gpuio::ErrorCode::kInvalidArgument, "out of range", std::to_string(kCount + 5));
    EXPECT_EQ(seen, 0u);
    EXPECT_EQ(run_length, 0u);
}

}  // namespace
