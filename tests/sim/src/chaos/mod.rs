//! The simulation for correctness: random requests, devices that fail, delay and stop short,
//! cancellation and shutdown at random points, and oracles that look after every step.
//!
//! | oracle | promise |
//! | --- | --- |
//! | `bytes` | every byte is right; what did not complete is old or new, never anything else |
//! | `order` | a stream's requests one after the other, events before what waits for them |
//! | `fairness` | limits kept, no inversion beyond one slice, no starvation beyond the bound |
//! | `courtesy` | bulk held back beside urgent slices, within what is allowed, never to nothing |
//! | `endings` | every request ends exactly once, with nothing in flight; all end in the end |

mod arrivals;
mod bytes;
mod courtesy;
mod device;
mod endings;
mod fairness;
mod generate;
mod live;
mod order;
mod possible;
mod setup;
mod world;

use self::setup::Setup;
use self::world::World;
use crate::random::Seeded;
use gpuio_core::scheduling::{RequestStatus, SchedulerPolicy};
use std::panic::{catch_unwind, AssertUnwindSafe};

/// Requests after the faults have stopped, as a share of those before.
const CALM_SHARE: usize = 20;

/// What happened in a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Requests that were made up.
    pub tried: u64,
    /// Of those, not accepted: no room, deadline impossible, shut down.
    pub refused: u64,
    /// Accepted.
    pub accepted: u64,
    /// Ended well.
    pub completed: u64,
    /// Ended with an error.
    pub failed: u64,
    /// Ended because they were withdrawn.
    pub cancelled: u64,
    /// Slices that devices worked on.
    pub slices: u64,
    /// Slices that failed or were short.
    pub faults: u64,
    /// Events recorded and waited for.
    pub marks: u64,
    is_calm: bool,
}

impl Tally {
    fn ended(&self) -> u64 {
        self.completed + self.failed + self.cancelled
    }

    fn count(&mut self, status: RequestStatus) {
        match status {
            RequestStatus::Completed => self.completed += 1,
            RequestStatus::Cancelled => self.cancelled += 1,
            _ => self.failed += 1,
        }
    }

    /// Adds another run's.
    pub fn add(&mut self, other: &Self) {
        self.tried += other.tried;
        self.refused += other.refused;
        self.accepted += other.accepted;
        self.completed += other.completed;
        self.failed += other.failed;
        self.cancelled += other.cancelled;
        self.slices += other.slices;
        self.faults += other.faults;
        self.marks += other.marks;
    }
}

/// Runs one seed.
///
/// # Errors
/// What an oracle objected to, or where the scheduler panicked.
pub fn run(policy: SchedulerPolicy, seed: u64, requests: usize) -> Result<Tally, String> {
    let run = || -> Result<Tally, String> {
        let mut random = Seeded::new(seed);
        let setup = Setup::new(policy, &mut random, requests);
        let is_open = setup.shut_down_after.is_none();
        let mut world = World::new(setup, random)?;
        world.run(requests)?;
        if is_open {
            world.calm_down();
            world.tally.is_calm = true;
            world.run(requests / CALM_SHARE)?;
        }
        Ok(world.tally)
    };
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err("a panic, see above".into()))
}

/// Runs many seeds, from `first_seed` on.
///
/// # Errors
/// The first failure, with the command that repeats it.
pub fn campaign(
    policy: SchedulerPolicy,
    first_seed: u64,
    seed_count: u64,
    requests: usize,
) -> Result<Tally, String> {
    let mut sum = Tally::default();
    for seed in first_seed..first_seed + seed_count {
        let tally = run(policy, seed, requests).map_err(|what| {
            format!(
                "{what}\n  seed {seed}; to repeat: cargo run --release -p gpuio-sim -- \
                 chaos --policy {policy} --seed {seed} --requests {requests}"
            )
        })?;
        sum.add(&tally);
    }
    Ok(sum)
}
