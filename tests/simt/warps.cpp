// The scheduler's knowledge of warps: which lanes converge, and how they meet in collectives.
#include <cstdio>
#include <cstring>

#include "scheduler.hpp"

namespace simt {

namespace {

constexpr const char* kCollectiveNames[] = {"match", "ballot", "shuffle", "sync"};

std::string text(const char* format, auto... values) {
    char line[400];
    std::snprintf(line, sizeof line, format, values...);
    return line;
}

}  // namespace

void Scheduler::leave_group(Task& task) {
    Group* group = task.group;
    if (group == nullptr) return;
    group->gone |= 1u << task.lane;
    task.group = nullptr;
    if (group->arrived != 0) {
        fail("collective", text("lane %u left the mask %08x while lanes %08x of it wait in %s",
                                task.lane, group->mask, group->arrived,
                                kCollectiveNames[static_cast<int>(group->collective)]));
    }
}

/// Lanes at the same place may or may not run together: the mask is `task`, which has waited long
/// enough, and some or all of those that wait beside it.
Group* Scheduler::form_group(Task& task, const void* site) {
    Group* group = nullptr;
    for (Group& old : groups_) {
        if (old.mask == old.gone) group = &old;
    }
    if (group == nullptr) group = &groups_.emplace_back();
    *group = Group{};
    const unsigned first = task.warp * grid_.lanes;
    unsigned count = 0;
    for (unsigned lane = 0; lane < grid_.lanes; ++lane) {
        Task& other = *tasks_[first + lane];
        const bool waits = &other == &task || other.converging_at == site;
        if (!waits || (&other != &task && !random_.percent(join_percent_))) continue;
        group->mask |= 1u << lane;
        group->members[lane] = &other;
        other.group = group;
        other.converging_at = nullptr;
        if (&other != &task && other.state == Task::State::kSleeping) make_ready(other);
        ++count;
    }
    Exercise& seen = exercise_;
    ++(count == 1               ? seen.lone_groups
       : count == grid_.lanes ? seen.full_groups
                              : seen.partial_groups);
    return group;
}

Group* Scheduler::converge(const void* site) {
    Task& task = *running_;
    point();
    leave_group(task);
    task.converging_at = site;
    bool all_here = true;
    for (unsigned lane = 0; lane < grid_.lanes; ++lane) {
        const Task& other = *tasks_[task.warp * grid_.lanes + lane];
        all_here = all_here && (other.state == Task::State::kDone || other.converging_at == site);
    }
    if (!all_here && patience_ns_ != 0) sleep_ns(random_.below(patience_ns_));
    if (task.group == nullptr) return form_group(task, site);
    return task.group;  // another lane took this one along
}

/// One lane arrives at a collective; returns what the collective gives it once all have arrived.
std::uint64_t Scheduler::meet(Group* group, Collective collective,
                              const std::source_location& place, std::uint64_t value,
                              unsigned source) {
    point();
    Task& task = *running_;
    const char* name = kCollectiveNames[static_cast<int>(collective)];
    if (task.group != group) {
        fail("collective", text("%s with a mask that the lane has left", name));
    }
    if (group->gone != 0) {
        fail("collective", text("%s waits for lanes %08x of the mask %08x, which have left", name,
                                group->gone, group->mask));
    }
    if (group->arrived == 0) {
        group->collective = collective;
        group->place = place;
    } else if (group->collective != collective || group->place.line() != place.line() ||
               std::strcmp(group->place.file_name(), place.file_name()) != 0) {
        fail("collective", text("%s at %s:%u; lanes %08x of the mask %08x wait in %s at %s:%u",
                                name, place.file_name(), place.line(), group->arrived, group->mask,
                                kCollectiveNames[static_cast<int>(group->collective)],
                                group->place.file_name(), group->place.line()));
    }
    group->arrived |= 1u << task.lane;
    group->values[task.lane] = value;
    group->sources[task.lane] = source;
    if (group->arrived == group->mask) {
        complete(*group);
    } else {
        leave_ready(task, Task::State::kBlocked);
        give_way();
    }
    return task.result;
}

/// All lanes of the mask are here: works out everyone's result and lets them go on.
void Scheduler::complete(Group& group) {
    for (unsigned lane = 0; lane < grid_.lanes; ++lane) {
        if ((group.mask >> lane & 1) == 0) continue;
        std::uint64_t result = 0;
        if (group.collective == Collective::kShuffle) {
            const unsigned source = group.sources[lane];
            if (source >= 32 || (group.mask >> source & 1) == 0) {
                fail("collective", text("shuffle from lane %u, which is not in the mask %08x",
                                        source, group.mask));
            }
            result = group.values[source];
        }
        for (unsigned other = 0; other < grid_.lanes; ++other) {
            if ((group.mask >> other & 1) == 0) continue;
            const bool same = group.values[other] == group.values[lane];
            const bool counts =
                (group.collective == Collective::kMatch && same) ||
                (group.collective == Collective::kBallot && group.values[other] != 0);
            if (counts) result |= std::uint64_t{1} << other;
        }
        group.members[lane]->result = result;
        if (group.members[lane] != running_) make_ready(*group.members[lane]);
    }
    group.arrived = 0;
}

}  // namespace simt
