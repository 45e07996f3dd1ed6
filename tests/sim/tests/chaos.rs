//! Ten million requests over 256 seeds, 64 for each policy.

use gpuio_core::scheduling::SchedulerPolicy;
use gpuio_sim::chaos::campaign;

const SEEDS: u64 = 64;

/// Requests that are made up for each seed; almost half are accepted, the others meet full queues,
/// impossible deadlines and schedulers that were shut down.
const REQUESTS: usize = 100_000;

/// What all policies together have to carry out, divided by their number.
const ACCEPTED: u64 = 2_500_000;

/// `GPUIO_SIM_PERCENT` makes the campaign shorter, for builds that are slow, or longer.
fn percent() -> usize {
    let text = std::env::var("GPUIO_SIM_PERCENT").unwrap_or_else(|_| "100".into());
    text.parse().expect("GPUIO_SIM_PERCENT is a number")
}

fn survives(policy: SchedulerPolicy) {
    let percent = percent();
    let requests = REQUESTS * percent / 100;
    match campaign(policy, 1, SEEDS, requests) {
        Ok(tally) => {
            println!("{policy}: {tally:?}");
            assert!(
                tally.accepted >= ACCEPTED * percent as u64 / 100,
                "{tally:?}"
            );
            let kinds = [
                tally.failed,
                tally.cancelled,
                tally.refused,
                tally.faults,
                tally.marks,
            ];
            assert!(kinds.iter().all(|count| *count > 0), "{tally:?}");
        }
        Err(what) => panic!("{what}"),
    }
}

#[test]
fn fifo() {
    survives(SchedulerPolicy::Fifo);
}

#[test]
fn priority() {
    survives(SchedulerPolicy::Priority);
}

#[test]
fn deadline() {
    survives(SchedulerPolicy::Deadline);
}

#[test]
fn adaptive() {
    survives(SchedulerPolicy::Adaptive);
}
