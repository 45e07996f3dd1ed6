/// \file
/// The simulated machine's time and order: which lane takes the next step, and what the clock says.
/// One thread, one seed, always the same run.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fiber.hpp"
#include "random.hpp"

namespace simt {

/// What a run found.
struct Failure {
    std::string kind;  ///< value, contract, deadlock, livelock, state or error
    std::string message;
};

/// How the next lane is chosen.
enum class Strategy : std::uint32_t {
    kUniform,     ///< any runnable task, at every point
    kBursts,      ///< a task goes on for a while, some dozens of points
    kRunToBlock,  ///< a task goes on until it waits, with a rare exception
    kPriorities,  ///< strict priorities that change at a few random points (as in PCT)
    kStarve,      ///< one warp, or the host service, hardly ever gets a turn
};
inline constexpr std::uint32_t kStrategies = 5;

/// A lane of a warp, or the host service.
struct Task {
    enum class State { kReady, kSleeping, kBlocked, kDone };

    Fiber fiber;
    std::unique_ptr<Stack> stack;
    std::function<void()> body;
    State state = State::kReady;
    std::size_t ready_at = 0;   ///< its place among the ready ones
    std::uint64_t wake_ns = 0;
    std::uint64_t priority = 0;
    bool is_host = false;
    bool woken = false;         ///< a wake-up that came while the task ran
    unsigned warp = 0;
    unsigned lane = 0;
    unsigned block = 0;
    std::uint64_t thread = 0;
    bool looked_optimistically = false;
    const char* doing = "start";  ///< for the report of a failed run
    std::uint64_t element = 0;
};

/// The shape of a launch.
struct Grid {
    unsigned blocks = 1;
    unsigned warps = 1;  ///< a block
    unsigned lanes = 32; ///< a warp
    unsigned threads() const { return blocks * warps * lanes; }
};

/// What was really exercised, summed over a run.
struct Exercise {
    std::uint64_t steps = 0;
    std::uint64_t switches = 0;
    std::uint64_t optimistic_reads = 0;
    std::uint64_t optimistic_retries = 0;  ///< the page changed under the reader
    std::uint64_t stray_pins = 0;          ///< taken on a page that was not resident
    std::uint64_t pieces = 0;              ///< of pages that were copied
    std::uint64_t pieces_by_others = 0;    ///< drawn by another lane than the piece before
    std::uint64_t marks = 0;               ///< copies begun by the directory
    std::uint64_t late_tickets = 0;        ///< of a later copy than the one that was looked for
    void add(const Exercise& other);
};

/// See the file's comment.
class Scheduler {
public:
    explicit Scheduler(std::uint64_t seed);
    ~Scheduler();
    Scheduler(const Scheduler&) = delete;
    Scheduler& operator=(const Scheduler&) = delete;

    /// The scheduler whose `run` is under way.
    static Scheduler& current() { return *active; }

    /// Runs `lane` on every lane of the grid, and `host` beside them, until all have returned.
    /// `lanes_done` is called when the last lane has. Returns false once the run has failed.
    bool run(const Grid& grid, const std::function<void()>& lane,
             const std::function<void()>& host, const std::function<void()>& lanes_done);

    /// Ends the run at once: the first failure is kept, and no task runs again.
    [[noreturn]] void fail(const char* kind, std::string message);
    /// As above, from outside of any task.
    void note_failure(const char* kind, std::string message);
    const std::optional<Failure>& failure() const { return failure_; }

    // What tasks call.
    void point();                          ///< somebody else may go first
    void may_hold(std::uint32_t times_likelier);  ///< the running lane may be held up for long
    void sleep_ns(std::uint64_t duration);
    bool sleep_until_woken(std::uint64_t duration_ns);  ///< false: nobody did
    void wake(Task& task);
    void drew_piece(const std::byte* page, std::uint32_t piece);
    void progressed() { last_progress_ = exercise_.steps; }

    bool impatient() const { return impatient_; }
    Task& task() { return *running_; }
    Task& host() { return *tasks_.back(); }
    const Grid& grid() const { return grid_; }
    std::uint64_t now_ns() const { return clock_ns_; }
    Random& random() { return random_; }
    Exercise& exercise() { return exercise_; }
    unsigned unfinished_lanes() const { return unfinished_lanes_; }

    /// Scheduling points in one launch before the run counts as a livelock.
    std::uint64_t step_budget = 20'000'000;
    /// Scheduling points without any access ending before the run counts as a livelock.
    std::uint64_t progress_budget = 3'000'000;

private:
    static void enter();
    void start_tasks(const std::function<void()>& lane, const std::function<void()>& host);
    void draw_mood();
    Task* choose();
    Task* choose_by_priority();
    Task* choose_unless_starved();
    void make_ready(Task& task);
    void leave_ready(Task& task, Task::State state);
    void wake_sleepers();
    void give_way();
    void switch_to(Task& task);
    std::string describe_tasks() const;

    static Scheduler* active;

    Random random_;
    Grid grid_;
    std::vector<std::unique_ptr<Task>> tasks_;  ///< the host service is the last
    std::vector<Task*> ready_;
    std::vector<Task*> sleeping_;
    std::map<const std::byte*, const Task*> last_drawer_;  ///< of a page's pieces
    Fiber thread_;
    Task* running_ = nullptr;
    std::uint64_t clock_ns_ = 1'000'000;
    std::uint64_t next_wake_ns_ = ~std::uint64_t{0};
    std::uint64_t last_progress_ = 0;
    unsigned unfinished_lanes_ = 0;
    std::function<void()> lanes_done_;
    std::optional<Failure> failure_;
    Exercise exercise_;

    // The mood: how this seed's run is scheduled.
    Strategy strategy_ = Strategy::kUniform;
    std::uint32_t burst_points_ = 1;
    std::uint64_t next_change_ = 0;
    std::uint64_t lowest_priority_ = 0;
    unsigned starved_warp_ = 0;          ///< the number of warps means: the host service
    bool impatient_ = false;             ///< lanes that wait look again at once
    std::uint32_t hold_one_in_ = 0;      ///< points at which a lane is held up for long; 0: never
};

}  // namespace simt
