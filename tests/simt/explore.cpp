// simt_explore: runs seeds, reports the first failure and how to see it again.
//
//     simt_explore --seeds 0..9999 [--config NAME] [--expect KIND,KIND] [--require-coverage]
//                  [--plant-host status-first|withdraws-source|publishes-early|withdraws-late]
//
// Without --config, the seeds take turns through the configurations. With --expect, the run has to
// fail, in one of these ways: that is how the tests hold the explorer itself to account.
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "run.hpp"

namespace {

struct Options {
    std::uint64_t first = 0;
    std::uint64_t last = 999;
    std::string config;
    std::string expect;
    bool require_coverage = false;
    std::string host_bug;
};

[[noreturn]] void usage(const std::string& what) {
    std::fprintf(stderr,
                 "simt_explore: %s\nusage: simt_explore --seeds A..B [--config NAME] "
                 "[--expect KIND,...] [--require-coverage] [--plant-host BUG]\n"
                 "configurations:",
                 what.c_str());
    for (const simt::Config& config : simt::configs()) {
        std::fprintf(stderr, " %s", config.name.c_str());
    }
    std::fprintf(stderr, "\n");
    std::exit(2);
}

void parse_seeds(const char* text, Options& options) {
    char* end = nullptr;
    options.first = std::strtoull(text, &end, 10);
    options.last = options.first;
    if (std::strncmp(end, "..", 2) == 0) options.last = std::strtoull(end + 2, &end, 10);
    if (end == text || *end != 0 || options.last < options.first) {
        usage(std::string("not a range of seeds: ") + text);
    }
}

Options parse(int count, char** arguments) {
    Options options;
    for (int i = 1; i < count; ++i) {
        const std::string name = arguments[i];
        if (name == "--require-coverage") {
            options.require_coverage = true;
            continue;
        }
        if (i + 1 == count) usage("what is " + name + "?");
        const char* value = arguments[++i];
        if (name == "--seeds") {
            parse_seeds(value, options);
        } else if (name == "--config") {
            options.config = value;
        } else if (name == "--expect") {
            options.expect = value;
        } else if (name == "--plant-host") {
            options.host_bug = value;
        } else {
            usage("what is " + name + " " + value + "?");
        }
    }
    return options;
}

simt::HostBug bug_of(const Options& options) {
    if (options.host_bug.empty()) return simt::HostBug::kNone;
    if (options.host_bug == "status-first") return simt::HostBug::kStatusFirst;
    if (options.host_bug == "withdraws-source") return simt::HostBug::kWithdrawsSource;
    if (options.host_bug == "publishes-early") return simt::HostBug::kPublishesEarly;
    if (options.host_bug == "withdraws-late") return simt::HostBug::kWithdrawsLate;
    usage("no bug of the host's is named " + options.host_bug);
}

const simt::Config& config_of(std::uint64_t seed, const Options& options) {
    const auto& all = simt::configs();
    if (options.config.empty()) return all[seed % all.size()];
    for (const simt::Config& config : all) {
        if (config.name == options.config) return config;
    }
    usage("no configuration is named " + options.config);
}

bool expected(const std::string& kind, const std::string& list) {
    return ("," + list + ",").find("," + kind + ",") != std::string::npos;
}

void report(const char* program, const simt::Config& config, std::uint64_t seed,
            const simt::Failure& failure, const Options& options) {
    std::printf("seed %" PRIu64 ", config %s: %s: %s\n", seed, config.name.c_str(),
                failure.kind.c_str(), failure.message.c_str());
    const std::string planted =
        options.host_bug.empty() ? "" : " --plant-host " + options.host_bug;
    std::printf("again: %s --config %s --seeds %" PRIu64 "%s\n", program, config.name.c_str(), seed,
                planted.c_str());
}

int conclude(const simt::Findings& findings, const Options& options, double seconds) {
    findings.print();
    std::printf("%" PRIu64 " schedules in %.1f s, none of them wrong\n", findings.schedules,
                seconds);
    if (!options.expect.empty()) {
        std::printf("but a failure was expected: %s\n", options.expect.c_str());
        return 1;
    }
    const auto missing = findings.missing();
    if (!options.require_coverage || missing.empty()) return 0;
    for (const std::string& name : missing) std::printf("never came across: %s\n", name.c_str());
    return 1;
}

}  // namespace

int simt::explore(int count, char** arguments) {
    const Options options = parse(count, arguments);
    const HostBug bug = bug_of(options);
    const auto start = std::chrono::steady_clock::now();
    simt::Findings findings;
    for (std::uint64_t seed = options.first; seed <= options.last; ++seed) {
        const simt::Config& config = config_of(seed, options);
        const simt::RunResult result = simt::run_seed(config, seed, bug);
        findings.add(result.findings);
        if (!result.failure) continue;
        report(arguments[0], config, seed, *result.failure, options);
        if (options.expect.empty()) return 1;
        const bool right = expected(result.failure->kind, options.expect);
        std::printf("%s after %" PRIu64 " seeds (%" PRIu64 " scheduling points)\n",
                    right ? "found" : "found something else", findings.schedules,
                    findings.exercise.steps);
        return right ? 0 : 1;
    }
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    return conclude(findings, options, elapsed.count());
}
