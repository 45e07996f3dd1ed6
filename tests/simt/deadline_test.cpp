// The promises about time, in virtual time: whatever the host does, an access ends within
// io_timeout_us, reads as T{} and leaves an error; and what it leaves behind can be used again.
#include <gtest/gtest.h>

#include <cstdint>

#include "gpuio/device/array_ref.hpp"
#include "gpuio/device/errors.hpp"
#include "host_service.hpp"
#include "machine.hpp"
#include "program.hpp"
#include "scheduler.hpp"

namespace {

using gpuio::device::DeviceError;
using simt::Scheduler;

constexpr std::uint64_t kSeeds = 100;
constexpr std::uint64_t kTimeoutUs = 4'000;
/// Virtual time that the lanes' own steps may take, and the times that they are held up.
constexpr std::uint64_t kSlackUs = 1'500;
constexpr std::uint64_t kElementsOnPage = 8;

/// A machine, its host, and one array of 5 pages for 3 frames.
struct World {
    World(std::uint64_t seed, simt::Grid grid, const simt::HostManner& manner, bool mapped = false)
        : machine(config(grid, mapped), seed), host(machine, seed, manner), scheduler(seed),
          array(machine.view(machine.arrays[0])) {}

    static simt::Config config(simt::Grid grid, bool mapped) {
        simt::Config config;
        config.grid = grid;
        config.io_timeout_us = kTimeoutUs;
        config.arrays = {{simt::ElementKind::kU64, 40, 0, true, mapped}};
        return config;
    }

    void run(const std::function<void()>& lane) {
        scheduler.run(machine.config.grid, lane, [this] { host.run(); }, [this] { host.stop(); });
        EXPECT_FALSE(scheduler.failure()) << scheduler.failure()->message;
    }

    /// Reads, and says how long that took.
    std::uint64_t timed_read(std::size_t index, std::uint64_t* took_us) {
        const std::uint64_t start = now_us();
        const std::uint64_t value = array.load(index);
        *took_us = now_us() - start;
        scheduler.progressed();
        return value;
    }

    std::uint64_t now_us() const { return scheduler.now_ns() / 1000; }

    std::uint64_t written(std::size_t index, std::uint32_t sequence) const {
        std::uint64_t value = 0;
        machine.arrays[0].oracle->fill(index, sequence, reinterpret_cast<std::byte*>(&value));
        return value;
    }

    void expect_error(DeviceError code) const {
        EXPECT_EQ(machine.error.state, 2u);
        EXPECT_EQ(machine.error.code, static_cast<std::uint64_t>(code));
        EXPECT_EQ(machine.error.array, 0u);
        EXPECT_EQ(machine.error.page, machine.error.byte_offset / machine.page_bytes());
    }

    void expect_order_after_repair() {
        machine.repair();
        EXPECT_EQ(machine.check_at_rest(), "");
    }

    simt::Machine machine;
    simt::HostService host;
    Scheduler scheduler;
    gpuio::ArrayRef<std::uint64_t> array;
};

std::size_t lane() { return Scheduler::current().task().thread; }
std::size_t on_page(std::size_t page) { return page * kElementsOnPage; }

simt::HostManner stalled_until(std::uint64_t end_us) {
    simt::HostManner manner;
    manner.stalls_from_ns = 0;
    manner.stalls_until_ns = end_us * 1000;
    return manner;
}

constexpr std::uint64_t kNeverUs = 1'000'000'000;

TEST(Deadline, StalledHostEndsEveryAccessInTime) {
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
        SCOPED_TRACE(seed);
        World world(seed, {1, 2, 8}, stalled_until(kNeverUs));
        world.run([&] {
            std::uint64_t took_us = 0;
            EXPECT_EQ(world.timed_read(lane() * 2, &took_us), 0u);
            EXPECT_LE(took_us, kTimeoutUs + kSlackUs);
            // One stall is enough: what comes later does not wait once more.
            EXPECT_EQ(world.timed_read(39 - lane(), &took_us), 0u);
            EXPECT_LE(took_us, kSlackUs);
        });
        world.expect_error(DeviceError::kTimeout);
        EXPECT_EQ(world.machine.error.stalled, 1u);
        world.expect_order_after_repair();
    }
}

TEST(Deadline, StalledWriteBackLosesNothing) {
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
        SCOPED_TRACE(seed);
        World world(seed, {1, 1, 4}, {});
        const auto port = simt::make_port(world.machine, 0);
        world.run([&] {
            if (lane() < 3) port->write(on_page(lane()));
        });
        world.host.manner = stalled_until(kNeverUs);
        std::uint64_t took_us = 0;
        world.run([&] {
            if (lane() == 0) {
                EXPECT_EQ(world.timed_read(on_page(4), &took_us), 0u);
                return;
            }
            // While a write-back hangs, its page can be read and written still.
            Scheduler::current().sleep_ns(100'000 + lane() * 50'000);
            port->write(on_page(lane() - 1));
            port->read(on_page(lane() - 1));
        });
        EXPECT_LE(took_us, kTimeoutUs + kSlackUs);
        EXPECT_GE(world.machine.statistic(&gpuio::device::StatisticsShard::write_backs), 1u);
        world.expect_error(DeviceError::kTimeout);
        world.expect_order_after_repair();
        simt::Random random(seed);
        world.machine.flush(random, 100);
        EXPECT_EQ(world.machine.check_at_rest(), "");
    }
}

