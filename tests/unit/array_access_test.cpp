// Reads, writes and += of kernels: every element size, offset and page size, on arrays that are
// larger than both tiers together.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
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

constexpr std::size_t kTailBytes = 1000;  // of the file, behind the array

/// a[i] += summands[i].
template <class T>
void add(ArrayRef<T> a, const T* summands) {
    for (std::size_t i = gpuio::thread_index(); i < a.size(); i += gpuio::thread_count()) {
        a[i] += summands[i];
    }
}

/// a[i] = b[n - 1 - i]: one array is walked upwards, the other downwards.
template <class T>
void reverse(ArrayRef<T> a, ArrayRef<const T> b) {
    for (std::size_t i = gpuio::thread_index(); i < a.size(); i += gpuio::thread_count()) {
        a[i] = b[a.size() - 1 - i];
    }
}

template <class T>
std::vector<T> elements_of(const Bytes& file, std::size_t offset, std::size_t count) {
    std::vector<T> elements(count);
    std::memcpy(elements.data(), file.data() + offset, count * sizeof(T));
    return elements;
}

template <class T>
void put(Bytes& file, std::size_t offset, const std::vector<T>& elements) {
    std::memcpy(file.data() + offset, elements.data(), elements.size() * sizeof(T));
}

template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

/// One file with an array of T at `offset`, and the file's bytes as they should be.
template <class T>
class Subject {
public:
    Subject(std::uint64_t page_bytes, std::size_t offset, std::size_t array_bytes)
        : offset_(offset),
          count_(array_bytes / sizeof(T)),
          model_(test::random_bytes(offset + count_ * sizeof(T) + kTailBytes, offset + sizeof(T))),
          config_(test::host_config(page_bytes)) {
        scratch_.write("data", model_);
    }

    void check() {
        {
            Context context(config_);
            GPUIOArray<T> array(context, uri(), count_);
            check_reads(context, array);
            check_adds(context, array);
            check_writes(context, array);
            std::vector<T> seen(count_);
            array.read(0, seen);
            EXPECT_TRUE(same(seen, elements())) << "read by the host";
            array.flush();
            EXPECT_TRUE(test::same_bytes(scratch_.read("data"), model_)) << "after flush";
            check_adds(context, array);
        }
        EXPECT_TRUE(test::same_bytes(scratch_.read("data"), model_)) << "after the destructor";
        Context context(config_);
        GPUIOArray<const T> array(context, uri(), count_);
        check_reads(context, array);
    }

private:
    std::string uri() const { return scratch_.uri("data", "offset=" + std::to_string(offset_)); }
    std::vector<T> elements() const { return elements_of<T>(model_, offset_, count_); }

    template <class U>
    void check_reads(const Context& context, const GPUIOArray<U>& array) {
        std::vector<T> seen(count_);
        test::run(context, test::copy_out<T>, array.ref(), 0, count_, seen.data());
        EXPECT_TRUE(same(seen, elements())) << "read by a kernel";
    }

    void check_adds(const Context& context, const GPUIOArray<T>& array) {
        const auto summands = elements_of<T>(test::random_bytes(count_ * sizeof(T), 7), 0, count_);
        std::vector<T> sums = elements();
        for (std::size_t i = 0; i < count_; ++i) sums[i] = static_cast<T>(sums[i] + summands[i]);
        put(model_, offset_, sums);
        test::run(context, add<T>, array.ref(), summands.data());
    }

    /// Rewrites a stretch in the middle, which begins and ends inside pages.
    void check_writes(const Context& context, const GPUIOArray<T>& array) {
        const std::size_t first = count_ / 3;
        const std::size_t count = count_ / 2;
        const auto fresh = elements_of<T>(test::random_bytes(count * sizeof(T), 9), 0, count);
        put(model_, offset_ + first * sizeof(T), fresh);
        test::run(context, test::copy_in<T>, array.ref(), first, count, fresh.data());
    }

    test::Scratch scratch_;
    std::size_t offset_;
    std::size_t count_;
    Bytes model_;
    gpuio::Config config_;
};

template <class T>
class ElementSize : public ::testing::Test {};

using ElementTypes =
    ::testing::Types<std::uint8_t, std::uint16_t, std::uint32_t, std::uint64_t, test::Blob<7>,
                     test::Triple, test::Record, test::Blob<100>, test::Blob<4096>>;
TYPED_TEST_SUITE(ElementSize, ElementTypes);

// 40 pages are both tiers together; the arrays have several times as many, and no whole number.

TYPED_TEST(ElementSize, PagesOf512Bytes) {
    for (const std::size_t offset : {0, 4096 + 24, 1, 509}) {
        SCOPED_TRACE("offset " + std::to_string(offset));
        Subject<TypeParam>(512, offset, 150 * 512 + 77).check();
    }
}

