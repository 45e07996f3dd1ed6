#include <cinttypes>
#include <cstdio>

#include "run.hpp"

namespace simt {

void Findings::add(const Findings& other) {
    schedules += other.schedules;
    launches += other.launches;
    exercise.add(other.exercise);
    host.reads += other.host.reads;
    host.prefetches += other.host.prefetches;
    host.write_backs += other.host.write_backs;
    host.copies += other.host.copies;
    host.offers += other.host.offers;
    host.withdrawals += other.host.withdrawals;
    host.taken += other.host.taken;
    host.overwritten += other.host.overwritten;
    host.published += other.host.published;
    host.unpublished += other.host.unpublished;
    host.failures += other.host.failures;
    host.sleeps += other.host.sleeps;
    errors += other.errors;
    timeouts += other.timeouts;
    misses += other.misses;
    direct_hits += other.direct_hits;
    joined += other.joined;
    hits += other.hits;
    evictions += other.evictions;
    for (std::size_t k = 0; k < accesses.size(); ++k) accesses[k] += other.accesses[k];
}

void Findings::print() const {
    const auto line = [](const char* name, std::uint64_t value) {
        std::printf("  %-28s %12" PRIu64 "\n", name, value);
    };
    line("schedules", schedules);
    line("launches", launches);
    line("scheduling points", exercise.steps);
    line("switches", exercise.switches);
    line("pins taken back", exercise.stray_pins);
    line("pieces copied", exercise.pieces);
    line("pieces, lanes taking turns", exercise.pieces_by_others);
    line("tickets of a later copy", exercise.late_tickets);
    line("optimistic reads", exercise.optimistic_reads);
    line("optimistic reads, again", exercise.optimistic_retries);
    line("hits", hits);
    line("misses", misses);
    line("of these, not asked for", direct_hits);
    line("direct copies thrown away", exercise.marks - direct_hits);
    line("joined", joined);
    line("evictions", evictions);
    line("host: reads", host.reads);
    line("host: prefetches", host.prefetches);
    line("host: write-backs", host.write_backs);
    line("host: answers to be copied", host.copies);
    line("host: offers", host.offers);
    line("host: offers withdrawn", host.withdrawals);
    line("host: write-backs by lanes", host.taken);
    line("host: write-backs in place", host.overwritten);
    line("host: pages published", host.published);
    line("host: pages withdrawn", host.unpublished);
    line("host: injected failures", host.failures);
    line("host: waits for the doorbell", host.sleeps);
    line("failed accesses", errors);
    line("launches that timed out", timeouts);
    for (std::size_t k = 0; k < accesses.size(); ++k) line(kAccessNames[k], accesses[k]);
}

std::vector<std::string> Findings::missing() const {
    std::vector<std::string> names;
    const auto need = [&names](const char* name, std::uint64_t value) {
        if (value == 0) names.emplace_back(name);
    };
    need("pins taken back", exercise.stray_pins);
    need("pages copied by several lanes", exercise.pieces_by_others);
    need("optimistic reads", exercise.optimistic_reads);
    need("optimistic reads made again", exercise.optimistic_retries);
    need("hits", hits);
    need("joined faults", joined);
    need("direct hits", direct_hits);
    need("direct copies thrown away", exercise.marks - direct_hits);
    need("write-backs in place", host.overwritten);
    need("evictions", evictions);
    need("reads", host.reads);
    need("answers to be copied", host.copies);
    need("offers", host.offers);
    need("offers withdrawn", host.withdrawals);
    need("write-backs by lanes", host.taken);
    need("answers done in place",
         host.reads + host.prefetches + host.write_backs - host.copies);
    need("prefetches", host.prefetches);
    need("write-backs", host.write_backs);
    need("injected failures", host.failures);
    need("waits for the doorbell", host.sleeps);
    need("failed accesses", errors);
    need("launches that timed out", timeouts);
    for (std::size_t k = 0; k < accesses.size(); ++k) need(kAccessNames[k], accesses[k]);
    return names;
}

}  // namespace simt
