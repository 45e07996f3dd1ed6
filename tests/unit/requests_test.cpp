// Requests: between files, memory and arrays; streams, events, callbacks, cancelling, batches.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <future>
#include <optional>
#include <span>
#include <vector>

#include "support/host.hpp"
#include "support/scratch.hpp"

namespace {

using gpuio::Access;
using gpuio::Context;
using gpuio::ErrorCode;
using gpuio::Event;
using gpuio::MemoryRegion;
using gpuio::Request;
using gpuio::Status;
using gpuio::Stream;

constexpr std::size_t kBytes = 3 << 20;

class Requests : public ::testing::Test {
protected:
    Requests() : bytes_(test::random_bytes(kBytes)) { scratch_.write("data", bytes_); }

    static Context make(gpuio::Config config = test::host_config(4096, 64, 64)) {
        return Context(config);
    }
    MemoryRegion file(const std::string& parameters = {}) const {
        return MemoryRegion::open(context_, scratch_.uri("data", parameters), Access::kReadWrite);
    }
    static std::span<std::byte> span(test::Bytes& bytes) { return bytes; }

    test::Scratch scratch_;
    test::Bytes bytes_;
    Context context_ = make();
};

TEST_F(Requests, ReadTheBytesOfAFile) {
    test::Bytes buffer(kBytes);
    const MemoryRegion from = file(), to = MemoryRegion::host(context_, span(buffer));
    EXPECT_EQ(from.size_bytes(), kBytes);
    const Request request = Stream(context_).read({from, 100}, {to, 7}, kBytes - 100);
    request.wait();
    EXPECT_EQ(request.status(), Status::kCompleted);
    EXPECT_EQ(request.bytes_completed(), kBytes - 100);
    EXPECT_TRUE(request.result());
    EXPECT_EQ(std::memcmp(buffer.data() + 7, bytes_.data() + 100, kBytes - 100), 0);
    EXPECT_EQ(buffer[6], std::byte{0});
}

TEST_F(Requests, CountTheOffsetOfTheUri) {
    test::Bytes buffer(5000);
    const MemoryRegion from = file("offset=4097"), to = MemoryRegion::host(context_, span(buffer));
    Stream(context_).read({from, 3}, to, buffer.size()).wait();
    EXPECT_EQ(std::memcmp(buffer.data(), bytes_.data() + 4100, buffer.size()), 0);
}

TEST_F(Requests, OfOneStreamSeeWhatThoseBeforeWrote) {
    const MemoryRegion disk = file();
    test::Bytes buffers[2] = {test::Bytes(kBytes), test::Bytes(kBytes)};
    const MemoryRegion first = MemoryRegion::host(context_, span(buffers[0]));
    const MemoryRegion second = MemoryRegion::host(context_, span(buffers[1]));
    const Stream stream(context_);
    for (int round = 0; round < 20; ++round) {
        stream.synchronize();
        std::ranges::copy(test::random_bytes(kBytes, 100 + round), buffers[0].begin());
        // The second write lies over the first; then what is there is read.
        stream.write(first, disk, kBytes / 2);
        stream.write({first, 1000}, {disk, 500}, kBytes / 4);
        stream.read(disk, second, kBytes / 2).wait();
        test::Bytes expected = buffers[0];
        std::memcpy(expected.data() + 500, buffers[0].data() + 1000, kBytes / 4);
        ASSERT_EQ(std::memcmp(buffers[1].data(), expected.data(), kBytes / 2), 0) << round;
    }
}

TEST_F(Requests, OfOtherStreamsWaitForEvents) {
    const MemoryRegion disk = file();
    test::Bytes written = test::random_bytes(kBytes, 9), read(kBytes);
    const MemoryRegion source = MemoryRegion::host(context_, span(written));
    const MemoryRegion target = MemoryRegion::host(context_, span(read));
    const Stream writer(context_), reader(context_, gpuio::Priority::kInferenceRealtime);
    const Event started(context_), done(context_);
    started.record(writer);
    writer.write(source, disk, kBytes);
    done.record(writer);
    reader.wait(done);
    reader.read(disk, target, kBytes).wait();
    EXPECT_EQ(read, written);
    done.wait();
    EXPECT_TRUE(done.reached());
    EXPECT_GT(done.elapsed_since(started).count(), 0);
}

TEST_F(Requests, CopyBetweenAnyTwoPlaces) {
    scratch_.write("other", test::Bytes(kBytes));
    const MemoryRegion other =
        MemoryRegion::open(context_, scratch_.uri("other"), Access::kReadWrite);
    test::Bytes memory(kBytes), more(kBytes);
    const MemoryRegion here = MemoryRegion::host(context_, span(memory));
    const MemoryRegion there = MemoryRegion::host(context_, span(more));
    const Stream stream(context_);
    stream.copy({file(), 5}, {other, 9}, kBytes - 9);
    stream.copy(other, here, kBytes);
    stream.copy(here, there, kBytes).wait();
    EXPECT_EQ(std::memcmp(more.data() + 9, bytes_.data() + 5, kBytes - 9), 0);
}

TEST_F(Requests, ReadAndWriteArrays) {
    constexpr std::size_t kCount = 100'000;
    scratch_.write("array", test::Bytes(kCount * 4));
    gpuio::GPUIOArray<std::uint32_t> array(context_, scratch_.uri("array"), kCount);
    std::vector<std::uint32_t> numbers(kCount), seen(kCount);
    for (std::size_t i = 0; i < kCount; ++i) numbers[i] = static_cast<std::uint32_t>(i * 7919);
    const MemoryRegion region = MemoryRegion::of(array);
    EXPECT_EQ(region.size_bytes(), kCount * 4);
    const MemoryRegion from = MemoryRegion::host(context_, std::span(numbers));
    const MemoryRegion to = MemoryRegion::host(context_, std::span(seen));
    Stream(context_).write(from, region, kCount * 4).wait();
    test::run(context_, test::copy_out<std::uint32_t>,
              gpuio::ArrayRef<const std::uint32_t>(array.ref()), std::size_t{0}, kCount,
              seen.data());
    EXPECT_EQ(seen, numbers);
    std::fill(seen.begin(), seen.end(), 0);
    Stream(context_).read({region, 400}, {to, 400}, kCount * 4 - 400).wait();
    EXPECT_EQ(seen[99], 0u);
    EXPECT_TRUE(std::equal(seen.begin() + 100, seen.end(), numbers.begin() + 100));
}

TEST_F(Requests, ChangeEightBytesAtomically) {
    std::vector<std::uint64_t> words{40, 7};
    const MemoryRegion memory = MemoryRegion::host(context_, std::span(words));
    const Stream stream(context_);
    const Request added = stream.fetch_add(memory, 2);
    const Request swapped = stream.compare_swap({memory, 8}, 7, 99);
    const Request not_swapped = stream.compare_swap({memory, 8}, 7, 1);
    not_swapped.wait();
    EXPECT_EQ(added.old_value(), 40u);
    EXPECT_EQ(swapped.old_value(), 7u);
    EXPECT_EQ(not_swapped.old_value(), 99u);
    EXPECT_EQ(words, (std::vector<std::uint64_t>{42, 99}));
    EXPECT_GPUIO_ERROR(stream.fetch_add({memory, 4}, 1), ErrorCode::kInvalidArgument, "8");
    EXPECT_GPUIO_ERROR(stream.fetch_add(file(), 1).wait(), ErrorCode::kUnsupported);
}

TEST_F(Requests, ReadBatchesPartByPart) {
    test::Bytes buffer(1 << 20);
    const MemoryRegion disk = file(), to = MemoryRegion::host(context_, span(buffer));
    std::vector<gpuio::BatchRead> parts;
    const auto offset = [](std::size_t k) { return k * 7919 % (kBytes - 64); };
    for (std::size_t k = 0; k < 2000; ++k) parts.push_back({{disk, offset(k)}, {to, k * 64}, 64});
    parts.push_back({{disk, offset(3)}, {to, 2000 * 64}, 64});  // a double, and one that overlaps
    parts.push_back({{disk, offset(3) + 32}, {to, 2001 * 64}, 64});
    const Request batch = Stream(context_).read_batch(parts);
    batch.wait();
    ASSERT_EQ(batch.parts().size(), parts.size());
    for (std::size_t k = 0; k < parts.size(); ++k) {
        ASSERT_TRUE(batch.parts()[k]) << k;
        const std::byte* expected = bytes_.data() + parts[k].from.offset;
        ASSERT_EQ(std::memcmp(buffer.data() + k * 64, expected, 64), 0) << k;
        if (k % 500 == 0) k += 99;
    }
}

TEST_F(Requests, FailByThePartsTheyAreOf) {
    test::Bytes buffer(4096);
    MemoryRegion disk = file();
    std::filesystem::resize_file(scratch_.path("data"), 8192);  // shorter than when it was opened
    const MemoryRegion to = MemoryRegion::host(context_, span(buffer));
    const Request batch = Stream(context_).read_batch(std::vector<gpuio::BatchRead>{
        {{disk, 0}, {to, 0}, 1024}, {{disk, 1 << 20}, {to, 1024}, 1024},
        {{disk, 4096}, {to, 2048}, 1024}});
    EXPECT_GPUIO_ERROR(batch.wait(), ErrorCode::kIo);
    EXPECT_EQ(batch.status(), Status::kError);
    const auto parts = batch.parts();
    ASSERT_EQ(parts.size(), 3u);
    EXPECT_TRUE(parts[0]);
    EXPECT_FALSE(parts[1]);
    EXPECT_TRUE(parts[2]);
    EXPECT_EQ(std::memcmp(buffer.data() + 2048, bytes_.data() + 4096, 1024), 0);
}

TEST_F(Requests, InABatchDoWhatTheirListSays) {
    test::Bytes memory = test::random_bytes(8192, 5);
    const test::Bytes before = memory;
    const MemoryRegion disk = file(), here = MemoryRegion::host(context_, span(memory));
    using Part = gpuio::BatchPart;
    // Two writes over one another, a read of both, a write of what was read.
    const Request batch = Stream(context_).batch(std::vector<Part>{
        Part::write({here, 0}, {disk, 1000}, 600), Part::write({here, 600}, {disk, 1300}, 600),
        Part::read({disk, 1000}, {here, 4096}, 900), Part::write({here, 4096}, {disk, 50'000}, 900),
        Part::read({disk, 1000}, {here, 6000}, 900)});
    batch.wait();
    EXPECT_EQ(batch.bytes_completed(), 600u + 600 + 900 + 900) << "both read the same bytes";
    for (const gpuio::Result<void>& part : batch.parts()) EXPECT_TRUE(part);
    test::Bytes expected(before.begin(), before.begin() + 300);
    expected.insert(expected.end(), before.begin() + 600, before.begin() + 1200);
    EXPECT_EQ(std::memcmp(memory.data() + 4096, expected.data(), 900), 0);
    EXPECT_EQ(std::memcmp(memory.data() + 6000, expected.data(), 900), 0);
    test::Bytes stored(900);
    const MemoryRegion to = MemoryRegion::host(context_, span(stored));
    Stream(context_).read({disk, 50'000}, to, 900).wait();
    EXPECT_EQ(stored, expected);
    const MemoryRegion fixed = MemoryRegion::open(context_, scratch_.uri("data"));
    EXPECT_GPUIO_ERROR(
        Stream(context_).batch(std::vector<Part>{Part::write({here, 0}, {fixed, 0}, 16)}),
        ErrorCode::kPermission);
    EXPECT_GPUIO_ERROR(Stream(context_).batch(std::vector<Part>{Part::write(disk, here, 16)}),
                       ErrorCode::kInvalidArgument, "part 0");
}

TEST_F(Requests, InABatchGoBetweenAllKindsOfPlaces) {
    test::Bytes memory = test::random_bytes(16'384, 6), device(8192);
    const MemoryRegion disk = file(), here = MemoryRegion::host(context_, span(memory));
    const MemoryRegion there = MemoryRegion::device(context_, device.data(), device.size());
    scratch_.write("one", test::Bytes(8192));
    scratch_.write("two", test::Bytes(8192));
    const gpuio::GPUIOArray<std::uint8_t> one(context_, scratch_.uri("one"), 8192);
    const gpuio::GPUIOArray<std::uint8_t> two(context_, scratch_.uri("two"), 8192);
    const MemoryRegion elements = MemoryRegion::of(one), more = MemoryRegion::of(two);
    using Part = gpuio::BatchPart;
    // One way through all of them, each part over bytes of the one before; then missing bytes.
    const Request batch = Stream(context_).batch(std::vector<Part>{
        Part::copy({disk, 1000}, {elements, 10}, 5000),
        Part::copy({elements, 10}, {more, 20}, 5000),
        Part::read({more, 20}, {there, 30}, 5000),
        Part::copy({there, 30}, {here, 40}, 5000),
        Part::write({here, 40}, {elements, 3000}, 5000),
        Part::read({disk, kBytes - 10}, {here, 8000}, 20),
        Part::read({elements, 10}, {here, 8000}, 7990)});
    EXPECT_GPUIO_ERROR(batch.wait(), ErrorCode::kIo);
    const auto parts = batch.parts();
    ASSERT_EQ(parts.size(), 7u);
    for (std::size_t k = 0; k < parts.size(); ++k) EXPECT_EQ(bool(parts[k]), k != 5) << k;
    test::Bytes expected(bytes_.begin() + 1000, bytes_.begin() + 1000 + 2990);
    expected.insert(expected.end(), bytes_.begin() + 1000, bytes_.begin() + 6000);
    EXPECT_EQ(std::memcmp(memory.data() + 40, bytes_.data() + 1000, 5000), 0);
    EXPECT_EQ(std::memcmp(device.data() + 30, bytes_.data() + 1000, 5000), 0);
    EXPECT_EQ(std::memcmp(memory.data() + 8000, expected.data(), expected.size()), 0);
    EXPECT_GPUIO_ERROR(
        Stream(context_).batch(std::vector<Part>{
            {gpuio::RequestType::kAtomicFetchAdd, {here, 0}, {here, 0}, 8}}),
        ErrorCode::kInvalidArgument, "atomic");
}

TEST_F(Requests, OfWhichAnyIsWaitedFor) {
    constexpr std::uint64_t kBlock = 4096, kBlocks = kBytes / kBlock;
    constexpr std::size_t kDepth = 16;
    test::Bytes buffer(kBytes);
    const MemoryRegion disk = file(), memory = MemoryRegion::host(context_, span(buffer));
    const Stream stream = Stream::unordered(context_);
    std::uint64_t next = 0;
    const auto read = [&] {
        const std::uint64_t at = next++ * kBlock;
        return stream.read({disk, at}, {memory, at}, kBlock);
    };
    std::vector<Request> requests;
    EXPECT_EQ(gpuio::wait_any(requests), std::nullopt);
    while (requests.size() < kDepth) requests.push_back(read());
    while (next < kBlocks) {
        const std::optional<std::size_t> ended = gpuio::wait_any(requests);
        ASSERT_TRUE(ended && *ended < kDepth);
        requests[*ended].wait();
        requests[*ended] = read();
    }
    for (const Request& request : requests) request.wait();
    EXPECT_EQ(buffer, bytes_);
    const Context other = make();
    test::Bytes word(8);
    const MemoryRegion region = MemoryRegion::host(other, span(word));
    requests.push_back(Stream(other).fetch_add(region, 1));
    EXPECT_GPUIO_ERROR(gpuio::wait_any(requests), ErrorCode::kInvalidArgument, "contexts");
}

TEST_F(Requests, CallBackAndFulfilFutures) {
    test::Bytes buffer(kBytes);
    const MemoryRegion from = file(), to = MemoryRegion::host(context_, span(buffer));
    const Stream stream(context_);
    std::atomic<int> called{0};
    std::vector<std::future<void>> futures;
    for (int k = 0; k < 50; ++k) {
        const Request request = stream.read(from, to, kBytes / 50);
        request.on_complete([&](const Request& self) {
            called += self.status() == Status::kCompleted;
            throw 1;  // is dropped
        });
        futures.push_back(request.future());
    }
    for (auto& future : futures) future.get();
    EXPECT_EQ(called, 50);
    std::filesystem::resize_file(scratch_.path("data"), 100);
    const Request past_the_end = stream.read({from, 4096}, to, 100);
    EXPECT_GPUIO_ERROR(past_the_end.future().get(), ErrorCode::kIo, "100");
    bool at_once = false;
    past_the_end.on_complete([&](const Request&) { at_once = true; });
    EXPECT_TRUE(at_once);
}

TEST_F(Requests, CanBeCancelled) {
    test::Bytes buffer(kBytes);
    const MemoryRegion from = file(), to = MemoryRegion::host(context_, span(buffer));
    const Stream stream(context_);
    std::vector<Request> requests;
    for (int k = 0; k < 200; ++k) requests.push_back(stream.read(from, to, kBytes));
    for (const Request& request : requests) request.cancel();
    int cancelled = 0;
    for (const Request& request : requests) {
        ASSERT_TRUE(request.wait_for(std::chrono::seconds(60)));
        if (request.status() == Status::kCancelled) {
            ++cancelled;
            EXPECT_EQ(request.result().error().code(), ErrorCode::kCanceled);
        }
        EXPECT_FALSE(request.cancel());
    }
    EXPECT_GT(cancelled, 0);
    stream.read(from, to, kBytes).wait();
    EXPECT_EQ(buffer, bytes_);
}

TEST_F(Requests, EndWithTheirContext) {
    test::Bytes buffer(kBytes);
    std::vector<Request> requests;
    {
        const Context context = make();
        const MemoryRegion from = MemoryRegion::open(context, scratch_.uri("data"));
        const MemoryRegion to = MemoryRegion::host(context, span(buffer));
        const Stream stream(context);
        for (int k = 0; k < 10'000; ++k) requests.push_back(stream.read(from, to, 4096));
    }
    for (const Request& request : requests) ASSERT_TRUE(request.ended());
}

TEST_F(Requests, ArePushedBackWhenThereIsNoRoom) {
    gpuio::Config config = test::host_config(4096, 64, 64);
    config.queued_requests_max = 4;
    const Context context(config);
    test::Bytes buffer(kBytes);
    const MemoryRegion from = MemoryRegion::open(context, scratch_.uri("data"));
    const MemoryRegion to = MemoryRegion::host(context, span(buffer));
    const Stream stream(context);
    gpuio::SubmitOptions fails;
    fails.on_full = gpuio::OnFull::kFail;
    EXPECT_GPUIO_ERROR(
        { for (int k = 0; k < 1000; ++k) stream.read(from, to, kBytes, fails); }, ErrorCode::kBusy);
    for (int k = 0; k < 100; ++k) stream.read(from, to, 4096);  // waits for room
    stream.synchronize();
}

TEST_F(Requests, RefuseWhatMakesNoSense) {
    test::Bytes buffer(4096);
    const test::Bytes constant(4096);
    const MemoryRegion disk = file(), memory = MemoryRegion::host(context_, span(buffer));
    const MemoryRegion read_only = MemoryRegion::open(context_, scratch_.uri("data"));
    const MemoryRegion fixed =
        MemoryRegion::host(context_, std::span<const std::byte>(constant));
    const Stream stream(context_);
    const auto invalid = ErrorCode::kInvalidArgument;
    // A file may have grown since it was opened, so this is found out when it is read.
    EXPECT_GPUIO_ERROR(stream.read({disk, kBytes - 10}, memory, 11).wait(), ErrorCode::kIo,
                       std::to_string(kBytes));
    EXPECT_GPUIO_ERROR(stream.read({disk, ~0ull - 5}, memory, 11), invalid);
    EXPECT_GPUIO_ERROR(stream.read(disk, {memory, 4090}, 11), invalid);
    EXPECT_GPUIO_ERROR(stream.read(disk, memory, 0), invalid);
    EXPECT_GPUIO_ERROR(stream.read(memory, disk, 16), invalid, "COPY");
    EXPECT_GPUIO_ERROR(stream.write(disk, memory, 16), invalid, "COPY");
    EXPECT_GPUIO_ERROR(stream.write(memory, read_only, 16), ErrorCode::kPermission);
    EXPECT_GPUIO_ERROR(stream.read(disk, fixed, 16), ErrorCode::kPermission);
    EXPECT_GPUIO_ERROR(stream.read_batch({}), invalid);
    EXPECT_GPUIO_ERROR(Stream::unordered(context_).synchronize(), invalid, "unordered");
    EXPECT_GPUIO_ERROR(MemoryRegion::open(context_, scratch_.uri("absent")), ErrorCode::kNotFound);
    EXPECT_GPUIO_ERROR(MemoryRegion::host(context_, std::span<std::byte>{}), invalid);
    const Context other = make();
    EXPECT_GPUIO_ERROR(Stream(other).wait([&] {
        const Event foreign(context_);
        foreign.record(stream);
        return foreign;
    }()),
                       invalid);
    gpuio::SubmitOptions hopeless;
    hopeless.qos = gpuio::InferenceQos{.deadline_us = 10, .estimated_duration_us = 20};
    EXPECT_GPUIO_ERROR(stream.read(disk, memory, 16, hopeless), invalid, "estimated_duration_us");
}

TEST_F(Requests, AreRefusedWhenTheirDeadlineCannotBeMet) {
    gpuio::Config config = test::host_config(4096, 64, 64);
    config.scheduler_policy = gpuio::SchedulerPolicy::kDeadline;
    const Context context(config);
    test::Bytes buffer(kBytes);
    const MemoryRegion from = MemoryRegion::open(context, scratch_.uri("data"));
    const MemoryRegion to = MemoryRegion::host(context, span(buffer));
    // Nothing that was promised begins before these have ended.
    const Stream before(context), stream(context);
    for (int k = 0; k < 400; ++k) before.read(from, to, kBytes);
    const Event done(context);
    done.record(before);
    stream.wait(done);
    const auto with = [](std::uint64_t deadline_us, std::uint64_t takes_us, float criticality) {
        gpuio::SubmitOptions options;
        options.qos = gpuio::InferenceQos{deadline_us, takes_us, criticality};
        return options;
    };
    stream.read(from, to, kBytes, with(60'000'000, 1'000, 0.9f));
    // Promises of nearly a minute's work each, until no more fit into a minute's deadline: a few.
    int accepted = 0;
    const auto refused = test::error_of([&] {
        for (; accepted < 10'000; ++accepted) {
            stream.read(from, to, kBytes, with(60'000'000, 59'000'000, 0.9f));
        }
    });
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->code(), ErrorCode::kTimeout) << refused->what();
    EXPECT_TRUE(test::contains(refused->what(), "deadline")) << refused->what();
    EXPECT_EQ(context.figures().classes[2].refused, 1u);
}

TEST_F(Requests, AreCountedByPriority) {
    test::Bytes buffer(kBytes);
    const MemoryRegion from = file(), to = MemoryRegion::host(context_, span(buffer));
    const Stream urgent(context_, gpuio::Priority::kInferenceRealtime);
    gpuio::SubmitOptions background;
    background.priority = gpuio::Priority::kBackground;
    for (int k = 0; k < 10; ++k) urgent.read(from, to, 4096);
    urgent.read(from, to, kBytes, background).wait();
    const gpuio::Figures figures = context_.figures();
    EXPECT_GE(figures.classes[0].completed, 10u);
    EXPECT_GE(figures.classes[5].completed, 1u);
    EXPECT_GE(figures.bytes, kBytes + 10 * 4096);
    EXPECT_GE(figures.classes[0].service_ns.count, 10u);
    EXPECT_LE(figures.classes[0].service_ns.p50, figures.classes[0].service_ns.p999);
    ASSERT_FALSE(figures.devices.empty());
    EXPECT_GT(figures.devices[0].depth, 0u);
    EXPECT_EQ(figures.requests, 0u);
}

TEST_F(Requests, WorkUnderEveryPolicy) {
    using Policy = gpuio::SchedulerPolicy;
    for (const auto policy : {Policy::kFifo, Policy::kPriority, Policy::kDeadline,
                              Policy::kAdaptive}) {
        gpuio::Config config = test::host_config(4096, 64, 64);
        config.scheduler_policy = policy;
        const Context context(config);
        test::Bytes buffer(kBytes);
        const MemoryRegion from = MemoryRegion::open(context, scratch_.uri("data"));
        const MemoryRegion to = MemoryRegion::host(context, span(buffer));
        const Stream any = Stream::unordered(context);
        std::vector<Request> requests;
        for (std::size_t at = 0; at < kBytes; at += 64 << 10) {
            gpuio::SubmitOptions options;
            options.priority = static_cast<gpuio::Priority>(at / (64 << 10) % 6);
            requests.push_back(any.read({from, at}, {to, at}, 64 << 10, options));
        }
        for (const Request& request : requests) request.wait();
        EXPECT_EQ(buffer, bytes_);
    }
}

}  // namespace
