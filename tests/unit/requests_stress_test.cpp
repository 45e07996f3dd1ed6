// Requests from several threads at once, for as long as REQUESTS_STRESS_SECONDS says (5):
// submitting, cancelling, waiting, batches, callbacks, events, figures; streams that go while they
// are in use; and contexts that end while others wait. What is copied is looked at after its end,
// so that ThreadSanitizer sees whether that comes after the copying. To run it for long:
//
//     cmake --preset tsan && cmake --build build/tsan --target requests_stress_test
//     export TSAN_OPTIONS=suppressions=tests/sanitize/tsan_suppressions.txt
//     REQUESTS_STRESS_SECONDS=300 setarch -R build/tsan/tests/requests_stress_test
//
// With REQUESTS_STRESS_PLANT=early-look the threads look at bytes before they have waited for them:
// a race which must be reported (sanitize.requests_race).

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "support/host.hpp"
#include "support/scratch.hpp"

namespace {

using gpuio::Context;
using gpuio::Event;
using gpuio::MemoryRegion;
using gpuio::Request;
using gpuio::Stream;

constexpr std::size_t kThreads = 4;
constexpr std::size_t kSteps = 150;
/// Streams of a thread at a time.
constexpr std::size_t kLanes = 4;
/// Long enough that workers copy it, and longer than a slice.
constexpr std::size_t kBytes = 384 << 10;
constexpr auto kPatience = std::chrono::seconds(120);

/// What happened in all rounds.
struct Counts {
    std::atomic<std::uint64_t> submitted{0}, completed{0}, cancelled{0}, failed{0};
    std::atomic<std::uint64_t> callbacks_wanted{0}, callbacks{0}, looks{0};
};

bool planted() {
    const char* plant = std::getenv("REQUESTS_STRESS_PLANT");
    return plant != nullptr && std::string_view(plant) == "early-look";
}

/// What the threads of a round share.
struct Round {
    Round(const std::string& uri, Counts& the_counts) : context(make()), counts(the_counts) {
        file.emplace(MemoryRegion::open(context, uri, gpuio::Access::kReadWrite));
        for (int k = 0; k < 4; ++k) events.emplace_back(context);
    }

    static Context make() {
        gpuio::Config config = test::host_config(4096);
        config.queued_requests_max = 64;
        config.request_workers = 2;
        return Context(config);
    }

    Context context;
    Counts& counts;
    std::optional<MemoryRegion> file;
    std::vector<Event> events;
};

using Memory = std::vector<std::byte>;

/// A stream with memory that it alone writes to: between streams there would be no order. The
/// memory outlives the stream, as its requests do.
struct Lane {
    explicit Lane(const Context& context)
        : memory(std::make_unique<Memory>(kBytes)), stream(context),
          to(MemoryRegion::host(context, std::span(*memory))) {}

    std::unique_ptr<Memory> memory;
    std::optional<Stream> stream;
    MemoryRegion to;
};

/// One thread's doings. Its memory outlives the round's context.
class Actor {
public:
    Actor(Round& round, std::uint64_t seed)
        : round_(&round), counts_(round.counts), random_(seed),
          from_(MemoryRegion::host(round.context, std::span(source_))),
          looked_at_(MemoryRegion::host(round.context, std::span(checked_))) {
        source_.assign(source_.size(), static_cast<std::byte>(seed));
        lanes_.emplace_back(round.context);
    }

    void run() {
        for (std::size_t k = 0; k < kSteps; ++k) step();
        // Nothing of the context is kept but what has to end with it.
        for (Lane& lane : lanes_) lane.stream.reset();
        round_ = nullptr;
    }

    /// Every request has an end, also when the context has gone.
    void finish() {
        for (const Request& request : requests_) {
            ASSERT_TRUE(request.wait_for(kPatience));
            const gpuio::Status status = request.status();
            counts_.completed += status == gpuio::Status::kCompleted;
            counts_.cancelled += status == gpuio::Status::kCancelled;
            counts_.failed += status == gpuio::Status::kError;
            EXPECT_EQ(bool(request.result()), status == gpuio::Status::kCompleted);
        }
    }

private:
    std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
    /// One of the latest.
    Lane& lane() { return lanes_[lanes_.size() - 1 - below(std::min(lanes_.size(), kLanes))]; }
    const Event& event() { return round_->events[below(round_->events.size())]; }

    void step() {
        switch (below(16)) {
            case 0: return look();
            case 1: return cancel();
            case 2: return wait();
            case 3: return change_lanes();
            case 4: return mark();
            case 5: return figures();
            case 6: return batch();
            case 7: return add();
            case 8: return call_back();
            default: return transfer();
        }
    }

    const Request& take(Request request) {
        ++counts_.submitted;
        requests_.push_back(std::move(request));
        return requests_.back();
    }

