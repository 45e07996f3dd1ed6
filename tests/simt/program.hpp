/// \file
/// What the lanes do: accesses of every kind, chosen by the seed, each checked by the oracle.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "machine.hpp"
#include "random.hpp"
#include "scheduler.hpp"

namespace simt {

/// The kinds of access a lane makes.
enum class Access : std::uint32_t {
    kRead, kWrite, kReadModifyWrite, kScan, kCursorScan, kGuardedWalk, kRun, kPrefetch, kOutOfRange,
    kGather
};
inline constexpr std::uint32_t kAccesses = 10;
inline constexpr const char* kAccessNames[] = {
    "a[i]", "a[i] = v", "a[i] = a[i]", "scan", "cursor", "guard", "run", "prefetch", "a[size]",
    "gather"};

/// An array as lanes use it, whatever its element type.
class Port {
public:
    virtual ~Port() = default;
    virtual void read(std::size_t index) = 0;
    virtual void write(std::size_t index) = 0;
    virtual void rewrite(std::size_t index) = 0;  ///< reads, and writes what was read
    virtual void walk(std::size_t index, unsigned thread, Random& random) = 0;
    virtual void scan(std::size_t index) = 0;  ///< from there to the end, through one cursor
    virtual void run(std::size_t index) = 0;
    virtual void prefetch(std::size_t index) = 0;
    virtual void read_out_of_range() = 0;
    virtual void gather(std::size_t index, Random& random) = 0;  ///< it and others
};
/// The port of one array. Defined where the device code under test is compiled.
std::unique_ptr<Port> make_port(Machine& machine, std::uint32_t array);

/// Guards that may be alive at once: each may keep a frame, and one frame has to be left.
class GuardTokens {
public:
    explicit GuardTokens(std::uint32_t count) : free_(count) {}
    void take();
    void give() { ++free_; }

private:
    std::uint32_t free_;
};

/// One kernel: what every lane runs.
class Program {
public:
    Program(Machine& machine, std::uint64_t seed);
    /// The body of a lane's task.
    void lane();
    /// Another launch: other accesses follow.
    void next_launch() { ++launch_; }
    std::uint64_t performed(Access access) const { return performed_[static_cast<int>(access)]; }

private:
    Access draw(Random& random) const;
    void perform(Access access, std::uint32_t array, Random& random);
    std::size_t draw_own(const SimArray& array, unsigned thread, Random& random) const;

    Machine& machine_;
    std::uint64_t seed_;
    std::uint64_t launch_ = 0;
    std::vector<std::unique_ptr<Port>> ports_;
    GuardTokens tokens_;
    std::uint32_t weights_[kAccesses];
    std::uint32_t together_percent_;
    std::uint64_t performed_[kAccesses] = {};
};

}  // namespace simt
