#include "run.hpp"

#include "gpuio/device/errors.hpp"

namespace simt {

namespace device = gpuio::device;

namespace {

HostManner draw_manner(const Config& config, Random& random) {
    HostManner manner;
    constexpr std::uint32_t latencies[] = {100, 2'000, 20'000};
    manner.latency_ns = latencies[random.below(3)];
    constexpr std::uint32_t copies[] = {0, 50, 100};
    manner.copy_percent = copies[random.below(3)];
    manner.offer_percent = copies[random.below(3)];
    manner.withdraw_percent = random.percent(50) ? 2 : 20;
    manner.publish_percent = copies[random.below(3)];
    manner.drop_percent = random.percent(50) ? 3 : 50;
    manner.fail_percent = config.fail_percent;
    manner.sleeps = random.percent(50);
    return manner;
}

/// The sticky error names a failure that happened, and a place that fits it.
std::string check_error(const Machine& machine, const HostService& host) {
    const device::StickyError& error = machine.error;
    if (error.count == 0) return error.state == 0 ? "" : "an error without a failure";
    if (error.state != 2) return "the sticky error was never completed";
    if (error.array >= machine.arrays.size()) return "the sticky error names no array";
    const SimArray& array = machine.arrays[error.array];
    const std::uint64_t byte = array.shape.origin + error.byte_offset;
    if (error.code == static_cast<std::uint64_t>(device::DeviceError::kInvalidArgument)) {
        const std::size_t length = array.shape.element_count * element_bytes(array.shape.element);
        return error.byte_offset == length ? "" : "an index out of range that nobody used";
    }
    if (error.page >= array.page_count || byte >> machine.cache.page_shift != error.page) {
        return "the sticky error's offset is not on its page";
    }
    if (error.code == static_cast<std::uint64_t>(device::DeviceError::kTimeout)) {
        return machine.config.host_stalls ? "" : "a wait timed out, and the host never stalled";
    }
    if (error.code != kInjectedCode || error.os_error == 0 ||
        error.os_error > host.injected().size()) {
        return "error code " + std::to_string(error.code) + ", which nobody made up";
    }
    const InjectedFailure& failure = host.injected()[error.os_error - 1];
    const bool reads = failure.operation != device::FaultOperation::kWriteBack;
    if (reads && (failure.array != error.array || failure.page != error.page)) {
        return "the sticky error names another page than the one that failed";
    }
    return {};
}

/// What was counted is what the host has seen.
std::string check_statistics(const Machine& machine, const HostService& host) {
    using Shard = device::StatisticsShard;
    bool any_mapped = false;
    for (const SimArray& array : machine.arrays) any_mapped = any_mapped || array.shape.mapped;
    const HostCounts& seen = host.counts();
    const std::uint64_t misses = machine.statistic(&Shard::misses);
    const std::uint64_t known = seen.reads + machine.statistic(&Shard::direct_hits);
    if (misses < known || (!any_mapped && misses != known)) {
        return std::to_string(misses) + " misses for " + std::to_string(known) +
               " reads and direct hits";
    }
    if (machine.statistic(&Shard::prefetches) != seen.prefetches) return "prefetches miscounted";
    if (machine.statistic(&Shard::write_backs) != seen.write_backs) return "write-backs miscounted";
    const std::uint64_t fills = machine.statistic(&Shard::filled_bytes) / machine.page_bytes();
    if (fills > misses + seen.prefetches) return "more pages were filled than asked for";
    return {};
}

void collect(Findings& findings, const Machine& machine, const HostService& host,
             const Program& program, Scheduler& scheduler) {
    using Shard = device::StatisticsShard;
    findings.schedules = 1;
    findings.exercise = scheduler.exercise();
    findings.host = host.counts();
    findings.misses = machine.statistic(&Shard::misses);
    findings.direct_hits = machine.statistic(&Shard::direct_hits);
    findings.joined = machine.statistic(&Shard::joined);
    findings.hits = machine.statistic(&Shard::hits);
    findings.evictions = machine.statistic(&Shard::evictions);
    for (std::uint32_t k = 0; k < kAccesses; ++k) {
        findings.accesses[k] = program.performed(static_cast<Access>(k));
    }
}

/// After a launch: everything is as it must be, before and after the runtime's own part.
std::string settle(Machine& machine, const HostService& host, Random& random) {
    if (machine.error.stalled != 0 && machine.config.host_stalls) machine.repair();
    std::string wrong = machine.check_at_rest();
    if (!wrong.empty()) return wrong;
    machine.flush(random, random.percent(50) ? 40 : 0);
    wrong = machine.check_at_rest();
    return wrong.empty() ? check_statistics(machine, host) : "after the flush: " + wrong;
}

}  // namespace

RunResult run_seed(const Config& config, std::uint64_t seed, HostBug bug) {
    Random random(seed ^ 0x72756e);
    Machine machine(config, seed);
    HostManner manner = draw_manner(config, random);
    manner.bug = bug;
    HostService host(machine, seed, manner);
    Program program(machine, seed);
    Scheduler scheduler(seed);
    RunResult result;
    for (unsigned launch = 0; launch < config.launches; ++launch) {
        if (config.host_stalls && launch + 1 < config.launches) {
            host.manner.stalls_from_ns = scheduler.now_ns() + random.below(60'000);
            host.manner.stalls_until_ns =
                host.manner.stalls_from_ns + random.below(3'000) * config.io_timeout_us;
        }
        ++result.findings.launches;
        const bool ended = scheduler.run(
            config.grid, [&] { program.lane(); }, [&] { host.run(); }, [&] { host.stop(); });
        if (!ended) break;
        const std::string wrong_error = check_error(machine, host);
        if (!wrong_error.empty()) scheduler.note_failure("error", wrong_error);
        const std::string wrong = settle(machine, host, random);
        if (!wrong.empty()) scheduler.note_failure("state", wrong);
        if (scheduler.failure()) break;
        result.findings.errors += machine.error.count;
        result.findings.timeouts += machine.error.stalled;
        machine.clear_error();
        program.next_launch();
    }
    result.failure = scheduler.failure();
    collect(result.findings, machine, host, program, scheduler);
    return result;
}

}  // namespace simt
