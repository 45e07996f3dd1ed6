//! How a pool ends: what runs, what comes back, who is refused, and who must not wait for whom.
#![cfg(not(any(loom, shuttle)))]

#[path = "support/mod.rs"]
mod support;

use gpuio_core::scheduling::PriorityLevel::{High, Low, Medium};
use gpuio_core::ErrorCode;
use gpuio_workers::{Outcome, Refusal, Rest, WorkerPool};
use std::sync::{mpsc, Arc};
use std::time::Duration;
use support::{hold_a_worker, job, options, pool, take_all, Job, HOLDER, PATIENCE};

/// What became of 300 waiting tasks: how many ran, how many came back.
fn ends(rest: Rest) -> (usize, usize) {
    let pool = pool(2, 1000);
    let gate = hold_a_worker(&pool);
    let other = hold_a_worker(&pool);
    for token in 0..300 {
        let level = [High, Medium, Low][token as usize % 3];
        pool.submit(level, token, job(token)).unwrap();
    }
    // Closed, but it cannot be over yet.
    let error = pool.shutdown(rest, Duration::ZERO).unwrap_err();
    assert_eq!(error.code, ErrorCode::Timeout);
    assert!(error.message.starts_with("2 workers"), "{error}");
    assert_eq!(
        pool.submit(High, 0, job(0)).unwrap_err().reason,
        Refusal::Closed
    );
    gate.open();
    other.open();
    pool.shutdown(rest, PATIENCE).unwrap();
    pool.shutdown(Rest::Drain, PATIENCE).unwrap();
    let refused = pool.submit(High, 0, job(77)).unwrap_err();
    assert_eq!(refused.reason.error().code, ErrorCode::Canceled);
    assert_eq!((refused.task)(), 77);

    let mut seen = vec![0; 300];
    let (mut ran, mut came_back) = (0, 0);
    for completion in take_all(&pool, 302) {
        match completion.outcome {
            Outcome::Done(HOLDER) => continue,
            Outcome::Done(token) => {
                assert_eq!(token, completion.token);
                ran += 1;
            }
            Outcome::Discarded(task) => {
                assert_eq!(task(), completion.token);
                came_back += 1;
            }
            _ => panic!("{completion:?}"),
        }
        seen[completion.token as usize] += 1;
    }
    assert!(pool.take().is_none());
    assert_eq!(seen, [1; 300]);
    assert_eq!(pool.figures().discarded, came_back as u64);
    (ran, came_back)
}

#[test]
fn drain_runs_all() {
    assert_eq!(ends(Rest::Drain), (300, 0));
}

#[test]
fn discard_hands_all_back() {
    assert_eq!(ends(Rest::Discard), (0, 300));
}

#[test]
fn a_drain_that_takes_too_long_can_be_turned_into_discard() {
    let pool = pool(1, 1000);
    let gate = hold_a_worker(&pool);
    (0..100).for_each(|token| pool.submit(Low, token, job(token)).unwrap());
    assert!(pool.shutdown(Rest::Drain, Duration::ZERO).is_err());
    assert!(pool.shutdown(Rest::Discard, Duration::ZERO).is_err());
    gate.open();
    pool.shutdown(Rest::Drain, PATIENCE).unwrap();
    assert_eq!(pool.figures().discarded, 100, "Drain does not turn it back");
}

#[test]
fn two_may_shut_it_down_at_once() {
    let pool = Arc::new(pool(3, 1000));
    (0..900).for_each(|token| pool.submit(Medium, token, job(token)).unwrap());
    let other = Arc::clone(&pool);
    let thread = std::thread::spawn(move || other.shutdown(Rest::Drain, PATIENCE));
    pool.shutdown(Rest::Drain, PATIENCE).unwrap();
    thread.join().unwrap().unwrap();
    assert_eq!(take_all(&pool, 900).len(), 900);
}

#[test]
fn a_task_that_shuts_its_own_pool_down_is_told_so() {
    let pool = Arc::new(pool(2, 10));
    let (sender, receiver) = mpsc::channel();
    let own = Arc::clone(&pool);
    let task: Job = Box::new(move || {
        sender.send(own.shutdown(Rest::Drain, PATIENCE)).unwrap();
        0
    });
    pool.submit(High, 0, task).unwrap();
    let error = receiver.recv().unwrap().unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidArgument);
    pool.shutdown(Rest::Drain, PATIENCE).unwrap();
}

/// Tells when it is dropped.
struct Dropped(mpsc::Sender<()>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.send(()).unwrap();
        // A task's destructor is foreign code, too.
        panic!("in a destructor");
    }
}

#[test]
fn dropping_the_pool_drops_what_has_not_begun() {
    let (sender, receiver) = mpsc::channel();
    let pool = pool(1, 10);
    let gate = hold_a_worker(&pool);
    for token in 0..5 {
        let dropped = Dropped(sender.clone());
        let task: Job = Box::new(move || {
            std::mem::forget(dropped);
            panic!("must not run");
        });
        pool.submit(Medium, token, task).unwrap();
    }
    assert!(pool.shutdown(Rest::Discard, Duration::ZERO).is_err());
    gate.open();
    drop(pool);
    assert_eq!(receiver.try_iter().count(), 5);
}

#[test]
fn the_last_owner_may_be_a_task() {
    let pool = Arc::new(pool(2, 10));
    let gate = support::Gate::default();
    let (own, their_gate) = (Arc::clone(&pool), gate.clone());
    let (sender, receiver) = mpsc::channel();
    let task: Job = Box::new(move || {
        their_gate.pass();
        drop(own);
        sender.send(()).unwrap();
        0
    });
    pool.submit(High, 0, task).unwrap();
    drop(pool);
    gate.open();
    receiver.recv().unwrap();
}

#[test]
fn closures_of_one_type_need_no_box() {
    let pool = WorkerPool::start(&options(1, 10), || {}).unwrap();
    let tasks = |text: &'static str| move || text.len();
    pool.submit(High, 0, tasks("four")).unwrap();
    pool.shutdown(Rest::Drain, PATIENCE).unwrap();
    assert!(matches!(pool.take().unwrap().outcome, Outcome::Done(4)));
}
