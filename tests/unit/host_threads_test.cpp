// Several threads of the host use one context at the same time.

#include <gtest/gtest.h>

#include <atomic>
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

constexpr std::size_t kCount = 20'000;  // four times both tiers
constexpr Number kRounds = 100;

void increment(ArrayRef<Number> a) {
    for (std::size_t i = gpuio::thread_index(); i < a.size(); i += gpuio::thread_count()) {
        a[i] += 1;
    }
}

// The kernels of one thread push the other's pages out of the cache, while that one flushes.
TEST(HostThreads, OneRunsKernelsWhileTheOtherFlushes) {
    test::Scratch scratch;
    for (const char* name : {"one", "two"}) scratch.write(name, test::Bytes(kCount * 4));
    Context context(test::host_config(512));
    GPUIOArray<Number> one(context, scratch.uri("one"), kCount);
    GPUIOArray<Number> two(context, scratch.uri("two"), kCount);
    std::atomic<bool> done = false;
    Number rounds = 0;
    std::thread other([&] {
        for (; !done; ++rounds) test::run(context, increment, one.ref());
    });
    for (Number round = 1; round <= kRounds && !HasFailure(); ++round) {
        gpuio::launch(context, 8, 16, increment, two.ref());
        two.flush();
        std::vector<Number> seen(kCount);
        std::memcpy(seen.data(), scratch.read("two").data(), kCount * sizeof(Number));
        EXPECT_TRUE(seen == std::vector<Number>(kCount, round)) << "file, round " << round;
    }
    done = true;
    other.join();
    std::vector<Number> seen(kCount);
    one.read(0, seen);
    EXPECT_TRUE(seen == std::vector<Number>(kCount, rounds)) << "after " << rounds << " rounds";
}

}  // namespace
