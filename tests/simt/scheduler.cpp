#include "scheduler.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace simt {

namespace {

constexpr std::uint64_t kPointNs = 10;
constexpr std::uint32_t kLongestHoldNs = 100'000;
constexpr std::uint64_t kNever = ~std::uint64_t{0};

/// Stacks outlive a run, since mapping them is dear: one seed's tasks take over the last one's.
std::vector<std::unique_ptr<Stack>> spare_stacks;

}  // namespace

Scheduler* Scheduler::active = nullptr;

void Exercise::add(const Exercise& other) {
    steps += other.steps;
    switches += other.switches;
    optimistic_reads += other.optimistic_reads;
    optimistic_retries += other.optimistic_retries;
    stray_pins += other.stray_pins;
    pieces += other.pieces;
    pieces_by_others += other.pieces_by_others;
    marks += other.marks;
    late_tickets += other.late_tickets;
}

Scheduler::Scheduler(std::uint64_t seed) : random_(seed) {}

Scheduler::~Scheduler() {
    for (auto& task : tasks_) spare_stacks.push_back(std::move(task->stack));
}

void Scheduler::start_tasks(const std::function<void()>& lane, const std::function<void()>& host) {
    const unsigned threads = grid_.threads();
    for (auto& task : tasks_) spare_stacks.push_back(std::move(task->stack));
    tasks_.clear();
    ready_.clear();
    sleeping_.clear();
    last_drawer_.clear();
    running_ = nullptr;
    for (unsigned thread = 0; thread <= threads; ++thread) {
        auto task = std::make_unique<Task>();
        if (spare_stacks.empty()) spare_stacks.push_back(std::make_unique<Stack>());
        task->stack = std::move(spare_stacks.back());
        spare_stacks.pop_back();
        task->is_host = thread == threads;
        task->body = task->is_host ? host : lane;
        task->thread = thread;
        task->warp = thread / grid_.lanes;
        task->lane = thread % grid_.lanes;
        task->block = task->warp / grid_.warps;
        task->priority = (std::uint64_t{1} << 41) + random_.below(1u << 30);
        task->fiber.prepare(*task->stack, &Scheduler::enter);
        make_ready(*task);
        tasks_.push_back(std::move(task));
    }
    unfinished_lanes_ = threads;
}

bool Scheduler::run(const Grid& grid, const std::function<void()>& lane,
                    const std::function<void()>& host, const std::function<void()>& lanes_done) {
    grid_ = grid;
    draw_mood();
    start_tasks(lane, host);
    lanes_done_ = lanes_done;
    next_wake_ns_ = kNever;
    const std::uint64_t steps_before = exercise_.steps;
    step_budget += steps_before;
    progressed();
    active = this;
    running_ = choose();
    Fiber::switch_to(thread_, running_->fiber);
    active = nullptr;
    step_budget -= steps_before;
    return !failure_;
}

void Scheduler::enter() {
    Fiber::entered();
    Scheduler& scheduler = current();
    Task& task = scheduler.task();
    task.body();
    task.doing = "ended";
    if (!task.is_host) {
        scheduler.progressed();
        if (--scheduler.unfinished_lanes_ == 0) scheduler.lanes_done_();
    }
    scheduler.leave_ready(task, Task::State::kDone);
    scheduler.give_way();
    std::abort();  // a task that has ended is never chosen
}

void Scheduler::note_failure(const char* kind, std::string message) {
    if (!failure_) failure_ = Failure{kind, std::move(message)};
}

void Scheduler::fail(const char* kind, std::string message) {
    if (!running_->is_host) {
        message += "\n    at lane " + std::to_string(running_->lane) + " of warp " +
                   std::to_string(running_->warp) + ", in " + running_->doing + " of element " +
                   std::to_string(running_->element);
    }
    note_failure(kind, std::move(message));
    Fiber::switch_to(running_->fiber, thread_);
    std::abort();  // nothing switches back after a failure
}

std::string Scheduler::describe_tasks() const {
    std::string text;
    for (const auto& task : tasks_) {
        if (task->state == Task::State::kDone) continue;
        constexpr const char* states[] = {"ready", "sleeping", "blocked", "done"};
        char line[160];
        std::snprintf(line, sizeof line,
                      "\n    %s %u.%u  %-8s  in %s of element %llu",
                      task->is_host ? "host" : "lane", task->warp, task->lane,
                      states[static_cast<int>(task->state)], task->doing,
                      static_cast<unsigned long long>(task->element));
        text += line;
    }
    return text;
}

