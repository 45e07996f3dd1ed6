#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "process.hpp"
#include "rows.hpp"

namespace speed {
namespace {

/// Thousands of tasks per second of one side.
double ask_side(Companion& companion, const std::string& side, const std::string& mode,
                std::uint64_t count) {
    const std::string answer =
        companion.ask(side + " " + mode + " " + std::to_string(count));
    if (std::stoull(answer) != count * (count - 1) / 2) {
        throw std::runtime_error(side + ": not every task was done once");
    }
    return static_cast<double>(count) / 1e3 / number_after(answer, "", "seconds=");
}

void compare_mode(Companion& companion, const Options& options, const std::string& ours_name,
                  const std::string& mode, std::uint64_t count, double target,
                  const std::string& work, const Emit& emit) {
    const auto side = [&](const std::string& name) {
        return Side([&, name] { return ask_side(companion, name, mode, count); });
    };
    Side ours = side(ours_name);
    Side tokio = side("tokio");
    Side rayon = side("rayon");
    take_turns(options.rounds, std::vector<Side*>{&ours, &tokio, &rayon});
    emit({work, "tokio, spawn and await", "1000/s", compare(ours.rates(), tokio.rates()),
          target});
    emit({work, "rayon, spawn in a scope", "1000/s", compare(ours.rates(), rayon.rates())});
}

}  // namespace

void worker_rows(const Options& options, const Emit& emit) {
    Companion companion({options.workers});
    compare_mode(companion, options, "gpuio", "burst", 200'000, 1.5,
                 "tasks that do nothing, one worker, all submitted, then awaited", emit);
    compare_mode(companion, options, "gpuio", "single", 20'000, 1.5,
                 "tasks that do nothing, one worker, one at a time", emit);
    compare_mode(companion, options, "gpuio", "asleep", 20'000, 0,
                 "tasks that do nothing, one worker, one at a time, owner asleep", emit);
    // The whole path of a request, by what is the least that one can do: an atomic addition.
    compare_mode(companion, options, "requests", "burst", 200'000, 1.5,
                 "requests that do next to nothing, all submitted, then awaited", emit);
    compare_mode(companion, options, "requests", "single", 20'000, 0,
                 "requests that do next to nothing, one at a time", emit);
}

}  // namespace speed
