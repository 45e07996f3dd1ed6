// co_await on requests: what comes after it comes after their end, with their errors.

#include <gpuio/coroutine.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <future>
#include <span>
#include <thread>
#include <vector>

#include "support/host.hpp"
#include "support/scratch.hpp"

namespace {

using gpuio::Context;
using gpuio::MemoryRegion;
using gpuio::Stream;

constexpr std::size_t kBytes = 1 << 20;

/// Runs at once; its end is a future.
struct Task {
    struct promise_type {
        Task get_return_object() { return {end.get_future()}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() { end.set_value(); }
        void unhandled_exception() { end.set_exception(std::current_exception()); }

        std::promise<void> end;
    };

    std::future<void> end;
};

class Coroutine : public ::testing::Test {
protected:
    static test::Bytes written_to(test::Scratch& scratch) {
        test::Bytes bytes = test::random_bytes(kBytes);
        scratch.write("data", bytes);
        return bytes;
    }

    test::Scratch scratch_;
    test::Bytes bytes_ = written_to(scratch_), memory_ = test::Bytes(kBytes);
    Context context_{test::host_config(4096)};
    MemoryRegion file_ = MemoryRegion::open(context_, scratch_.uri("data"));
    MemoryRegion here_ = MemoryRegion::host(context_, std::span(memory_));
    Stream stream_ = Stream::unordered(context_);

    Task read_in_pieces(std::uint64_t piece) {
        for (std::uint64_t at = 0; at < kBytes; at += piece) {
            co_await stream_.read({file_, at}, {here_, at}, piece);
            const auto first = static_cast<std::ptrdiff_t>(at);
            const auto end = first + static_cast<std::ptrdiff_t>(piece);
            EXPECT_TRUE(std::equal(bytes_.begin() + first, bytes_.begin() + end,
                                   memory_.begin() + first));
        }
    }

    Task read_past_the_end() { co_await stream_.read({file_, kBytes - 10}, here_, 20); }
};

TEST_F(Coroutine, GoesOnWhenTheBytesAreThere) {
    read_in_pieces(kBytes / 4).end.get();
    EXPECT_EQ(memory_, bytes_);
}

// Also when requests end just as they are awaited: nothing nests.
TEST_F(Coroutine, MayAwaitOneAfterTheOther) {
    read_in_pieces(64).end.get();
    EXPECT_EQ(memory_, bytes_);
}

TEST_F(Coroutine, GetsTheErrorOfTheRequest) {
    EXPECT_GPUIO_ERROR(read_past_the_end().end.get(), gpuio::ErrorCode::kIo,
                       std::to_string(kBytes));
}

TEST_F(Coroutine, GoesOnAtOnceIfTheRequestHasEnded) {
    const gpuio::Request request = stream_.read(file_, here_, kBytes);
    request.wait();
    std::thread::id before = std::this_thread::get_id(), after;
    const auto run = [&]() -> Task {
        co_await request;
        after = std::this_thread::get_id();
    };
    run().end.get();
    EXPECT_EQ(before, after);
}

TEST_F(Coroutine, GoesOnWhenTheRequestIsCancelled) {
    std::vector<gpuio::Request> requests;
    std::vector<Task> tasks;
    const auto await = [](gpuio::Request request) -> Task { co_await request; };
    const Stream ordered(context_);
    for (int k = 0; k < 100; ++k) {
        requests.push_back(ordered.read(file_, here_, kBytes));
        tasks.push_back(await(requests.back()));
    }
    for (const gpuio::Request& request : requests) request.cancel();
    int cancelled = 0;
    for (Task& task : tasks) {
        try {
            task.end.get();
        } catch (const gpuio::Error& error) {
            EXPECT_EQ(error.code(), gpuio::ErrorCode::kCanceled);
            ++cancelled;
        }
    }
    EXPECT_GT(cancelled, 0);
}

}  // namespace