/// The running lane copies a piece of a page into the frame at `page`.
void Scheduler::drew_piece(const std::byte* page, std::uint32_t piece) {
    ++exercise_.pieces;
    if (piece != 0 && last_drawer_[page] != running_) ++exercise_.pieces_by_others;
    last_drawer_[page] = running_;
}

void Scheduler::make_ready(Task& task) {
    task.state = Task::State::kReady;
    task.ready_at = ready_.size();
    ready_.push_back(&task);
}

void Scheduler::leave_ready(Task& task, Task::State state) {
    ready_[task.ready_at] = ready_.back();
    ready_[task.ready_at]->ready_at = task.ready_at;
    ready_.pop_back();
    task.state = state;
}

void Scheduler::wake_sleepers() {
    next_wake_ns_ = kNever;
    for (std::size_t i = 0; i < sleeping_.size();) {
        Task& task = *sleeping_[i];
        if (task.state == Task::State::kSleeping && task.wake_ns > clock_ns_) {
            next_wake_ns_ = std::min(next_wake_ns_, task.wake_ns);
            ++i;
            continue;
        }
        if (task.state == Task::State::kSleeping) make_ready(task);
        sleeping_[i] = sleeping_.back();
        sleeping_.pop_back();
    }
}

void Scheduler::point() {
    ++exercise_.steps;
    clock_ns_ += kPointNs;
    if (exercise_.steps > step_budget || exercise_.steps - last_progress_ > progress_budget) {
        fail("livelock", "no access ends any more" + describe_tasks());
    }
    // Held up anywhere, while others take hundreds of steps: that is how stale knowledge arises.
    if (hold_one_in_ != 0 && !running_->is_host && random_.below(hold_one_in_) == 0) {
        return sleep_ns(random_.below(kLongestHoldNs));
    }
    if (clock_ns_ >= next_wake_ns_) wake_sleepers();
    Task* next = choose();
    if (next != running_) switch_to(*next);
}

void Scheduler::may_hold(std::uint32_t times_likelier) {
    if (hold_one_in_ == 0 || random_.below(1 + hold_one_in_ / times_likelier) != 0) return;
    sleep_ns(random_.below(kLongestHoldNs));
}

void Scheduler::switch_to(Task& task) {
    Task& from = *running_;
    running_ = &task;
    ++exercise_.switches;
    Fiber::switch_to(from.fiber, task.fiber);
}

/// The running task cannot go on: another one does, or time passes, or the run is over.
void Scheduler::give_way() {
    ++exercise_.steps;
    if (clock_ns_ >= next_wake_ns_) wake_sleepers();
    while (ready_.empty() && next_wake_ns_ != kNever) {
        clock_ns_ = std::max(clock_ns_, next_wake_ns_);
        wake_sleepers();
    }
    if (ready_.empty()) {
        const bool all_done = std::all_of(tasks_.begin(), tasks_.end(), [](const auto& task) {
            return task->state == Task::State::kDone;
        });
        if (!all_done) fail("deadlock", "everyone waits" + describe_tasks());
        Fiber::switch_to(running_->fiber, thread_);
    }
    Task* next = choose();
    if (next != running_) switch_to(*next);
}

void Scheduler::sleep_ns(std::uint64_t duration) {
    Task& task = *running_;
    if (exercise_.steps - last_progress_ > progress_budget) {
        fail("livelock", "no access ends any more" + describe_tasks());
    }
    task.wake_ns = clock_ns_ + duration;
    task.priority = strategy_ == Strategy::kPriorities ? --lowest_priority_ : task.priority;
    leave_ready(task, Task::State::kSleeping);
    // A task that was woken early may still be listed; it is one sleeper all the same.
    if (std::find(sleeping_.begin(), sleeping_.end(), &task) == sleeping_.end()) {
        sleeping_.push_back(&task);
    }
    next_wake_ns_ = std::min(next_wake_ns_, task.wake_ns);
    give_way();
}

bool Scheduler::sleep_until_woken(std::uint64_t duration_ns) {
    Task& task = *running_;
    if (!task.woken) {
        if (duration_ns == kNever) {
            leave_ready(task, Task::State::kBlocked);
            give_way();
        } else {
            sleep_ns(duration_ns);
        }
    }
    const bool woken = task.woken;
    task.woken = false;
    return woken;
}

void Scheduler::wake(Task& task) {
    task.woken = true;
    if (task.state == Task::State::kSleeping || task.state == Task::State::kBlocked) {
        make_ready(task);
    }
}

}  // namespace simt