    void transfer() {
        const std::uint64_t length = below(4) == 0 ? kBytes : 1 + below(20'000);
        const std::uint64_t at = below(kBytes - length + 1);
        gpuio::SubmitOptions options;
        options.priority = static_cast<gpuio::Priority>(below(6));
        const MemoryRegion& file = *round_->file;
        const Lane& on = lane();
        switch (below(3)) {
            case 0: take(on.stream->read({file, at}, {on.to, at}, length, options)); break;
            case 1: take(on.stream->write({from_, at}, {file, at}, length, options)); break;
            default: take(on.stream->copy({from_, at}, {on.to, at}, length, options));
        }
    }

    void add() {
        const Lane& on = lane();
        take(on.stream->fetch_add(on.to, 1));
    }

    void batch() {
        const Lane& on = lane();
        std::vector<gpuio::BatchPart> parts;
        for (std::size_t k = 0; k < 8; ++k) {
            const std::uint64_t at = 4096 * below(16);
            const gpuio::Place file(*round_->file, at), from(from_, at), to(on.to, at);
            switch (below(3)) {
                case 0: parts.push_back(gpuio::BatchPart::read(file, to, 6000)); break;
                case 1: parts.push_back(gpuio::BatchPart::write(from, file, 6000)); break;
                default: parts.push_back(gpuio::BatchPart::copy(from, to, 6000));
            }
        }
        take(on.stream->batch(parts));
    }

    /// Copies, waits, and looks.
    void look() {
        checked_.assign(checked_.size(), std::byte{0});
        const Request& copy = take(lane().stream->copy(from_, looked_at_, kBytes));
        if (planted()) seen_ = checked_[kBytes / 2];
        ASSERT_TRUE(copy.wait_for(kPatience));
        if (copy.status() != gpuio::Status::kCompleted) return;
        EXPECT_EQ(checked_, source_);
        ++counts_.looks;
    }

    void cancel() {
        if (requests_.empty()) return;
        const std::uint64_t back = below(std::min<std::size_t>(requests_.size(), 5));
        requests_[requests_.size() - 1 - back].cancel();
    }

    /// Others record the same event and wait for it, too.
    void mark() {
        try {
            if (below(2) == 0) {
                event().record(*lane().stream);
            } else {
                lane().stream->wait(event());
            }
        } catch (const gpuio::Error& error) {
            EXPECT_EQ(error.code(), gpuio::ErrorCode::kBusy) << error.what();
        }
    }

    void figures() {
        const gpuio::Figures figures = round_->context.figures();
        EXPECT_LE(figures.requests, 64u);
        const bool as_text = below(8) == 0;
        EXPECT_TRUE(!as_text || !round_->context.metrics().empty());
    }

    void call_back() {
        ++counts_.callbacks_wanted;
        const auto data = std::make_shared<std::vector<int>>(16, 1);
        Counts& counts = counts_;
        const Lane& on = lane();
        take(on.stream->copy(from_, on.to, 4096 + below(kBytes - 4096)))
            .on_complete([&counts, data](const Request& self) {
                EXPECT_TRUE(self.ended());
                (*data)[3] = 2;
                ++counts.callbacks;
            });
    }

    void wait() {
        if (requests_.empty()) return;
        EXPECT_TRUE(requests_[below(requests_.size())].wait_for(kPatience));
    }

    /// Streams go while their requests run.
    void change_lanes() {
        lanes_.emplace_back(round_->context);
        if (lanes_.size() > kLanes) lanes_[lanes_.size() - 1 - kLanes].stream.reset();
    }

    Round* round_;
    Counts& counts_;
    std::mt19937_64 random_;
    Memory source_ = Memory(kBytes), checked_ = source_;
    MemoryRegion from_, looked_at_;
    std::byte seen_{};
    std::vector<Lane> lanes_;
    std::vector<Request> requests_;
};

void run_round(const std::string& uri, std::uint64_t seed, Counts& counts) {
    auto round = std::make_unique<Round>(uri, counts);
    std::vector<std::unique_ptr<Actor>> actors;
    for (std::size_t k = 0; k < kThreads; ++k) {
        actors.push_back(std::make_unique<Actor>(*round, seed * kThreads + k));
    }
    std::atomic<std::size_t> done{0};
    std::vector<std::thread> threads;
    for (auto& actor : actors) {
        threads.emplace_back([&] {
            actor->run();
            ++done;
            actor->finish();
        });
    }
    while (done != kThreads) std::this_thread::yield();
    round.reset();  // while the threads wait for what it cancels
    for (std::thread& thread : threads) thread.join();
}

TEST(RequestsStress, OfSeveralThreadsAllEnd) {
    const char* wanted = std::getenv("REQUESTS_STRESS_SECONDS");
    const auto time = std::chrono::seconds(wanted == nullptr ? 5 : std::atoi(wanted));
    test::Scratch scratch;
    scratch.write("data", test::random_bytes(kBytes));
    Counts counts;
    std::uint64_t rounds = 0;
    const auto end = std::chrono::steady_clock::now() + time;
    do {
        run_round(scratch.uri("data"), rounds++, counts);
    } while (std::chrono::steady_clock::now() < end && !HasFatalFailure());
    // The end of a context waits for its callbacks.
    EXPECT_EQ(counts.callbacks, counts.callbacks_wanted);
    EXPECT_EQ(counts.completed + counts.cancelled + counts.failed, counts.submitted);
    EXPECT_EQ(counts.failed, 0u);
    EXPECT_GT(counts.looks, 0u);
    EXPECT_GT(counts.cancelled, 0u);
    std::printf("%llu contexts, %llu requests, %llu cancelled, %llu looked at\n",
                static_cast<unsigned long long>(rounds),
                static_cast<unsigned long long>(counts.submitted),
                static_cast<unsigned long long>(counts.cancelled),
                static_cast<unsigned long long>(counts.looks));
}

}  // namespace
