// Kernels are loaded when none runs: what stands between a GPU's lazy loading and a deadlock.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include <gpuio/gpuio.hpp>

#include "support/host.hpp"

namespace {

std::atomic<bool> running;
std::atomic<bool> may_end;
std::atomic<int> loads;
std::atomic<bool> seen_running;

GPUIO_KERNEL void wait_for_permission() {
    running = true;
    while (!may_end) std::this_thread::yield();
    running = false;
}

int load(const void*) {
    ++loads;
    if (running) seen_running = true;
    return 0;
}

class KernelGate : public testing::Test {
protected:
    void SetUp() override {
        running = may_end = seen_running = false;
        loads = 0;
    }
};

TEST_F(KernelGate, WaitsUntilNoContextRunsAKernel) {
    static const char kernel = 0;
    gpuio::Context busy(test::host_config(4096));
    gpuio::Context launching(test::host_config(4096));
    gpuio::launch(busy, 1, 1, wait_for_permission);
    while (!running) std::this_thread::yield();
    std::thread loader([&] { launching.state()->prepare_kernel(&kernel, load); });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // enough to go wrong in
    may_end = true;
    loader.join();
    busy.synchronize();
    EXPECT_EQ(loads, 1);
    EXPECT_FALSE(seen_running);
}

TEST_F(KernelGate, LoadsAKernelOnceForAllContexts) {
    static const char kernel = 0;
    gpuio::Context first(test::host_config(4096));
    gpuio::Context second(test::host_config(4096));
    for (int k = 0; k < 3; ++k) {
        EXPECT_EQ(first.state()->prepare_kernel(&kernel, load), 0);
        EXPECT_EQ(second.state()->prepare_kernel(&kernel, load), 0);
    }
    EXPECT_EQ(loads, 1);
}

TEST_F(KernelGate, TriesAgainWhatFailed) {
    static const char kernel = 0;
    gpuio::Context context(test::host_config(4096));
    EXPECT_EQ(context.state()->prepare_kernel(&kernel, [](const void*) { return 98; }), 98);
    EXPECT_EQ(context.state()->prepare_kernel(&kernel, load), 0);
    EXPECT_EQ(loads, 1);
}

TEST_F(KernelGate, OutlivesItsContexts) {
    static const char kernel = 0;
    { gpuio::Context gone(test::host_config(4096)); }
    gpuio::Context context(test::host_config(4096));
    EXPECT_EQ(context.state()->prepare_kernel(&kernel, load), 0);
    EXPECT_EQ(loads, 1);
}

}  // namespace
