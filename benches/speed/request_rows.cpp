#include <algorithm>
#include <chrono>
#include <cstdint>
#include <gpuio/gpuio.hpp>
#include <random>
#include <stop_token>
#include <thread>
#include <vector>

#include "process.hpp"
#include "rows.hpp"
#include "world.hpp"

namespace speed {
namespace {

constexpr std::size_t kDepth = 64;

/// What the program does while none of its requests has ended.
enum class Idle { kWaits, kPolls };

/// I/Os a second, 64 of them in flight, through submit, scheduler and completion.
double random_reads(const Options& options, Idle idle) {
    World world(options, gpuio::SchedulerPolicy::kPriority, kDepth * kPage);
    const auto stream = gpuio::Stream::unordered(world.context);
    std::mt19937_64 random(1);
    std::vector<gpuio::Request> requests;
    const auto next = [&](std::size_t k) {
        const std::uint64_t page = random() % (kFileBytes / kPage);
        return stream.read({world.file, page * kPage}, {world.target, k * kPage}, kPage);
    };
    for (std::size_t k = 0; k < kDepth; ++k) requests.push_back(next(k));
    std::uint64_t done = 0;
    const double start = now_s();
    while (now_s() - start < options.seconds) {
        bool any = false;
        for (std::size_t k = 0; k < kDepth; ++k) {
            if (!requests[k].ended()) continue;
            any = true;
            ++done;
            requests[k] = next(k);
        }
        if (!any && idle == Idle::kWaits) gpuio::wait_any(requests, std::chrono::seconds(1));
    }
    return static_cast<double>(done) / (now_s() - start);
}

/// A thread on every core that computes and never waits.
class BusyCores {
public:
    BusyCores() {
        for (unsigned k = 0; k < std::thread::hardware_concurrency(); ++k) {
            threads_.emplace_back([](std::stop_token stop) {
                while (!stop.stop_requested()) {
                }
            });
        }
    }

private:
    std::vector<std::jthread> threads_;
};

double random_reads_by_engine(const Options& options) {
    const std::string text = run_program({options.localio_rate, options.data_file,
                                          std::to_string(options.seconds), "random", "io_uring"});
    return number_after(text, "random", "iops=");
}

/// Reads of 64 B to 4 KiB in runs of neighbours, each run somewhere else; a second's worth of them.
double scattered_reads(const Options& options, bool batched) {
    constexpr std::size_t kReads = 4096, kRun = 32;
    World world(options, gpuio::SchedulerPolicy::kPriority, kReads * kPage);
    const auto stream = gpuio::Stream::unordered(world.context);
    std::mt19937_64 random(3);
    std::vector<gpuio::BatchRead> parts;
    std::uint64_t at = 0;
    for (std::size_t k = 0; k < kReads; ++k) {
        if (k % kRun == 0) at = random() % (kFileBytes - kRun * kPage);
        const std::uint64_t length = std::uint64_t{64} << random() % 7;
        parts.push_back({{world.file, at}, {world.target, k * kPage}, length});
        at += length;
    }
    std::shuffle(parts.begin(), parts.end(), random);
    std::uint64_t done = 0;
    const double start = now_s();
    while (now_s() - start < options.seconds / 2) {
        if (batched) {
            stream.read_batch(parts).wait();
        } else {
            std::vector<gpuio::Request> requests;
            for (const auto& it : parts) requests.push_back(stream.read(it.from, it.to, it.length));
            for (const gpuio::Request& request : requests) request.wait();
        }
        done += kReads;
    }
    return static_cast<double>(done) / (now_s() - start);
}

}  // namespace

void request_rows(const Options& options, const Emit& emit) {
    Side waits([&] { return random_reads(options, Idle::kWaits); });
    Side polls([&] { return random_reads(options, Idle::kPolls); });
    Side direct([&] { return random_reads_by_engine(options); });
    take_turns(options.rounds, std::vector<Side*>{&waits, &polls, &direct});
    emit({"4 KiB random reads at depth 64 as requests, wait_any", "the same engine driven directly",
          "IOPS", compare(waits.rates(), direct.rates()), 0.95});
    emit({"the same, the program polls", "the same engine driven directly", "IOPS",
          compare(polls.rates(), direct.rates()), 0.95});

    const auto beside_busy_cores = [](const auto& reads) {
        const BusyCores busy;
        return reads();
    };
    Side waits_busy([&] {
        return beside_busy_cores([&] { return random_reads(options, Idle::kWaits); });
    });
    Side direct_busy([&] {
        return beside_busy_cores([&] { return random_reads_by_engine(options); });
    });
    take_turns(options.rounds, std::vector<Side*>{&waits_busy, &direct_busy});
    emit({"the same, wait_any, every core computing", "the same engine driven directly", "IOPS",
          compare(waits_busy.rates(), direct_busy.rates())});

    Side batched([&] { return scattered_reads(options, true); });
    Side single([&] { return scattered_reads(options, false); });
    take_turns(options.rounds, std::vector<Side*>{&batched, &single});
    emit({"64 B to 4 KiB reads in runs of 32, batched", "one request each", "reads/s",
          compare(batched.rates(), single.rates()), 5});
}

}  // namespace speed
