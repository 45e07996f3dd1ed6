//! Under 1.2 times what can be done, critical requests that were admitted meet their deadlines.

use gpuio_core::scheduling::SchedulerPolicy;
use gpuio_sim::load::overload::run;

const LOAD: f64 = 1.2;
const REQUESTS: u64 = 100_000;

#[test]
fn admitted_critical_requests_meet_their_deadlines() {
    for seed in 1..=3 {
        for policy in [SchedulerPolicy::Deadline, SchedulerPolicy::Adaptive] {
            let served = run(policy, LOAD, REQUESTS, seed);
            println!("{policy}, seed {seed}: {served:?}");
            assert!(served.critical_hit_rate() >= 0.99, "{served:?}");
            // Not by turning everyone away.
            assert!(
                served.critical_met * 10 >= served.critical * 9,
                "{served:?}"
            );
        }
    }
}

#[test]
fn fifo_misses_most_of_what_admission_saves() {
    let fifo = run(SchedulerPolicy::Fifo, LOAD, REQUESTS, 1);
    let adaptive = run(SchedulerPolicy::Adaptive, LOAD, REQUESTS, 1);
    assert!(
        fifo.critical_met * 2 < adaptive.critical_met,
        "{fifo:?} {adaptive:?}"
    );
    assert!(fifo.all_met < adaptive.all_met, "{fifo:?} {adaptive:?}");
}
