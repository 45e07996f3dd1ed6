//! Admission by hand.

use super::super::slab::Handle;
use super::*;

const MS: u64 = 1_000_000;

fn promise(slot: u32, due_ms: u64, cost_ms: u64, criticality: f32) -> Promise {
    let generation = 0;
    Promise {
        id: RequestId(Handle { slot, generation }),
        due_ns: due_ms * MS,
        cost_ns: cost_ms * MS,
        criticality,
    }
}

fn ask(admission: &Admission, asked: Promise) -> Admitted {
    admission.ask(asked, PriorityLevel::High, 0, 1)
}

const YES: Admitted = Admitted::Yes { shed: Vec::new() };

#[test]
fn what_fits_is_admitted_and_what_does_not_is_refused() {
    let mut admission = Admission::default();
    assert_eq!(ask(&admission, promise(1, 10, 10, 0.5)), YES);
    assert_eq!(
        ask(&admission, promise(1, 10, 11, 0.5)),
        Admitted::No { end_ns: 11 * MS }
    );
    admission.promise(promise(1, 10, 10, 0.5));
    assert_eq!(ask(&admission, promise(2, 20, 10, 0.5)), YES);
    // In time itself, but the first would be late.
    assert_eq!(
        ask(&admission, promise(2, 9, 1, 0.5)),
        Admitted::No { end_ns: 11 * MS }
    );
    admission.withdraw(promise(1, 10, 10, 0.5).id, 10 * MS);
    assert_eq!(ask(&admission, promise(2, 9, 1, 0.5)), YES);
}

#[test]
fn the_least_critical_gives_way_and_a_critical_one_never() {
    let mut admission = Admission::default();
    for (slot, criticality) in [(1, 0.4), (2, 0.2), (3, 0.9)] {
        admission.promise(promise(slot, 30, 10, criticality));
    }
    let shed = vec![promise(2, 0, 0, 0.0).id];
    assert_eq!(
        ask(&admission, promise(4, 30, 10, 0.5)),
        Admitted::Yes { shed }
    );
    let shed = vec![promise(2, 0, 0, 0.0).id, promise(1, 0, 0, 0.0).id];
    assert_eq!(
        ask(&admission, promise(4, 30, 20, 1.0)),
        Admitted::Yes { shed }
    );
    assert!(matches!(
        ask(&admission, promise(4, 30, 30, 1.0)),
        Admitted::No { .. }
    ));
    assert!(matches!(
        ask(&admission, promise(4, 30, 10, 0.2)),
        Admitted::No { .. }
    ));
}

#[test]
fn work_ahead_and_slow_service_count() {
    let mut admission = Admission::default();
    admission.in_flight(10 * MS, true);
    admission.other(PriorityLevel::High, 5 * MS, true);
    admission.other(PriorityLevel::Low, 500 * MS, true);
    assert_eq!(ask(&admission, promise(1, 20, 10, 0.5)), YES);
    assert!(matches!(
        ask(&admission, promise(1, 19, 10, 0.5)),
        Admitted::No { .. }
    ));
    admission.in_flight(10 * MS, false);
    admission.other(PriorityLevel::High, 5 * MS, false);
    assert_eq!(ask(&admission, promise(1, 19, 10, 0.5)), YES);
    for _ in 0..1000 {
        admission.measured(true, MS, 4096, 2 * MS);
    }
    assert!(matches!(
        ask(&admission, promise(1, 19, 10, 0.5)),
        Admitted::No { .. }
    ));
    assert!(admission.is_hopeless(10 * MS, 19 * MS, 0));
    assert!(!admission.is_hopeless(9 * MS, 19 * MS, 0));
}
