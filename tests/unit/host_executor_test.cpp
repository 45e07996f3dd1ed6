// The host device's threads, through the public API: what runs, where it is told it runs, and what
// happens when thousands of logical threads wait at the same time.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cfenv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "gpuio/gpuio.hpp"

namespace {

constexpr std::uint64_t kPageBytes = 4096;
constexpr std::size_t kPageWords = kPageBytes / sizeof(std::uint32_t);

/// A file of 32-bit words, word i holding i, in a folder of its own.
class WordFile {
public:
    explicit WordFile(std::size_t count) : count_(count) {
        std::string name = (std::filesystem::temp_directory_path() / "gpuio-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
        folder_ = name;
        std::vector<std::uint32_t> words(count);
        for (std::size_t i = 0; i < count; ++i) words[i] = static_cast<std::uint32_t>(i);
        std::ofstream file(path(), std::ios::binary);
        file.write(reinterpret_cast<const char*>(words.data()),
                   static_cast<std::streamsize>(count * sizeof words[0]));
    }
    ~WordFile() { std::filesystem::remove_all(folder_); }
    WordFile(const WordFile&) = delete;
    WordFile& operator=(const WordFile&) = delete;

    std::size_t size() const { return count_; }
    std::string uri() const { return "localio://" + path().string(); }

private:
    std::filesystem::path path() const { return folder_ / "words"; }

    std::filesystem::path folder_;
    std::size_t count_;
};

gpuio::Config host_config(std::uint64_t frames = 64, std::uint32_t threads = 2) {
    gpuio::Config config;
    config.device = "host";
    config.page_bytes = kPageBytes;
    config.l1_capacity_bytes = frames * kPageBytes;
    config.l2_capacity_bytes = 64 * kPageBytes;
    config.host_threads = threads;
    config.prefetch = false;  // every page is waited for
    config.io_timeout_us = 5'000'000;
    return config;
}

using Visits = std::vector<std::atomic<std::uint32_t>>;

void expect_one_visit_each(const Visits& visits) {
    for (std::size_t i = 0; i < visits.size(); ++i) {
        ASSERT_EQ(visits[i].load(), 1u) << "logical thread " << i;
    }
}

void visit_kernel(Visits* visits, std::atomic<bool>* wrong_count) {
    if (gpuio::thread_count() != visits->size()) *wrong_count = true;
    ++(*visits)[gpuio::thread_index()];
}

struct Shape {
    std::uint64_t blocks;
    std::uint64_t threads;
};

class Grids : public testing::TestWithParam<Shape> {};

TEST_P(Grids, EveryIndexIsVisitedOnce) {
    const auto [blocks, threads] = GetParam();
    gpuio::Context context(host_config());
    Visits visits(blocks * threads);
    std::atomic<bool> wrong_count = false;
    gpuio::launch(context, blocks, threads, visit_kernel, &visits, &wrong_count);
    context.synchronize();
    expect_one_visit_each(visits);
    EXPECT_FALSE(wrong_count);
}

void visit_and_wait_kernel(gpuio::ArrayRef<const std::uint32_t> words, Visits* visits,
                           std::atomic<std::uint64_t>* wrong) {
    const std::size_t index = gpuio::thread_index();
    const std::size_t count = gpuio::thread_count();
    ++(*visits)[index];
    for (std::size_t turn = 0; turn < 3; ++turn) {
        const std::size_t at = (index * 5 + turn * 7919) % words.size();
        if (words[at] != at) ++*wrong;
        // Others have run on this CPU thread meanwhile.
        if (gpuio::thread_index() != index || gpuio::thread_count() != count) ++*wrong;
    }
}

TEST_P(Grids, EveryIndexIsVisitedOnceAndKeepsItsPositionWhenItWaits) {
    const auto [blocks, threads] = GetParam();
    const WordFile file(300 * kPageWords);
    gpuio::Context context(host_config());
    gpuio::GPUIOArray<const std::uint32_t> words(context, file.uri(), file.size());
    Visits visits(blocks * threads);
    std::atomic<std::uint64_t> wrong = 0;
    gpuio::launch(context, blocks, threads, visit_and_wait_kernel, words.ref(), &visits, &wrong);
    context.synchronize();
    expect_one_visit_each(visits);
    EXPECT_EQ(wrong.load(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Shapes, Grids,
                         testing::Values(Shape{1, 1}, Shape{1, 1024}, Shape{1000, 1},
                                         Shape{777, 33}, Shape{40, 1024}));

void meet_kernel(std::atomic<std::uint64_t>* arrived, std::uint64_t expected) {
    ++*arrived;
    for (std::uint32_t attempt = 0; *arrived < expected; ++attempt) {
        gpuio::platform::pause(attempt);
    }
}

// One CPU thread: they can meet only if each lets the others run.
TEST(HostExecutor, ThreadsRunSideBySide) {
    gpuio::Context context(host_config(64, 1));
    std::atomic<std::uint64_t> arrived = 0;
    gpuio::launch(context, 4, 16, meet_kernel, &arrived, std::uint64_t{64});
    context.synchronize();
    EXPECT_EQ(arrived.load(), 64u);
}

void take_turns_kernel(Visits* visits, std::atomic<std::uint64_t>* wrong) {
    const std::size_t index = gpuio::thread_index();
    ++(*visits)[index];
    for (std::uint32_t attempt = 0; attempt < 4; ++attempt) {
        gpuio::platform::pause(attempt);
        if (gpuio::thread_index() != index) ++*wrong;
    }
}

// Far more than have room side by side.
TEST(HostExecutor, LargeGridsOfWaitingThreadsGoInWaves) {
    gpuio::Context context(host_config());
    Visits visits(60 * 1024);
    std::atomic<std::uint64_t> wrong = 0;
    gpuio::launch(context, 60, 1024, take_turns_kernel, &visits, &wrong);
    context.synchronize();
    expect_one_visit_each(visits);
    EXPECT_EQ(wrong.load(), 0u);
}

void add_one_kernel(gpuio::ArrayRef<std::uint32_t> words) {
    for (std::size_t i = gpuio::thread_index(); i < words.size(); i += gpuio::thread_count()) {
        words[i] += 1;
    }
}

// 200 pages through 64 frames. One after the other, the threads would read it 8192 times.
TEST(HostExecutor, GridStrideLoopPassesOverALargeArrayAFewTimes) {
    const WordFile file(200 * kPageWords);
    gpuio::Context context(host_config());
    gpuio::GPUIOArray<std::uint32_t> words(context, file.uri(), file.size());
    gpuio::launch(context, 64, 128, add_one_kernel, words.ref());
    context.synchronize();
    std::vector<std::uint32_t> result(file.size());
    words.read(0, result);
    for (std::size_t i = 0; i < result.size(); ++i) ASSERT_EQ(result[i], i + 1);
    EXPECT_LT(words.stats().l1_misses, 100 * 200u);
}

// Each logical thread holds three pages of its own and reads all over the array.
void guards_kernel(gpuio::ArrayRef<const std::uint32_t> words, std::atomic<std::uint64_t>* wrong) {
    const std::size_t pages = words.size() / kPageWords;
    const std::size_t first = gpuio::thread_index() * 3 % pages;
    const std::size_t at[] = {first * kPageWords, (first + 1) % pages * kPageWords,
                              (first + 2) % pages * kPageWords};
    auto a = words.pin(at[0]);
    auto b = words.pin(at[1]);
    auto c = words.pin(at[2]);
    for (std::size_t turn = 0; turn < 8; ++turn) {
        const std::size_t other = (gpuio::thread_index() * 131 + turn * 7919) % words.size();
        if (words[other] != other) ++*wrong;
    }
    for (std::size_t k = 0; k < kPageWords; ++k) {
        if (a[at[0] + k] != at[0] + k || b[at[1] + k] != at[1] + k || c[at[2] + k] != at[2] + k) {
            ++*wrong;
        }
    }
}

TEST(HostExecutor, ManyThreadsWithGuardsShareTheSmallestCache) {
    const WordFile file(400 * kPageWords);
    gpuio::Context context(host_config(32));
    gpuio::GPUIOArray<const std::uint32_t> words(context, file.uri(), file.size());
    std::atomic<std::uint64_t> wrong = 0;
    gpuio::launch(context, 16, 64, guards_kernel, words.ref(), &wrong);
    context.synchronize();  // throws if an access ended in a timeout
    EXPECT_EQ(wrong.load(), 0u);
}

void throw_at_kernel(gpuio::ArrayRef<const std::uint32_t> words, std::uint64_t thrower,
                     std::atomic<std::uint64_t>* calls) {
    ++*calls;
    const std::size_t index = gpuio::thread_index();
    (void)words.load(index * kPageWords % words.size());  // many wait when it is thrown
    if (index == thrower) throw std::runtime_error("thread " + std::to_string(index));
}

TEST(HostExecutor, AnExceptionIsReportedOnceAndTheRestOfItsGridIsPassedOver) {
    const WordFile file(200 * kPageWords);
    gpuio::Context context(host_config());
    gpuio::GPUIOArray<const std::uint32_t> words(context, file.uri(), file.size());
    std::atomic<std::uint64_t> calls = 0;
    std::atomic<std::uint64_t> wrong = 0;
    Visits visits(1000);
    gpuio::launch(context, 1u << 30, 1024, throw_at_kernel, words.ref(), std::uint64_t{300},
                  &calls);
    gpuio::launch(context, 10, 100, visit_and_wait_kernel, words.ref(), &visits, &wrong);
    try {
        context.synchronize();
        FAIL() << "nothing was thrown";
    } catch (const std::runtime_error& error) {
        EXPECT_STREQ(error.what(), "thread 300");
    }
    EXPECT_GT(calls.load(), 300u);
    expect_one_visit_each(visits);
    EXPECT_EQ(wrong.load(), 0u);
    EXPECT_NO_THROW(context.synchronize());
}

/// Waits for a page while an exception is on its way, and while one is handled.
void wait_while_handling_kernel(gpuio::ArrayRef<const std::uint32_t> words,
                                std::atomic<std::uint64_t>* wrong) {
    struct Waits {
        gpuio::ArrayRef<const std::uint32_t>& words;
        std::size_t at;
        std::atomic<std::uint64_t>* wrong;
        ~Waits() {
            if (words.load(at) != at) ++*wrong;
        }
    };
    const auto index = static_cast<int>(gpuio::thread_index());
    const std::size_t at = static_cast<std::size_t>(index) * 3 * kPageWords % words.size();
    try {
        const Waits waits{words, at, wrong};
        throw index;
    } catch (int thrown) {
        if (words.load((at + kPageWords) % words.size()) != (at + kPageWords) % words.size()) {
            ++*wrong;
        }
        if (thrown != index || std::uncaught_exceptions() != 0) ++*wrong;
        try {
            throw;  // the one that this logical thread handles
        } catch (int again) {
            if (again != index) ++*wrong;
        }
    }
}

TEST(HostExecutor, ExceptionsOfThreadsThatTakeTurnsAreKeptApart) {
    const WordFile file(300 * kPageWords);
    gpuio::Context context(host_config());
    gpuio::GPUIOArray<const std::uint32_t> words(context, file.uri(), file.size());
    std::atomic<std::uint64_t> wrong = 0;
    gpuio::launch(context, 20, 50, wait_while_handling_kernel, words.ref(), &wrong);
    context.synchronize();
    EXPECT_EQ(wrong.load(), 0u);
}

void rounding_kernel(gpuio::ArrayRef<const std::uint32_t> words,
                     std::atomic<std::uint64_t>* wrong) {
    const std::size_t index = gpuio::thread_index();
    const int before = std::fegetround();
    const int mine = index % 2 == 0 ? FE_UPWARD : FE_TOWARDZERO;
    std::fesetround(mine);
    (void)words.load(index * kPageWords % words.size());
    if (std::fegetround() != mine) ++*wrong;
    std::fesetround(before);
}

TEST(HostExecutor, ARoundingModeBelongsToALogicalThread) {
    const WordFile file(300 * kPageWords);
    gpuio::Context context(host_config());
    gpuio::GPUIOArray<const std::uint32_t> words(context, file.uri(), file.size());
    std::atomic<std::uint64_t> wrong = 0;
    gpuio::launch(context, 10, 64, rounding_kernel, words.ref(), &wrong);
    context.synchronize();
    EXPECT_EQ(wrong.load(), 0u);
}

void set_kernel(gpuio::ArrayRef<std::uint32_t> words, std::uint32_t factor, std::uint32_t add) {
    for (std::size_t i = gpuio::thread_index(); i < words.size(); i += gpuio::thread_count()) {
        words[i] = words[i] * factor + add;
    }
}

TEST(HostExecutor, LaunchesRunInOrder) {
    const WordFile file(100 * kPageWords);
    gpuio::Context context(host_config());
    gpuio::GPUIOArray<std::uint32_t> words(context, file.uri(), file.size());
    gpuio::launch(context, 7, 30, set_kernel, words.ref(), 3u, 1u);
    gpuio::launch(context, 50, 11, set_kernel, words.ref(), 5u, 2u);
    context.synchronize();
    std::vector<std::uint32_t> result(file.size());
    words.read(0, result);
    for (std::uint32_t i = 0; i < result.size(); ++i) ASSERT_EQ(result[i], (i * 3 + 1) * 5 + 2);
}

void hold_kernel(std::shared_ptr<int> held, std::atomic<int>* sum) { *sum += *held; }

TEST(HostExecutor, ArgumentsLiveAsLongAsTheirKernelAndNoLonger) {
    auto value = std::make_shared<int>(3);
    const std::weak_ptr<int> watch = value;
    std::atomic<int> sum = 0;
    {
        gpuio::Context context(host_config());
        gpuio::launch(context, 4, 5, hold_kernel, std::move(value), &sum);
        context.synchronize();
        EXPECT_EQ(sum.load(), 60);
    }
    EXPECT_TRUE(watch.expired());
}

/// CPU time of the whole process.
double cpu_ms() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto ms = [](const timeval& time) {
        return 1e3 * static_cast<double>(time.tv_sec) + 1e-3 * static_cast<double>(time.tv_usec);
    };
    return ms(usage.ru_utime) + ms(usage.ru_stime);
}

TEST(HostExecutor, IdleThreadsSleep) {
    gpuio::Context context(host_config());
    Visits visits(1000);
    std::atomic<bool> wrong_count = false;
    gpuio::launch(context, 10, 100, visit_kernel, &visits, &wrong_count);
    context.synchronize();
    const double before = cpu_ms();
    std::this_thread::sleep_for(std::chrono::milliseconds(400));
    // Two spinning threads would use 400 to 800 ms, the service alone 400.
    EXPECT_LT(cpu_ms() - before, 100);
}

// Outside of kernels a wait must not look for logical threads.
TEST(HostExecutor, PauseOutsideOfKernelsReturns) {
    for (std::uint32_t attempt = 0; attempt < 200; ++attempt) gpuio::platform::pause(attempt);
    EXPECT_EQ(gpuio::thread_index(), 0u);
    EXPECT_EQ(gpuio::thread_count(), 1u);
}

}  // namespace
