//! The pool under shuttle: random and PCT schedules over submitting, stealing, withdrawing and
//! shutting down. Run by `scripts/test` with `--cfg shuttle`.
//!
//! `GPUIO_SHUTTLE_SCHEDULES` (of each test) and `GPUIO_SHUTTLE_SEED` change what is run. A failure
//! prints the seed and the schedule that failed, to be repeated alone:
//!
//! ```text
//! RUSTFLAGS="--cfg shuttle" GPUIO_SHUTTLE_REPLAY=9102... \
//!     cargo test --release -p gpuio-workers --test shuttle -- --ignored replay_the_race
//! ```
#![cfg(shuttle)]

#[path = "support/oracle.rs"]
mod oracle;
#[path = "shuttle/scenario.rs"]
mod scenario;

use gpuio_workers::planted::Planted;
use scenario::{meeting, owner_sleeps, race};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner};
use std::panic::{catch_unwind, AssertUnwindSafe};

/// Schedules of each of the two large campaigns; a third of it of the others.
const SCHEDULES: usize = 150_000;
/// Threads that PCT lets overtake one another in a schedule.
const PCT_DEPTH: usize = 4;
/// Schedules of either kind within which a planted bug must be found.
const PLANTED_SCHEDULES: usize = 20_000;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect(variable))
}

fn explore(what: &str, scheduler: impl Scheduler + 'static, body: fn(Planted), planted: Planted) {
    let mut config = Config::new();
    config.silence_warnings = true;
    let count = Runner::new(scheduler, config).run(move || body(planted));
    println!("{what}: {count} schedules");
}

fn seed() -> u64 {
    let seed = number("GPUIO_SHUTTLE_SEED", 0x6770_7569);
    println!("GPUIO_SHUTTLE_SEED={seed}");
    seed
}

fn schedules(default: usize) -> usize {
    number("GPUIO_SHUTTLE_SCHEDULES", default as u64) as usize
}

#[test]
fn random_schedules_of_the_race() {
    let scheduler = RandomScheduler::new_from_seed(seed(), schedules(SCHEDULES));
    explore("race, random", scheduler, race, Planted::Nothing);
}

#[test]
fn pct_schedules_of_the_race() {
    let scheduler = PctScheduler::new_from_seed(seed(), PCT_DEPTH, schedules(SCHEDULES));
    explore("race, PCT", scheduler, race, Planted::Nothing);
}

#[test]
fn random_schedules_of_an_owner_that_sleeps() {
    let scheduler = RandomScheduler::new_from_seed(seed(), schedules(SCHEDULES / 3));
    explore("owner, random", scheduler, owner_sleeps, Planted::Nothing);
}

#[test]
fn pct_schedules_of_an_owner_that_sleeps() {
    let scheduler = PctScheduler::new_from_seed(seed(), PCT_DEPTH, schedules(SCHEDULES / 3));
    explore("owner, PCT", scheduler, owner_sleeps, Planted::Nothing);
}

#[test]
fn random_schedules_of_a_meeting() {
    let scheduler = RandomScheduler::new_from_seed(seed(), schedules(SCHEDULES / 3));
    explore("meeting, random", scheduler, meeting, Planted::Nothing);
}

#[test]
fn pct_schedules_of_a_meeting() {
    let scheduler = PctScheduler::new_from_seed(seed(), PCT_DEPTH, schedules(SCHEDULES / 3));
    explore("meeting, PCT", scheduler, meeting, Planted::Nothing);
}

fn schedule() -> String {
    std::env::var("GPUIO_SHUTTLE_REPLAY").expect("GPUIO_SHUTTLE_REPLAY is the schedule")
}

#[test]
#[ignore = "repeats the schedule GPUIO_SHUTTLE_REPLAY"]
fn replay_the_race() {
    shuttle::replay(|| race(Planted::Nothing), &schedule());
}

#[test]
#[ignore = "repeats the schedule GPUIO_SHUTTLE_REPLAY"]
fn replay_the_owner_that_sleeps() {
    shuttle::replay(|| owner_sleeps(Planted::Nothing), &schedule());
}

#[test]
#[ignore = "repeats the schedule GPUIO_SHUTTLE_REPLAY"]
fn replay_the_meeting() {
    shuttle::replay(|| meeting(Planted::Nothing), &schedule());
}

/// Explores with a bug, and returns what was found.
fn finding(body: fn(Planted), planted: Planted) -> String {
    let found = catch_unwind(AssertUnwindSafe(|| {
        let random = RandomScheduler::new_from_seed(seed(), PLANTED_SCHEDULES);
        explore("planted, random", random, body, planted);
        let pct = PctScheduler::new_from_seed(seed(), PCT_DEPTH, PLANTED_SCHEDULES);
        explore("planted, PCT", pct, body, planted);
    }));
    let payload = found.expect_err("the bug was not found");
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&str>().map(|it| (*it).into()))
        .unwrap_or_default()
}

#[test]
fn planted_leaving_by_sight_loses_a_task() {
    let text = finding(race, Planted::LeavesBySight);
    assert!(text.contains("has no completion"), "{text}");
}

#[test]
fn planted_running_after_a_look_runs_a_withdrawn_task() {
    let text = finding(race, Planted::RunsAfterALook);
    assert!(text.contains("was withdrawn"), "{text}");
}

#[test]
fn planted_dropping_what_was_stolen_at_close_hangs() {
    let text = finding(race, Planted::DropsStolenAtClose);
    assert!(text.contains("deadlock"), "{text}");
}

#[test]
fn planted_sharing_nothing_leaves_a_task_behind_a_sleeper() {
    let text = finding(meeting, Planted::SharesNothing);
    assert!(text.contains("deadlock"), "{text}");
}

#[test]
fn planted_telling_nobody_hangs() {
    let text = finding(race, Planted::TellsNobody);
    assert!(text.contains("deadlock"), "{text}");
}