TYPED_TEST(ElementSize, PagesOf4KiB) {
    for (const std::size_t offset : {0, 64, 4095}) {
        SCOPED_TRACE("offset " + std::to_string(offset));
        Subject<TypeParam>(4096, offset, 90 * 4096 + 4000).check();
    }
}

TYPED_TEST(ElementSize, PagesOf64KiB) {
    for (const std::size_t offset : {0, 77}) {
        SCOPED_TRACE("offset " + std::to_string(offset));
        Subject<TypeParam>(65536, offset, 50 * 65536 + 5000).check();
    }
}

TEST(ArrayAccess, OneElement) {
    test::Scratch scratch;
    Bytes model = test::random_bytes(4096 + 3);
    scratch.write("data", model);
    {
        Context context(test::host_config(4096));
        GPUIOArray<std::uint8_t> last(context, scratch.uri("data", "offset=4098"), 1);
        const std::uint8_t value = 42;
        test::run(context, test::copy_in<std::uint8_t>, last.ref(), 0, 1, &value);
        EXPECT_EQ(last.size(), 1u);
    }
    model[4098] = std::byte{42};
    EXPECT_TRUE(test::same_bytes(scratch.read("data"), model));
}

TEST(ArrayAccess, SeveralArraysShareTheTiers) {
    constexpr std::size_t count = 20'000;
    test::Scratch scratch;
    Context context(test::host_config(512));
    std::vector<GPUIOArray<std::uint32_t>> arrays;
    std::vector<std::vector<std::uint32_t>> models;
    for (std::uint64_t k = 0; k < 4; ++k) {
        const std::string name = "data" + std::to_string(k);
        const Bytes bytes = test::random_bytes(count * 4, k);
        scratch.write(name, bytes);
        models.push_back(elements_of<std::uint32_t>(bytes, 0, count));
        arrays.emplace_back(context, scratch.uri(name), count);
    }
    // Launched one behind the other without waiting: each reads what the one before wrote.
    for (std::size_t k = 0; k + 1 < arrays.size(); ++k) {
        gpuio::launch(context, 8, 16, reverse<std::uint32_t>, arrays[k + 1].ref(), arrays[k].ref());
        std::reverse_copy(models[k].begin(), models[k].end(), models[k + 1].begin());
    }
    context.synchronize();
    for (std::size_t k = 0; k < arrays.size(); ++k) {
        std::vector<std::uint32_t> seen(count);
        arrays[k].read(0, seen);
        EXPECT_EQ(seen, models[k]) << "array " << k;
    }
}

TEST(ArrayAccess, TwoContextsOnDifferentFiles) {
    constexpr std::size_t count = 30'000;
    test::Scratch scratch;
    const Bytes bytes = test::random_bytes(count * 4);
    scratch.write("one", bytes);
    scratch.write("two", bytes);
    Context first(test::host_config(512));
    Context second(test::host_config(4096));
    GPUIOArray<std::uint32_t> one(first, scratch.uri("one"), count);
    GPUIOArray<std::uint32_t> two(second, scratch.uri("two"), count);
    const std::vector<std::uint32_t> ones(count, 1), twos(count, 2);
    // Both run at the same time.
    gpuio::launch(first, 8, 16, add<std::uint32_t>, one.ref(), ones.data());
    gpuio::launch(second, 8, 16, add<std::uint32_t>, two.ref(), twos.data());
    first.synchronize();
    second.synchronize();
    one.flush();
    two.flush();
    const auto before = elements_of<std::uint32_t>(bytes, 0, count);
    const auto after_one = elements_of<std::uint32_t>(scratch.read("one"), 0, count);
    const auto after_two = elements_of<std::uint32_t>(scratch.read("two"), 0, count);
    for (std::size_t i = 0; i < count; ++i) {
        ASSERT_EQ(after_one[i], before[i] + 1) << i;
        ASSERT_EQ(after_two[i], before[i] + 2) << i;
    }
}

TEST(ArrayAccess, TwoContextsReadTheSameFile) {
    constexpr std::size_t count = 30'000;
    test::Scratch scratch;
    const Bytes bytes = test::random_bytes(count * 4);
    scratch.write("data", bytes);
    const auto expected = elements_of<std::uint32_t>(bytes, 0, count);
    Context first(test::host_config(512));
    Context second(test::host_config(4096));
    GPUIOArray<const std::uint32_t> one(first, scratch.uri("data"), count);
    GPUIOArray<const std::uint32_t> two(second, scratch.uri("data"), count);
    std::vector<std::uint32_t> a(count), b(count);
    gpuio::launch(first, 8, 16, test::copy_out<std::uint32_t>, one.ref(), 0, count, a.data());
    gpuio::launch(second, 8, 16, test::copy_out<std::uint32_t>, two.ref(), 0, count, b.data());
    first.synchronize();
    second.synchronize();
    EXPECT_EQ(a, expected);
    EXPECT_EQ(b, expected);
}

}  // namespace
