#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <gpuio/gpuio.hpp>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "rows.hpp"
#include "world.hpp"

namespace speed {
namespace {

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

/// The urgent reads: none; one after the other, each half a millisecond after the end of the one
/// before; the same with waits at random, half a millisecond on average.
enum class Reads { kNone, kSteady, kRandom };

/// 4 KiB reads beside background reads, or alone; or these alone.
Urgent urgent_reads(const Options& options, gpuio::SchedulerPolicy policy, Reads reads,
                    bool beside) {
    World world(options, policy, 34 * kMiB);
    std::optional<Background> background;
    if (beside) background.emplace(world);
    const gpuio::Stream stream(world.context, gpuio::Priority::kInferenceRealtime);
    std::mt19937_64 random(2);
    std::exponential_distribution<double> wait_us(1 / 500.0);
    std::vector<double> took_us;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    const std::uint64_t before = beside ? background->bytes() : 0;
    const double start = now_s();
    while (now_s() - start < options.seconds) {
        const double us = reads == Reads::kRandom ? wait_us(random) : 500;
        std::this_thread::sleep_for(std::chrono::duration<double, std::micro>(us));
        if (reads == Reads::kNone) continue;
        const std::uint64_t page = random() % (kFileBytes / kPage);
        took_us.push_back(1e6 * seconds_of([&] {
            stream.read({world.file, page * kPage}, world.target, kPage).wait();
        }));
    }
    Urgent result{};
    const double moved = beside ? static_cast<double>(background->bytes() - before) : 0;
    result.background_rate = moved / kMiB / (now_s() - start);
    std::sort(took_us.begin(), took_us.end());
    if (!took_us.empty()) result.p99_us = took_us[took_us.size() * 99 / 100];
    return result;
}

}  // namespace

void urgent_rows(const Options& options, const Emit& emit) {
    using Policy = gpuio::SchedulerPolicy;
    std::vector<double> alone, beside, fifo, bulk_alone, bulk_beside, bulk_fifo;
    std::vector<double> adaptive, bulk_adaptive, random, bulk_random;
    const auto side = [&](Policy policy, Reads reads, bool with, std::vector<double>* p99,
                          std::vector<double>* rate) {
        return [&options, policy, reads, with, p99, rate](bool counted) {
            const Urgent result = urgent_reads(options, policy, reads, with);
            if (!counted) return;
            if (p99 != nullptr) p99->push_back(result.p99_us);
            if (rate != nullptr) rate->push_back(result.background_rate);
        };
    };
    constexpr Reads kNone = Reads::kNone, kSteady = Reads::kSteady, kRandom = Reads::kRandom;
    take_turns(options.rounds, {side(Policy::kPriority, kSteady, false, &alone, nullptr),
                                side(Policy::kPriority, kSteady, true, &beside, &bulk_beside),
                                side(Policy::kAdaptive, kSteady, true, &adaptive, &bulk_adaptive),
                                side(Policy::kPriority, kRandom, true, &random, &bulk_random),
                                side(Policy::kFifo, kSteady, true, &fifo, &bulk_fifo),
                                side(Policy::kPriority, kNone, true, nullptr, &bulk_alone)});
    emit({"p99 of 4 KiB INFERENCE_REALTIME reads beside BACKGROUND", "alone on an idle drive", "µs",
          compare(beside, alone), 2.5, true});
    emit({"BACKGROUND beside them", "alone", "MiB/s", compare(bulk_beside, bulk_alone), 0.6});
    emit({"the same p99 with ADAPTIVE", "alone on an idle drive", "µs", compare(adaptive, alone)});
    emit({"BACKGROUND beside them with ADAPTIVE", "alone", "MiB/s",
          compare(bulk_adaptive, bulk_alone)});
    emit({"the same p99, reads at random", "alone on an idle drive", "µs", compare(random, alone)});
    emit({"BACKGROUND beside them, reads at random", "alone", "MiB/s",
          compare(bulk_random, bulk_alone)});
    emit({"the same p99 with FIFO", "alone on an idle drive", "µs", compare(fifo, alone)});
    emit({"BACKGROUND beside them with FIFO", "alone", "MiB/s", compare(bulk_fifo, bulk_alone)});
}

}  // namespace speed
