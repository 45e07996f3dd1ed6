//! What the pool promises while it is open: order, levels, bounds, withdrawing, panics, sleep.
#![cfg(not(any(loom, shuttle)))]

#[path = "support/mod.rs"]
mod support;

use gpuio_core::scheduling::PriorityLevel::{self, High, Low, Medium};
use gpuio_core::ErrorCode;
use gpuio_workers::{Outcome, Refusal, Rest, WorkerPool, FAIR_EVERY, MAX_TASKS, MAX_WORKERS};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use support::{
    hold_a_worker, job, options, pool, take_all, wait_until, Gate, Job, HOLDER, PATIENCE,
};

/// Queues tasks behind a held worker, lets it go, and returns the tokens as they ended.
fn order_of(tasks: impl IntoIterator<Item = (PriorityLevel, u64)>) -> Vec<u64> {
    let pool = pool(1, 10_000);
    let gate = hold_a_worker(&pool);
    let mut count = 1;
    for (level, token) in tasks {
        pool.submit(level, token, job(token)).unwrap();
        count += 1;
    }
    gate.open();
    let mut tokens: Vec<u64> = take_all(&pool, count).iter().map(|it| it.token).collect();
    assert_eq!(tokens.remove(0), HOLDER);
    tokens
}

#[test]
fn every_task_gives_its_own_result_and_token() {
    let pool = pool(3, 1000);
    for token in 0..1000 {
        let level = [High, Medium, Low][token as usize % 3];
        pool.submit(level, token, Box::new(move || token * token))
            .unwrap();
    }
    let mut seen = vec![false; 1000];
    for completion in take_all(&pool, 1000) {
        let Outcome::Done(square) = completion.outcome else {
            panic!("{completion:?}");
        };
        assert_eq!(square, completion.token * completion.token);
        assert!(!std::mem::replace(
            &mut seen[completion.token as usize],
            true
        ));
    }
    pool.shutdown(Rest::Drain, PATIENCE).unwrap();
    let figures = pool.figures();
    assert_eq!(figures.executed, [334, 333, 333]);
    assert_eq!((figures.queued, figures.in_flight), (0, 0));
}

#[test]
fn urgent_tasks_pass_those_that_came_before() {
    let tasks = [
        (Low, 20),
        (Low, 21),
        (Medium, 10),
        (Medium, 11),
        (High, 0),
        (High, 1),
    ];
    assert_eq!(order_of(tasks), [0, 1, 10, 11, 20, 21]);
}

