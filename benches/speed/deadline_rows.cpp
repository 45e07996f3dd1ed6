// Deadlines when more is asked for than the drive can do.
//
// The arrivals are made up, with the traits that are reported of inference services: bursts and
// heavy tails, as in Azure's traces of LLM inference (published with Splitwise, ISCA 2024) and in
// its traces of functions, to which AlpaServe (OSDI 2023) fits gamma processes. Here: waits between
// requests are gamma distributed with a coefficient of variation of 2, the rate switches between
// half and one and a half times its mean, lengths are log-normal. No trace is replayed; what the
// deadlines and the criticality are is an assumption.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <gpuio/gpuio.hpp>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "rows.hpp"
#include "world.hpp"

namespace speed {
namespace {

using Policy = gpuio::SchedulerPolicy;

constexpr double kLoad = 1.2;
constexpr double kArrivalVariation = 2;
/// Mean time between changes of the rate.
constexpr double kBurstSeconds = 0.3;
constexpr double kMeanBytes = 384 << 10;
constexpr double kLengthVariation = 0.7;
/// What must be done by then: 20 to 80 ms, about the time of a few generated tokens.
constexpr double kDeadlineMin = 0.020, kDeadlineMax = 0.080;
constexpr float kCritical = 0.8f;
/// Requests in flight while the drive's throughput is measured.
constexpr std::size_t kDepth = 64;

/// What is asked for, and when, in seconds from the first.
struct Asked {
    double at;
    std::uint64_t offset;
    std::uint64_t length;
    double deadline;
    float criticality;
};

/// `count` requests, `rate` a second on average. The same for the same seed.
std::vector<Asked> arrivals(std::size_t count, double rate, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const double shape = 1 / (kArrivalVariation * kArrivalVariation);
    std::gamma_distribution<double> wait(shape, 1 / (shape * rate));
    std::exponential_distribution<double> burst(1 / kBurstSeconds);
    const double variance = std::log(1 + kLengthVariation * kLengthVariation);
    std::lognormal_distribution<double> length(std::log(kMeanBytes) - variance / 2,
                                               std::sqrt(variance));
    std::uniform_real_distribution<double> deadline(kDeadlineMin, kDeadlineMax), unit(0, 1);
    std::vector<Asked> all(count);
    double at = 0, until = 0, pace = 1.5;
    for (Asked& it : all) {
        if (at >= until) {
            pace = 2 - pace;
            until = at + burst(random);
        }
        const auto pages = static_cast<std::uint64_t>(length(random) / kPage) + 1;
        it.at = at;
        it.length = std::min<std::uint64_t>(pages * kPage, kMiB);
        it.offset = random() % ((kFileBytes - kMiB) / kPage) * kPage;
        it.deadline = deadline(random);
        it.criticality = static_cast<float>(unit(random));
        at += wait(random) / pace;
    }
    return all;
}

gpuio::Request submit(const World& world, const gpuio::Stream& stream, const Asked& it,
                      std::size_t place, const gpuio::SubmitOptions& options) {
    return stream.read({world.file, it.offset}, {world.target, place % kDepth * kMiB}, it.length,
                       options);
}

/// Such requests a second that the drive does, 64 at a time.
double throughput(const Options& options) {
    World world(options, Policy::kFifo, kDepth * kMiB);
    const auto stream = gpuio::Stream::unordered(world.context);
    const std::vector<Asked> asked = arrivals(4096, 1, 1);
    std::vector<gpuio::Request> requests;
    std::size_t done = 0;
    const double start = now_s();
    while (now_s() - start < options.seconds / 2) {
        for (; requests.size() < kDepth; ++done) {
            requests.push_back(submit(world, stream, asked[done % asked.size()], done, {}));
        }
        std::erase_if(requests, [](const gpuio::Request& it) { return it.ended(); });
        if (requests.size() == kDepth) requests.front().wait_for(std::chrono::milliseconds(1));
    }
    for (const gpuio::Request& it : requests) it.wait();
    return static_cast<double>(done) / (now_s() - start);
}

/// PRIORITY and FIFO know nothing of criticality; PRIORITY is told by the class.
gpuio::Priority priority_of(Policy policy, float criticality) {
    if (policy != Policy::kPriority || criticality >= kCritical) {
        return gpuio::Priority::kInferenceRealtime;
    }
    return criticality < 0.4f ? gpuio::Priority::kTrainingBw : gpuio::Priority::kTrainingFw;
}

/// Requests; and of these, admitted ones; and of these, those in time.
struct Served {
    std::size_t asked = 0, admitted = 0, met = 0;
};

struct Both {
    Served critical, all;
};

/// A request on its way: when it was submitted, and when it ended.
struct Sent {
    double begin = 0;
    std::atomic<double> end{0};
    std::optional<gpuio::Request> request;
};

void send(World& world, const gpuio::Stream& stream, Policy policy, const Asked& it,
          std::size_t place, Sent& sent) {
    gpuio::SubmitOptions options;
    options.priority = priority_of(policy, it.criticality);
    options.qos = {static_cast<std::uint64_t>(1e6 * it.deadline), 0, it.criticality};
    sent.begin = now_s();
    try {
        sent.request = submit(world, stream, it, place, options);
    } catch (const gpuio::Error& error) {
        if (error.code() != gpuio::ErrorCode::kTimeout) throw;
        return;  // refused
    }
    sent.request->on_complete([&sent](const gpuio::Request&) { sent.end = now_s(); });
}

/// Everything that is asked for, each when its time has come.
Both serve(const Options& options, Policy policy, const std::vector<Asked>& asked) {
    std::vector<Sent> sent(asked.size());
    {
        World world(options, policy, kDepth * kMiB);
        const auto stream = gpuio::Stream::unordered(world.context);
        const double start = now_s();
        for (std::size_t k = 0; k < asked.size(); ++k) {
            const double early = asked[k].at - (now_s() - start);
            if (early > 0) std::this_thread::sleep_for(std::chrono::duration<double>(early));
            send(world, stream, policy, asked[k], k, sent[k]);
        }
        for (const Sent& it : sent) {
            while (it.request && !it.request->wait_for(std::chrono::seconds(1))) {
            }
        }
    }  // the end of the context waits for the callbacks
    Both both;
    for (std::size_t k = 0; k < asked.size(); ++k) {
        const bool is_admitted = sent[k].request.has_value();
        const bool is_met = is_admitted && sent[k].request->status() == gpuio::Status::kCompleted &&
                            sent[k].end - sent[k].begin <= asked[k].deadline;
        for (Served* it : {&both.critical, &both.all}) {
            if (it == &both.critical && asked[k].criticality < kCritical) continue;
            ++it->asked;
            it->admitted += is_admitted;
            it->met += is_met;
        }
    }
    return both;
}

/// What one policy did, round by round.
struct Column {
    Policy policy;
    const char* name;
    double target = 0;
    std::vector<double> met{}, admitted{}, asked{}, all_met{}, all_asked{};

