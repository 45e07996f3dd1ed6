// A service that stands still or has gone, and pages that can never come: errors, not hangs.

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

#include "../unit/support/host.hpp"
#include "../unit/support/scratch.hpp"

namespace {

using gpuio::ArrayRef;
using gpuio::Context;
using gpuio::ErrorCode;
using gpuio::GPUIOArray;
using Number = std::uint32_t;

constexpr std::size_t kPageBytes = 4096;
constexpr std::size_t kOnPage = kPageBytes / sizeof(Number);
constexpr std::size_t kCount = 200 * kOnPage;

class ServiceErrors : public ::testing::Test {
protected:
    ServiceErrors() : bytes_(test::random_bytes(kCount * sizeof(Number))) {
        scratch_.write("data", bytes_);
    }

    Context context(std::uint64_t timeout_us = 1'000'000) const {
        gpuio::Config config = test::host_config(kPageBytes);
        config.io_timeout_us = timeout_us;
        return Context(config);
    }
    std::vector<Number> expected() const {
        std::vector<Number> numbers(kCount);
        std::memcpy(numbers.data(), bytes_.data(), bytes_.size());
        return numbers;
    }
    /// Kernel and host read the whole array as it should be.
    void check_usable(Context& context, GPUIOArray<Number>& array) {
        std::vector<Number> seen(kCount);
        test::run(context, test::copy_out<Number>, array.ref(), 0, kCount, seen.data());
        EXPECT_EQ(seen, expected());
        array.read(0, seen);
        EXPECT_EQ(seen, expected());
    }

    test::Scratch scratch_;
    test::Bytes bytes_;
};

TEST_F(ServiceErrors, APausedServiceIsATimeoutAndTheContextGoesOn) {
    Context context = this->context();
    GPUIOArray<Number> array(context, scratch_.uri("data"), kCount);
    for (int round = 0; round < 3; ++round) {
        std::vector<Number> seen(kCount, 77);
        context.state()->pause_service(true);
        gpuio::launch(context, 8, 16, test::copy_out<Number>, array.ref(), 0, kCount, seen.data());
        context.state()->wait_for_kernels();  // ends though nobody answers
        context.state()->pause_service(false);
        EXPECT_GPUIO_ERROR(context.synchronize(), ErrorCode::kTimeout, "io_timeout_us", "data");
        for (std::size_t i = 0; i < kCount; ++i) {
            ASSERT_TRUE(seen[i] == 0 || seen[i] == expected()[i]) << i;
        }
        check_usable(context, array);
    }
}

TEST_F(ServiceErrors, WritesBeforeAndAfterAPauseAreKept) {
    {
        Context context = this->context();
        GPUIOArray<Number> array(context, scratch_.uri("data"), kCount);
        const std::vector<Number> values(kOnPage, 5);
        test::run(context, test::copy_in<Number>, array.ref(), 0, kOnPage, values.data());
        std::vector<Number> seen(kCount);
        context.state()->pause_service(true);
        gpuio::launch(context, 8, 16, test::copy_out<Number>, array.ref(), 0, kCount, seen.data());
        context.state()->wait_for_kernels();
        context.state()->pause_service(false);
        EXPECT_GPUIO_ERROR(context.synchronize(), ErrorCode::kTimeout);
        test::run(context, test::copy_in<Number>, array.ref(), kCount - kOnPage, kOnPage,
                  values.data());
    }
    for (std::size_t i = 0; i < kOnPage; ++i) {
        const Number five = 5;
        std::memcpy(bytes_.data() + i * 4, &five, 4);
        std::memcpy(bytes_.data() + (kCount - kOnPage + i) * 4, &five, 4);
    }
    EXPECT_TRUE(test::same_bytes(scratch_.read("data"), bytes_));
}

TEST_F(ServiceErrors, AStoppedServiceIsSaidByEveryCall) {
    // An hour: what ends promptly here, ends because the service has gone.
    Context context = this->context(3'600'000'000);
    std::optional<GPUIOArray<Number>> array(std::in_place, context, scratch_.uri("data"), kCount);
    std::vector<Number> seen(kCount, 77);
    context.state()->stop_service();
    EXPECT_GPUIO_ERROR(
        test::run(context, test::copy_out<Number>, array->ref(), 0, kCount, seen.data()),
        ErrorCode::kGeneral, "service", "stopped", "new context");
    EXPECT_EQ(seen, std::vector<Number>(kCount, 0));
    EXPECT_GPUIO_ERROR(array->read(0, seen), ErrorCode::kGeneral, "stopped", "new context");
    EXPECT_GPUIO_ERROR(array->write(0, seen), ErrorCode::kGeneral, "stopped", "new context");
    EXPECT_GPUIO_ERROR(array->flush(), ErrorCode::kGeneral, "stopped", "new context");
    EXPECT_GPUIO_ERROR((void)array->stats(), ErrorCode::kGeneral, "stopped", "new context");
    EXPECT_GPUIO_ERROR(GPUIOArray<Number>(context, scratch_.uri("data"), 1), ErrorCode::kGeneral,
                       "stopped", "new context");
    array->prefetch(0, kCount);  // a hint
    array.reset();
    EXPECT_TRUE(test::same_bytes(scratch_.read("data"), bytes_));
    Context fresh = this->context();
    GPUIOArray<Number> again(fresh, scratch_.uri("data"), kCount);
    check_usable(fresh, again);
}

TEST_F(ServiceErrors, AServiceThatStopsWhileAKernelWaits) {
    Context context = this->context(3'600'000'000);
    GPUIOArray<Number> array(context, scratch_.uri("data"), kCount);
    std::vector<Number> seen(kCount);
    context.state()->pause_service(true);
    gpuio::launch(context, 8, 16, test::copy_out<Number>, array.ref(), 0, kCount, seen.data());
    context.state()->stop_service();
    EXPECT_GPUIO_ERROR(context.synchronize(), ErrorCode::kGeneral, "stopped");
}

/// Holds more pages at a time than L1 has frames.
void pin_everything(ArrayRef<const Number> a, std::vector<gpuio::PinGuard<const Number>*>* guards,
                    Number* last) {
    for (std::size_t page = 0; page < test::kFewestL1Pages; ++page) {
        guards->push_back(new gpuio::PinGuard<const Number>(a, page * kOnPage));
    }
    *last = a[100 * kOnPage];
    for (auto* guard : *guards) delete guard;
}

TEST_F(ServiceErrors, EveryFramePinnedIsAnErrorAndNotAHang) {
    Context context = this->context();
    GPUIOArray<Number> array(context, scratch_.uri("data"), kCount);
    std::vector<gpuio::PinGuard<const Number>*> guards;
    Number last = 77;
    EXPECT_GPUIO_ERROR(test::run_single(context, pin_everything, array.ref(), &guards, &last),
                       ErrorCode::kTimeout, "pinned", "l1_capacity_bytes");
    EXPECT_EQ(last, 0u);
    check_usable(context, array);
}

}  // namespace