#[test]
fn an_urgent_task_passes_a_batch_that_the_worker_already_has() {
    let pool = Arc::new(pool(1, 100));
    let gate = hold_a_worker(&pool);
    let inner = Arc::clone(&pool);
    // When the first of these runs, the worker has taken others of them along.
    let first: Job = Box::new(move || {
        inner.submit(High, 0, job(0)).unwrap();
        1
    });
    pool.submit(Medium, 1, first).unwrap();
    (2..8).for_each(|token| pool.submit(Medium, token, job(token)).unwrap());
    gate.open();
    let tokens: Vec<u64> = take_all(&pool, 9).iter().map(|it| it.token).collect();
    assert_eq!(tokens, [HOLDER, 1, 0, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn lower_levels_get_their_share_of_an_endless_urgent_stream() {
    let urgent = (0..1000).map(|token| (High, token));
    let lower = (0..5).flat_map(|k| [(Medium, 5000 + k), (Low, 6000 + k)]);
    let tokens = order_of(urgent.chain(lower));
    for (first, name) in [(5000, "medium"), (6000, "low")] {
        for k in 0..5 {
            let place = tokens.iter().position(|&it| it == first + k).unwrap() as u32;
            assert!(
                place < FAIR_EVERY * (k as u32 + 1),
                "{name} {k} is number {place}"
            );
        }
    }
}

#[test]
fn what_is_too_much_is_handed_back() {
    let pool = pool(1, 4);
    let gate = hold_a_worker(&pool);
    (1..4).for_each(|token| pool.submit(Low, token, job(token)).unwrap());
    let refused = pool.submit(High, 9, job(99)).unwrap_err();
    assert_eq!(refused.reason, Refusal::Full);
    assert_eq!(refused.reason.error().code, ErrorCode::Busy);
    assert!(refused.reason.error().retryable);
    assert_eq!((refused.task)(), 99, "the task itself");
    assert_eq!((pool.figures().queued, pool.figures().in_flight), (3, 4));
    gate.open();
    // Ended is not enough: the completion keeps its place until it is taken.
    wait_until(|| pool.figures().executed == [1, 0, 3]);
    assert!(pool.submit(High, 9, job(9)).is_err());
    assert_eq!(pool.take().unwrap().token, HOLDER);
    pool.submit(High, 9, job(9)).unwrap();
}

#[test]
fn a_task_that_has_not_begun_can_be_withdrawn() {
    let pool = pool(1, 10);
    let gate = hold_a_worker(&pool);
    let ticket = pool.submit_withdrawable(Medium, 1, job(11)).unwrap();
    let kept = pool.submit_withdrawable(Medium, 2, job(22)).unwrap();
    assert!(ticket.withdraw());
    assert!(!ticket.clone().withdraw(), "once");
    gate.open();
    for completion in take_all(&pool, 3) {
        match (completion.token, completion.outcome) {
            (HOLDER, Outcome::Done(HOLDER)) | (2, Outcome::Done(22)) => {}
            (1, Outcome::Withdrawn(task)) => assert_eq!(task(), 11),
            other => panic!("{other:?}"),
        }
    }
    assert!(!kept.withdraw(), "too late");
    assert_eq!(pool.figures().withdrawn, 1);
    assert_eq!(pool.figures().executed, [1, 1, 0]);
}

/// A payload that panics when it is dropped.
struct Spiteful;

impl Drop for Spiteful {
    fn drop(&mut self) {
        panic!("on the way out");
    }
}

#[test]
fn panics_are_caught_and_counted_and_the_worker_goes_on() {
    let pool = pool(1, 10);
    pool.submit(High, 0, Box::new(|| panic!("plain"))).unwrap();
    pool.submit(High, 1, Box::new(|| panic!("number {}", 1)))
        .unwrap();
    pool.submit(High, 2, Box::new(|| std::panic::panic_any(Spiteful)))
        .unwrap();
    pool.submit(High, 3, job(3)).unwrap();
    let ends: Vec<String> = take_all(&pool, 4)
        .iter()
        .map(|it| format!("{:?}", it.outcome))
        .collect();
    let nameless = "Panicked(\"a panic without a message\")";
    let expected = [
        "Panicked(\"plain\")",
        "Panicked(\"number 1\")",
        nameless,
        "Done",
    ];
    assert_eq!(ends, expected);
    assert_eq!(pool.figures().panicked, 3);
    assert_eq!(pool.figures().executed, [4, 0, 0]);
}

#[test]
fn a_hook_that_panics_ends_no_worker() {
    let pool = WorkerPool::<Job>::start(&options(1, 10), || panic!("the hook")).unwrap();
    for token in 0..3 {
        pool.submit(High, token, job(token)).unwrap();
        wait_until(|| pool.figures().executed[0] > token);
        pool.arm();
    }
    assert_eq!(take_all(&pool, 3).len(), 3);
    pool.shutdown(Rest::Drain, PATIENCE).unwrap();
}

/// Whether so many workers sleep. What they did before is done, to the last ring.
fn is_asleep(pool: &WorkerPool<Job>, count: u64) -> bool {
    let figures = pool.figures();
    figures.sleeps - figures.wakes == count
}

#[test]
fn the_bell_rings_once_each_time_it_is_armed() {
    let rings = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&rings);
    let ring = move || {
        count.fetch_add(1, Ordering::Relaxed);
    };
    let pool = WorkerPool::<Job>::start(&options(1, 100), ring).unwrap();
    for round in 1..=3 {
        for token in 0..10 {
            pool.submit(Medium, token, job(token)).unwrap();
        }
        wait_until(|| pool.figures().executed[1] == 10 * round && is_asleep(&pool, 1));
        assert_eq!(rings.load(Ordering::Relaxed), round as usize);
        assert!(!pool.arm(), "something is there");
        assert_eq!(take_all(&pool, 10).len(), 10);
        assert!(pool.arm(), "nothing is there");
    }
}

#[test]
fn submitting_wakes_one_worker_and_nobody_who_is_awake() {
    let pool = pool(2, 1000);
    wait_until(|| is_asleep(&pool, 2));
    let before = pool.figures().wakes;
    pool.submit(Medium, 0, job(0)).unwrap();
    take_all(&pool, 1);
    wait_until(|| is_asleep(&pool, 2));
    assert_eq!(pool.figures().wakes, before + 1);

    let gates = [hold_a_worker(&pool), hold_a_worker(&pool)];
    let before = pool.figures();
    (0..500).for_each(|token| pool.submit(Low, token, job(token)).unwrap());
    let after = pool.figures();
    assert_eq!((before.wakes, before.sleeps), (after.wakes, after.sleeps));
    assert_eq!(after.queued, 500);
    gates.iter().for_each(|gate| gate.open());
    take_all(&pool, 502);
}

/// Two workers; one has taken some of the tasks 1 to 10 along and is held by the first of its
/// batch. Returns what holds it, and what holds the other.
fn held_before_its_batch(pool: &WorkerPool<Job>) -> (Gate, Gate) {
    let first = hold_a_worker(pool);
    let second = hold_a_worker(pool);
    let (gate, held) = (Gate::default(), Gate::default());
    let (their_gate, their_held) = (gate.clone(), held.clone());
    let holder: Job = Box::new(move || {
        their_held.open();
        their_gate.pass();
        HOLDER
    });
    pool.submit(Medium, HOLDER, holder).unwrap();
    (1..=10).for_each(|token| pool.submit(Medium, token, job(token)).unwrap());
    first.open();
    held.pass();
    (gate, second)
}

#[test]
fn a_worker_steals_what_another_has_taken_along() {
    let pool = pool(2, 100);
    let (gate, second) = held_before_its_batch(&pool);
    second.open();
    // All but the one that holds its worker: two holders and ten others.
    take_all(&pool, 12);
    assert!(pool.figures().steals >= 1);
    gate.open();
    take_all(&pool, 1);
}

#[test]
fn what_waits_behind_a_long_task_is_not_forgotten_for_new_ones() {
    let pool = pool(2, 1000);
    let (gate, second) = held_before_its_batch(&pool);
    (100..600).for_each(|token| pool.submit(Medium, token, job(token)).unwrap());
    second.open();
    let tokens: Vec<u64> = take_all(&pool, 512).iter().map(|it| it.token).collect();
    let last_old = tokens.iter().rposition(|it| (1..=10).contains(it)).unwrap() as u32;
    assert!(
        last_old < 10 * FAIR_EVERY,
        "an old one is number {last_old}"
    );
    gate.open();
    take_all(&pool, 1);
}

#[test]
fn options_out_of_range_are_refused() {
    let refused = |workers, capacity| {
        let error = WorkerPool::<Job>::start(&options(workers, capacity), || {}).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArgument);
        error.message
    };
    assert!(refused(0, 1).contains("workers is 0"));
    assert!(refused(MAX_WORKERS + 1, 1).contains("workers is 257"));
    assert!(refused(1, 0).contains("capacity is 0"));
    assert!(refused(1, MAX_TASKS + 1).contains("choose 1 to 16777216"));
}
