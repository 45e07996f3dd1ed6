// Several elements at a time: the same as one by one, wherever they lie.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "support/host.hpp"
#include "support/scratch.hpp"

namespace {

using gpuio::ArrayRef;
using gpuio::ErrorCode;
using gpuio::GPUIOArray;

using Number = std::uint32_t;
constexpr std::size_t kPageBytes = 512;
constexpr std::size_t kCount = 200 * kPageBytes / sizeof(Number) + 37;  // the last page is partial

/// Every thread gathers its share of the array, in an order that jumps over pages.
template <std::size_t count>
GPUIO_KERNEL void gather_all(ArrayRef<const Number> a, Number* out) {
    const std::size_t blocks = a.size() / count;
    for (std::size_t b = gpuio::thread_index(); b < blocks; b += gpuio::thread_count()) {
        std::size_t at[count];
        Number values[count];
        for (std::size_t k = 0; k < count; ++k) at[k] = (b + k * blocks) * 7 % a.size();
        a.gather(at, values);
        for (std::size_t k = 0; k < count; ++k) out[at[k]] = values[k];
    }
    const std::size_t rest = blocks * count + gpuio::thread_index();
    for (std::size_t i = rest; i < a.size(); i += gpuio::thread_count()) {
        const std::size_t at = i * 7 % a.size();
        out[at] = a[at];
    }
}

/// Files of the numbers 1, 2, 3 ..., with none and two bytes before them.
class Gather : public testing::Test {
protected:
    Gather() : numbers_(kCount) {
        std::iota(numbers_.begin(), numbers_.end(), 1u);
        for (const std::size_t offset : {0, 2}) {
            test::Bytes bytes(offset + kCount * sizeof(Number));
            std::memcpy(bytes.data() + offset, numbers_.data(), kCount * sizeof(Number));
            scratch_.write("behind-" + std::to_string(offset), bytes);
        }
    }

    gpuio::Context context(std::uint64_t l1_pages, std::uint32_t flags = 0) const {
        gpuio::Config config = test::host_config(kPageBytes, l1_pages);
        config.flags = flags;
        return gpuio::Context(config);
    }

    template <std::size_t count>
    void expect_all(const gpuio::Context& context, const std::string& uri) {
        const GPUIOArray<const Number> array(context, uri, kCount);
        std::vector<Number> out(kCount);
        for (int round = 0; round < 2; ++round) {
            std::fill(out.begin(), out.end(), 0u);
            test::run(context, gather_all<count>, array.ref(), out.data());
            EXPECT_EQ(out, numbers_) << uri;
        }
    }

    test::Scratch scratch_;
    std::vector<Number> numbers_;
};

TEST_F(Gather, OfAnArrayLargerThanItsCache) {
    expect_all<3>(context(32), scratch_.uri("behind-0"));
    expect_all<64>(context(32), scratch_.uri("behind-0"));
}

TEST_F(Gather, OfAnArrayThatIsInL1) {
    expect_all<3>(context(400), scratch_.uri("behind-0"));
    expect_all<64>(context(400), scratch_.uri("behind-0"));
}

TEST_F(Gather, OfElementsThatStraddlePages) {
    expect_all<3>(context(32), scratch_.uri("behind-2") + "?offset=2");
    expect_all<64>(context(32), scratch_.uri("behind-2") + "?offset=2");
}

TEST_F(Gather, OfAPinnedArray) {
    expect_all<3>(context(32), scratch_.uri("behind-0") + "?policy=pinned");
    expect_all<64>(context(32), scratch_.uri("behind-2") + "?policy=pinned&offset=2");
}

TEST_F(Gather, WhereHitsAreCounted) {
    const gpuio::Context counting = context(400, gpuio::kFlagCountHits);
    expect_all<64>(counting, scratch_.uri("behind-0"));
    const GPUIOArray<const Number> array(counting, scratch_.uri("behind-0"), kCount);
    EXPECT_GE(array.stats().l1_hits, kCount);
}

template <std::size_t count>
GPUIO_KERNEL void gather_beyond(ArrayRef<const Number> a, Number* out) {
    std::size_t at[count];
    Number values[count];
    for (std::size_t k = 0; k < count; ++k) at[k] = k;
    at[1] = a.size();
    a.gather(at, values);
    std::copy(values, values + count, out);
}

TEST_F(Gather, AnIndexOutOfRangeIsAnErrorAndLeavesTheOthers) {
    const gpuio::Context small = context(32);
    const GPUIOArray<const Number> array(small, scratch_.uri("behind-0"), kCount);
    std::vector<Number> out(64);
    EXPECT_GPUIO_ERROR(test::run_single(small, gather_beyond<64>, array.ref(), out.data()),
                       ErrorCode::kInvalidArgument, "out of range");
    for (std::size_t k = 0; k < out.size(); ++k) EXPECT_EQ(out[k], k == 1 ? 0u : numbers_[k]);
}

}  // namespace
