#include "program.hpp"

namespace simt {

void GuardTokens::take() {
    Scheduler& scheduler = Scheduler::current();
    while (free_ == 0) scheduler.sleep_ns(50 + scheduler.random().below(1000));
    --free_;
}

Program::Program(Machine& machine, std::uint64_t seed)
    : machine_(machine), seed_(mix(seed) ^ 0x70726f67), tokens_(machine.config.frames - 1) {
    Random random(seed_);
    for (std::uint32_t id = 0; id < machine.arrays.size(); ++id) {
        ports_.push_back(make_port(machine, id));
    }
    constexpr std::uint32_t choices[] = {0, 1, 4, 10};
    for (std::uint32_t& weight : weights_) weight = choices[random.below(4)];
    weights_[static_cast<int>(Access::kRead)] += 2;
    weights_[static_cast<int>(Access::kScan)] = random.percent(25);
    weights_[static_cast<int>(Access::kOutOfRange)] =
        machine.config.fail_percent != 0 && random.percent(25);
    weights_[static_cast<int>(Access::kCursorScan)] =
        machine.config.ahead_pages != 0 ? 4 : random.percent(25);
    if (!machine.config.guards) {
        weights_[static_cast<int>(Access::kCursorScan)] = 0;
        weights_[static_cast<int>(Access::kGuardedWalk)] = 0;
        weights_[static_cast<int>(Access::kRun)] = 0;
    }
    constexpr std::uint32_t together[] = {0, 60, 95};
    together_percent_ = together[random.below(3)];
}

Access Program::draw(Random& random) const {
    std::uint32_t sum = 0;
    for (const std::uint32_t weight : weights_) sum += weight;
    std::uint32_t at = random.below(sum);
    std::uint32_t access = 0;
    for (; at >= weights_[access]; ++access) at -= weights_[access];
    return static_cast<Access>(access);
}

/// An element that only this thread writes: every `threads`-th one.
std::size_t Program::draw_own(const SimArray& array, unsigned thread, Random& random) const {
    const std::size_t count = array.shape.element_count;
    const unsigned threads = Scheduler::current().grid().threads();
    if (!array.shape.writable || thread >= count) return count;
    const auto own = static_cast<std::uint32_t>((count - thread - 1) / threads + 1);
    return thread + std::size_t{random.below(own)} * threads;
}

void Program::lane() {
    const Task& task = Scheduler::current().task();
    Random mine(seed_ ^ mix(launch_ << 32 | task.thread));
    Random warps(seed_ ^ mix(launch_ << 32 | (0xffff0000 + task.warp)));
    for (unsigned turn = 0; turn < machine_.config.accesses; ++turn) {
        // Lanes of a warp often do the same at the same time, as a kernel's lanes do.
        const Access common = draw(warps);
        const auto arrays = static_cast<std::uint32_t>(ports_.size());
        const std::uint32_t common_array = warps.below(arrays);
        const bool together = mine.percent(together_percent_);
        perform(together ? common : draw(mine), together ? common_array : mine.below(arrays), mine);
        Scheduler::current().progressed();
    }
}

void Program::perform(Access access, std::uint32_t id, Random& random) {
    Task& task = Scheduler::current().task();
    SimArray& array = machine_.arrays[id];
    Port& port = *ports_[id];
    const auto thread = static_cast<unsigned>(task.thread);
    const std::size_t any = random.below(static_cast<std::uint32_t>(array.shape.element_count));
    const std::size_t own = draw_own(array, thread, random);
    const bool writes = access == Access::kWrite || access == Access::kReadModifyWrite;
    if (writes && own == array.shape.element_count) access = Access::kRead;
    task.doing = kAccessNames[static_cast<int>(access)];
    task.element = access == Access::kWrite || access == Access::kReadModifyWrite ? own : any;
    ++performed_[static_cast<int>(access)];
    switch (access) {
        case Access::kRead: port.read(any); break;
        case Access::kWrite: port.write(own); break;
        case Access::kReadModifyWrite: port.rewrite(own); break;
        case Access::kScan:
            for (std::size_t i = any; i < array.shape.element_count; ++i) port.read(i);
            break;
        case Access::kCursorScan:
        case Access::kGuardedWalk:
        case Access::kRun:
            tokens_.take();
            if (access == Access::kCursorScan) {
                port.scan(any);
            } else if (access == Access::kRun) {
                port.run(any);
            } else {
                port.walk(own < array.shape.element_count && random.percent(50) ? own : any, thread,
                          random);
            }
            tokens_.give();
            break;
        case Access::kPrefetch: port.prefetch(any); break;
        case Access::kOutOfRange: port.read_out_of_range(); break;
        case Access::kGather: port.gather(any, random); break;
    }
    task.doing = "the kernel";
}

}  // namespace simt