TEST(Deadline, DeadServiceFailsSoon) {
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
        SCOPED_TRACE(seed);
        simt::HostManner manner;
        manner.dies_at_ns = 0;
        World world(seed, {1, 2, 8}, manner);
        world.run([&] {
            std::uint64_t took_us = 0;
            EXPECT_EQ(world.timed_read(lane() * 2, &took_us), 0u);
            EXPECT_LE(took_us, 2 * kSlackUs);
        });
        world.expect_error(DeviceError::kGeneral);
        EXPECT_EQ(world.machine.error.stalled, gpuio::device::kServiceGone);
    }
}

// A lane's time may be over just after another has found the service gone: then that is the reason,
// and it is not forgotten.
TEST(Deadline, AGoneServiceIsNotTakenForASlowOne) {
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
        SCOPED_TRACE(seed);
        World world(seed, {1, 1, 1}, stalled_until(kNeverUs));
        world.run([&] {
            const gpuio::device::Cache& cache = world.machine.cache;
            gpuio::device::Deadline deadline(cache);
            DeviceError why{};
            EXPECT_FALSE(deadline.passed(false, &why));
            world.machine.error.stalled = gpuio::device::kServiceGone;
            Scheduler::current().sleep_ns(1000 * (kTimeoutUs + 1));
            EXPECT_TRUE(deadline.passed(false, &why));
            EXPECT_EQ(why, DeviceError::kGeneral);
            world.scheduler.progressed();
        });
        EXPECT_EQ(world.machine.error.stalled, gpuio::device::kServiceGone);
    }
}

TEST(Deadline, MappedArrayNeedsNoHost) {
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
        SCOPED_TRACE(seed);
        World world(seed, {1, 2, 8}, stalled_until(kNeverUs), true);
        world.run([&] {
            for (std::size_t i = lane(); i < 40; i += 16) {
                EXPECT_EQ(world.array.load(i), world.written(i, 0));
            }
        });
        EXPECT_EQ(world.machine.error.count, 0u);
        EXPECT_EQ(world.machine.check_at_rest(), "");
    }
}

TEST(Deadline, FramesAllPinnedIsAnErrorAndNoHang) {
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
        SCOPED_TRACE(seed);
        World world(seed, {1, 1, 4}, {});
        unsigned holding = 0;
        bool tried = false;
        world.run([&] {
            Scheduler& scheduler = Scheduler::current();
            if (lane() < 3) {
                auto guard = world.array.pin(on_page(lane()));
                EXPECT_EQ(guard[on_page(lane())], world.written(on_page(lane()), 0));
                ++holding;
                while (!tried) scheduler.sleep_ns(1'000);
                return;
            }
            while (holding < 3) scheduler.sleep_ns(1'000);
            std::uint64_t took_us = 0;
            EXPECT_EQ(world.timed_read(on_page(4), &took_us), 0u);
            EXPECT_LE(took_us, kTimeoutUs + kSlackUs);
            tried = true;
        });
        world.expect_error(DeviceError::kTimeout);
        EXPECT_EQ(world.machine.error.page, 4u);
        EXPECT_EQ(world.machine.check_at_rest(), "");  // nothing to repair
    }
}

TEST(Deadline, PrefetchNobodyCameForGivesItsFrameBack) {
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
        SCOPED_TRACE(seed);
        World world(seed, {1, 1, 1}, stalled_until(1'300));
        world.run([&] {
            for (std::size_t page = 0; page < 3; ++page) world.array.prefetch(on_page(page));
            // Every frame belongs to a prefetch that is still on its way: this waits for the host,
            // and then has one of the frames.
            EXPECT_EQ(world.array.load(on_page(3)), world.written(on_page(3), 0));
            EXPECT_EQ(world.array.load(on_page(4)), world.written(on_page(4), 0));
        });
        EXPECT_EQ(world.machine.error.count, 0u);
        EXPECT_EQ(world.host.counts().prefetches, 3u);
        EXPECT_EQ(world.machine.check_at_rest(), "");
    }
}

TEST(Deadline, PrefetchIsTakenOverByWhoComes) {
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
        SCOPED_TRACE(seed);
        World world(seed, {1, 1, 2}, {});
        world.run([&] {
            world.array.prefetch(on_page(lane()));
            EXPECT_EQ(world.array.load(on_page(lane())), world.written(on_page(lane()), 0));
        });
        EXPECT_EQ(world.host.counts().prefetches, 2u);
        EXPECT_EQ(world.host.counts().reads, 0u);
        EXPECT_EQ(world.machine.check_at_rest(), "");
        EXPECT_EQ(world.machine.used_slots(), 0u);
    }
}

TEST(Deadline, OrphanIsTakenOverOnceTheHostAnswers) {
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
        SCOPED_TRACE(seed);
        World world(seed, {1, 1, 1}, stalled_until(1'000 + 3 * kTimeoutUs));
        world.run([&] {
            EXPECT_EQ(world.array.load(0), 0u);
            EXPECT_EQ(world.machine.arrays[0].entry(0).state(), gpuio::device::PageState::kBusy);
            Scheduler::current().sleep_ns(4 * kTimeoutUs * 1000);
            EXPECT_EQ(world.array.load(0), world.written(0, 0));
        });
        world.expect_error(DeviceError::kTimeout);
        EXPECT_EQ(world.machine.error.count, 1u);
        EXPECT_EQ(world.host.counts().reads, 1u);  // the first one's answer served the second
        EXPECT_EQ(world.machine.check_at_rest(), "");
        EXPECT_EQ(world.machine.used_slots(), 0u);
    }
}

}  // namespace
