#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <gpuio/gpuio.hpp>
#include <optional>
#include <random>
#include <span>
#include <thread>
#include <vector>

#include "data.hpp"
#include "process.hpp"
#include "rows.hpp"

namespace speed {
namespace {

constexpr std::uint64_t kFileBytes = 2048 * kMiB;
constexpr std::uint64_t kPage = 4096;
constexpr std::size_t kDepth = 64;

gpuio::Context context_with(gpuio::SchedulerPolicy policy) {
    gpuio::Config config;
    config.device = "host";
    config.memory_pool_size = 64 * kMiB;
    config.scheduler_policy = policy;
    return gpuio::Context(config);
}

/// A context with the data file and memory to read it to.
struct World {
    World(const Options& options, gpuio::SchedulerPolicy policy, std::uint64_t memory_bytes)
        : memory(memory_bytes),
          context(context_with(policy)),
          file(gpuio::MemoryRegion::open(context, "localio://" + options.data_file + "?direct=1")),
          target(gpuio::MemoryRegion::host(context,
                                           std::span(memory.bytes(), memory_bytes))) {}
    RawArray memory;
    gpuio::Context context;
    gpuio::MemoryRegion file;
    gpuio::MemoryRegion target;
};

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

double random_reads_by_engine(const Options& options) {
    const std::string text = run_program({options.localio_rate, options.data_file,
                                          std::to_string(options.seconds), "random", "io_uring"});
    return number_after(text, "random", "iops=");
}

/// Reads of 1 MiB that saturate the drive, as long as it lives.
class Background {
public:
    explicit Background(World& world) : world_(world), thread_([this] { run(); }) {}
    ~Background() {
        stop_ = true;
        thread_.join();
    }
    std::uint64_t bytes() const { return bytes_; }

private:
    void run() {
        const gpuio::Stream stream = gpuio::Stream::unordered(world_.context);
        gpuio::SubmitOptions background;
        background.priority = gpuio::Priority::kBackground;
        std::vector<gpuio::Request> requests;
        std::uint64_t at = 0;
        const auto next = [&](std::size_t k) {
            at = (at + kMiB) % kFileBytes;
            return stream.read({world_.file, at}, {world_.target, (k + 1) * kMiB}, kMiB,
                               background);
        };
        for (std::size_t k = 0; k < 32; ++k) requests.push_back(next(k));
        for (std::size_t k = 0; !stop_; k = (k + 1) % requests.size()) {
            requests[k].wait();
            bytes_ += kMiB;
            requests[k] = next(k);
        }
        for (const gpuio::Request& request : requests) request.wait();
    }

    World& world_;
    std::atomic<bool> stop_{false};
    std::atomic<std::uint64_t> bytes_{0};
    std::thread thread_;
};

struct Urgent {
    double p99_us;
    double background_rate;  ///< MiB a second
};

/// 4 KiB reads, one after the other; beside background reads, or alone; or these alone.
Urgent urgent_reads(const Options& options, gpuio::SchedulerPolicy policy, bool urgent,
                    bool beside) {
    World world(options, policy, 34 * kMiB);
    std::optional<Background> background;
    if (beside) background.emplace(world);
    const gpuio::Stream stream(world.context, gpuio::Priority::kInferenceRealtime);
    std::mt19937_64 random(2);
    std::vector<double> took_us;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    const std::uint64_t before = beside ? background->bytes() : 0;
    const double start = now_s();
    while (now_s() - start < options.seconds) {
        std::this_thread::sleep_for(std::chrono::microseconds(500));
        if (!urgent) continue;
        const std::uint64_t page = random() % (kFileBytes / kPage);
        took_us.push_back(1e6 * seconds_of([&] {
            stream.read({world.file, page * kPage}, world.target, kPage).wait();
        }));
    }
    Urgent result{};
    const double moved = beside ? static_cast<double>(background->bytes() - before) : 0;
    result.background_rate = moved / kMiB / (now_s() - start);
    std::sort(took_us.begin(), took_us.end());
    if (urgent) result.p99_us = took_us[took_us.size() * 99 / 100];
    return result;
}

void urgent_rows(const Options& options, const Emit& emit) {
    using Policy = gpuio::SchedulerPolicy;
    std::vector<double> alone, beside, fifo, bulk_alone, bulk_beside, bulk_fifo;
    std::vector<double> adaptive, bulk_adaptive;
    const auto side = [&](Policy policy, bool urgent, bool with, std::vector<double>* p99,
                          std::vector<double>* rate) {
        return [&options, policy, urgent, with, p99, rate](bool counted) {
            const Urgent result = urgent_reads(options, policy, urgent, with);
            if (!counted) return;
            if (p99 != nullptr) p99->push_back(result.p99_us);
            if (rate != nullptr) rate->push_back(result.background_rate);
        };
    };
    take_turns(options.rounds, {side(Policy::kPriority, true, false, &alone, nullptr),
                                side(Policy::kPriority, true, true, &beside, &bulk_beside),
                                side(Policy::kAdaptive, true, true, &adaptive, &bulk_adaptive),
                                side(Policy::kFifo, true, true, &fifo, &bulk_fifo),
                                side(Policy::kPriority, false, true, nullptr, &bulk_alone)});
    emit({"p99 of 4 KiB INFERENCE_REALTIME reads beside BACKGROUND", "alone on an idle drive", "µs",
          compare(beside, alone), 2.5, true});
    emit({"BACKGROUND beside them", "alone", "MiB/s", compare(bulk_beside, bulk_alone), 0.6});
    emit({"the same p99 with ADAPTIVE", "alone on an idle drive", "µs", compare(adaptive, alone)});
    emit({"BACKGROUND beside them with ADAPTIVE", "alone", "MiB/s",
          compare(bulk_adaptive, bulk_alone)});
    emit({"the same p99 with FIFO", "alone on an idle drive", "µs", compare(fifo, alone)});
    emit({"BACKGROUND beside them with FIFO", "alone", "MiB/s", compare(bulk_fifo, bulk_alone)});
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

    urgent_rows(options, emit);

    Side batched([&] { return scattered_reads(options, true); });
    Side single([&] { return scattered_reads(options, false); });
    take_turns(options.rounds, std::vector<Side*>{&batched, &single});
    emit({"64 B to 4 KiB reads in runs of 32, batched", "one request each", "reads/s",
          compare(batched.rates(), single.rates()), 5});
}

}  // namespace speed
