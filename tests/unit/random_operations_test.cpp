// Random operations on one array against a plain model in memory, byte for byte.

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "support/elements.hpp"
#include "support/host.hpp"
#include "support/scratch.hpp"

namespace {

using gpuio::ArrayRef;
using gpuio::Context;
using gpuio::GPUIOArray;
using test::Bytes;

constexpr std::size_t kElements = 9'000;
constexpr std::size_t kTailBytes = 700;
constexpr int kOperations = 60;

/// Every thread writes and reads its own elements of the range, in an order that jumps about.
template <class T>
void scatter(ArrayRef<T> a, std::size_t first, std::size_t count, const T* in) {
    for (std::size_t k = gpuio::thread_index(); k < count; k += gpuio::thread_count()) {
        const std::size_t i = count % 7919 == 0 ? k : k * 7919 % count;
        a[first + i] = in[i];
    }
}

/// The same through guards: neighbours are written while their page is held.
template <class T>
void write_pinned(ArrayRef<T> a, std::size_t first, std::size_t count, const T* in) {
    const std::size_t share = count / gpuio::thread_count() + 1;
    const std::size_t begin = gpuio::thread_index() * share;
    const std::size_t end = begin + share < count ? begin + share : count;
    if (begin >= end) return;
    auto guard = a.pin(first + begin);
    for (std::size_t i = begin; i < end; ++i) guard[first + i] = in[i];
}

template <class T>
class Machine {
public:
    Machine(std::uint64_t seed, std::uint64_t page_bytes, std::size_t offset)
        : random_(seed),
          offset_(offset),
          model_(test::random_bytes(offset + kElements * sizeof(T) + kTailBytes, seed)),
          config_(test::host_config(page_bytes, 32 + seed % 20, 8 + seed % 30)) {
        scratch_.write("data", model_);
        open();
    }

    void step() {
        switch (random_() % 12) {
            case 0: case 1: return write_by_kernel(scatter<T>);
            case 2: case 3: return write_by_kernel(test::copy_in<T>);
            case 4: return write_by_kernel(write_pinned<T>);
            case 5: case 6: return write_by_host();
            case 7: return read_by_host();
            case 8: case 9: return read_by_kernel();
            case 10: return flush();
            default: return random_() % 3 == 0 ? open() : prefetch();
        }
    }

    void check_file() {
        array_.reset();
        EXPECT_TRUE(test::same_bytes(scratch_.read("data"), model_)) << "in the end";
    }

private:
    struct Range {
        std::size_t first, count;
    };
    /// A range that is sometimes a few elements, sometimes most of the array.
    Range range() {
        const std::size_t first = random_() % kElements;
        const std::size_t most = random_() % 2 == 0 ? 40 : kElements;
        return {first, 1 + random_() % std::min(most, kElements - first)};
    }
    std::vector<T> fresh(std::size_t count) {
        std::vector<T> values(count);
        const Bytes bytes = test::random_bytes(count * sizeof(T), random_());
        std::memcpy(values.data(), bytes.data(), bytes.size());
        return values;
    }
    std::byte* place(std::size_t first) { return model_.data() + offset_ + first * sizeof(T); }

    void open() {
        array_.reset();
        context_.reset();
        EXPECT_TRUE(test::same_bytes(scratch_.read("data"), model_)) << "closed";
        context_ = std::make_unique<Context>(config_);
        const std::string uri = scratch_.uri("data", "offset=" + std::to_string(offset_));
        array_ = std::make_unique<GPUIOArray<T>>(*context_, uri, kElements);
    }

    template <class Kernel>
    void write_by_kernel(Kernel kernel) {
        const auto [first, count] = range();
        const std::vector<T> values = fresh(count);
        test::run(*context_, kernel, array_->ref(), first, count, values.data());
        std::memcpy(place(first), values.data(), count * sizeof(T));
    }
    void write_by_host() {
        const auto [first, count] = range();
        const std::vector<T> values = fresh(count);
        array_->write(first, values);
        std::memcpy(place(first), values.data(), count * sizeof(T));
    }
    void read_by_kernel() {
        const auto [first, count] = range();
        std::vector<T> seen(count);
        test::run(*context_, test::copy_out<T>, array_->ref(), first, count, seen.data());
        EXPECT_EQ(std::memcmp(seen.data(), place(first), count * sizeof(T)), 0)
            << "a kernel read " << count << " from " << first;
    }
    void read_by_host() {
        const auto [first, count] = range();
        std::vector<T> seen(count);
        array_->read(first, seen);
        EXPECT_EQ(std::memcmp(seen.data(), place(first), count * sizeof(T)), 0)
            << "the host read " << count << " from " << first;
    }
    void flush() {
        array_->flush();
        EXPECT_TRUE(test::same_bytes(scratch_.read("data"), model_)) << "flushed";
    }
    void prefetch() {
        const auto [first, count] = range();
        array_->prefetch(first, count);
    }

    std::mt19937_64 random_;
    std::size_t offset_;
    Bytes model_;
    gpuio::Config config_;
    test::Scratch scratch_;
    std::unique_ptr<Context> context_;
    std::unique_ptr<GPUIOArray<T>> array_;
};

template <class T>
void run_seeds(std::uint64_t page_bytes, std::size_t offset) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Machine<T> machine(seed, page_bytes, offset);
        for (int k = 0; k < kOperations && !::testing::Test::HasFailure(); ++k) {
            SCOPED_TRACE("operation " + std::to_string(k));
            machine.step();
        }
        machine.check_file();
    }
}

TEST(RandomOperations, Words) { run_seeds<std::uint32_t>(512, 0); }
TEST(RandomOperations, WordsAtAnOddOffset) { run_seeds<std::uint32_t>(512, 1027); }
TEST(RandomOperations, TriplesThatStraddlePages) { run_seeds<test::Triple>(512, 516); }
TEST(RandomOperations, SevenBytes) { run_seeds<test::Blob<7>>(1024, 13); }
TEST(RandomOperations, WholeSectors) { run_seeds<test::Record>(4096, 4096); }

}  // namespace