    void add(const Both& both) {
        met.push_back(static_cast<double>(both.critical.met));
        admitted.push_back(static_cast<double>(both.critical.admitted));
        asked.push_back(static_cast<double>(both.critical.asked));
        all_met.push_back(static_cast<double>(both.all.met));
        all_asked.push_back(static_cast<double>(both.all.asked));
    }
};

}  // namespace

void deadline_rows(const Options& options, const Emit& emit) {
    std::vector<Column> columns = {{Policy::kDeadline, "DEADLINE", 0.99},
                                   {Policy::kPriority, "PRIORITY"},
                                   {Policy::kFifo, "FIFO"}};
    for (int round = 0; round < options.rounds; ++round) {
        const double rate = kLoad * throughput(options);
        const auto count = static_cast<std::size_t>(2 * options.seconds * rate);
        const auto asked = arrivals(count, rate, static_cast<std::uint64_t>(round));
        for (Column& it : columns) it.add(serve(options, it.policy, asked));
    }
    const std::string load = " at 1.2 times the drive's throughput, ";
    for (const Column& it : columns) {
        emit({"criticality ≥ 0.8, in time" + load + it.name, "of these, admitted", "requests",
              compare(it.met, it.admitted), it.target});
    }
    for (const Column& it : columns) {
        emit({std::string("the same, ") + it.name, "of these, asked for", "requests",
              compare(it.met, it.asked)});
    }
    for (const Column& it : columns) {
        emit({"any criticality, in time" + load + it.name, "asked for", "requests",
              compare(it.all_met, it.all_asked)});
    }
}

}  // namespace speed
