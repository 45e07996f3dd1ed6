// How a seed schedules: its mood, and the choice at every point.
#include "scheduler.hpp"

namespace simt {

void Scheduler::draw_mood() {
    strategy_ = static_cast<Strategy>(random_.below(kStrategies));
    burst_points_ = 2u << (2 * random_.below(4));
    next_change_ = exercise_.steps + random_.below(4000);
    lowest_priority_ = std::uint64_t{1} << 40;
    starved_warp_ = random_.below(grid_.blocks * grid_.warps + 1);
    impatient_ = random_.percent(12);
    constexpr std::uint32_t hold[] = {0, 0, 2000, 300, 60};
    hold_one_in_ = hold[random_.below(5)];
}

Task* Scheduler::choose() {
    const auto any = [this] {
        return ready_[random_.below(static_cast<std::uint32_t>(ready_.size()))];
    };
    const bool can_go_on = running_ != nullptr && running_->state == Task::State::kReady;
    switch (strategy_) {
        case Strategy::kUniform: return any();
        case Strategy::kBursts:
            return can_go_on && random_.below(burst_points_) != 0 ? running_ : any();
        case Strategy::kRunToBlock:
            return can_go_on && random_.below(512) != 0 ? running_ : any();
        case Strategy::kPriorities: return choose_by_priority();
        case Strategy::kStarve: return choose_unless_starved();
    }
    return any();
}

Task* Scheduler::choose_by_priority() {
    if (exercise_.steps >= next_change_ && running_ != nullptr) {
        running_->priority = --lowest_priority_;
        next_change_ = exercise_.steps + 50 + random_.below(4000);
    }
    Task* best = ready_.front();
    for (Task* task : ready_) {
        if (task->priority > best->priority) best = task;
    }
    return best;
}

Task* Scheduler::choose_unless_starved() {
    Task* task = nullptr;
    for (int tries = 0; tries < 8; ++tries) {
        task = ready_[random_.below(static_cast<std::uint32_t>(ready_.size()))];
        if (task->warp != starved_warp_ || random_.below(64) == 0) break;
    }
    return task;
}

}  // namespace simt
