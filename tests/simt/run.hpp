/// \file
/// One seed in one configuration, from an empty machine to the last check.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host_service.hpp"
#include "machine.hpp"
#include "program.hpp"
#include "scheduler.hpp"

namespace simt {

/// The small worlds that are explored.
const std::vector<Config>& configs();

/// What one run, or many, came across.
struct Findings {
    std::uint64_t schedules = 0;
    std::uint64_t launches = 0;
    Exercise exercise;
    HostCounts host;
    std::uint64_t errors = 0;
    std::uint64_t timeouts = 0;
    std::uint64_t misses = 0;
    std::uint64_t direct_hits = 0;
    std::uint64_t joined = 0;
    std::uint64_t hits = 0;
    std::uint64_t evictions = 0;
    std::array<std::uint64_t, kAccesses> accesses{};

    void add(const Findings& other);
    void print() const;
    /// The names of what a thorough run must have come across and this one has not.
    std::vector<std::string> missing() const;
};

struct RunResult {
    std::optional<Failure> failure;
    Findings findings;
};

RunResult run_seed(const Config& config, std::uint64_t seed, HostBug bug);

/// The program `simt_explore`; see explore.cpp for its arguments.
int explore(int count, char** arguments);

}  // namespace simt
