//! The two handshakes of the pool under loom: workers that fall asleep against submitters that wake
//! them, and an owner that arms its bell against a worker that rings it. Every interleaving, with
//! the memory orders as they are; what is waited for is as weakly ordered as can be. A wake-up that
//! is lost leaves a thread asleep for ever: loom says "deadlock". Run by `scripts/test` with `--cfg
//! loom`.
#![cfg(loom)]

use gpuio_workers::bell::Bell;
use gpuio_workers::sleep::Sleepers;
use gpuio_workers::sync::atomic::{AtomicUsize, Ordering};
use gpuio_workers::sync::{lock, Condvar, Mutex};
use loom::thread;
// Not loom's: its Arc cannot be dropped while a deadlock unwinds.
use std::sync::Arc;

/// Tasks, as far as their number goes.
struct Work {
    tasks: AtomicUsize,
    sleepers: Sleepers,
}

impl Work {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            tasks: AtomicUsize::new(0),
            sleepers: Sleepers::new(2),
        })
    }

    fn is_there(&self) -> bool {
        self.tasks.load(Ordering::Relaxed) > 0
    }

    fn claim(&self) -> bool {
        let less = |count: usize| count.checked_sub(1);
        self.tasks
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
            .is_ok()
    }

    fn submit(&self) -> bool {
        self.tasks.fetch_add(1, Ordering::Relaxed);
        self.sleepers.wake_one()
    }

    /// Sleeps until there is a task for it.
    fn claim_one(&self, id: usize) {
        while !self.claim() {
            self.sleepers.sleep_unless(id, || self.is_there());
        }
    }
}

#[test]
fn no_wake_up_of_a_worker_is_lost() {
    loom::model(|| {
        let work = Work::new();
        let other = Arc::clone(&work);
        let worker = thread::spawn(move || other.claim_one(0));
        let woke = work.submit();
        worker.join().unwrap();
        assert!(!work.is_there());
        let (sleeps, wakes) = work.sleepers.figures();
        assert!(sleeps <= wakes, "{sleeps} {wakes}");
        assert_eq!(wakes, u64::from(woke));
    });
}

#[test]
fn two_workers_each_get_a_task() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let work = Work::new();
        let workers: Vec<_> = (0..2)
            .map(|id| {
                let work = Arc::clone(&work);
                thread::spawn(move || work.claim_one(id))
            })
            .collect();
        work.submit();
        work.submit();
        workers.into_iter().for_each(|it| it.join().unwrap());
        assert!(!work.sleepers.any(), "nobody stays announced");
    });
}

#[test]
fn two_submitters_wake_a_worker_for_both() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let work = Work::new();
        let (one, two) = (Arc::clone(&work), Arc::clone(&work));
        let worker = thread::spawn(move || {
            one.claim_one(0);
            one.claim_one(0);
        });
        let submitter = thread::spawn(move || two.submit());
        work.submit();
        submitter.join().unwrap();
        worker.join().unwrap();
    });
}

/// The planted bug: the worker looks first and announces itself after.
#[test]
#[should_panic(expected = "deadlock")]
fn announcing_after_the_last_look_loses_a_wake_up() {
    loom::model(|| {
        let work = Work::new();
        let other = Arc::clone(&work);
        let worker = thread::spawn(move || {
            while !other.claim() {
                if !other.is_there() {
                    other.sleepers.announce(0);
                    other.sleepers.park(0);
                }
            }
        });
        work.submit();
        worker.join().unwrap();
    });
}

/// The planted bug: the submitter's look for sleepers may come before its task is visible.
#[test]
#[should_panic(expected = "deadlock")]
fn looking_for_sleepers_without_a_fence_loses_a_wake_up() {
    loom::model(|| {
        let work = Work::new();
        let other = Arc::clone(&work);
        let worker = thread::spawn(move || other.claim_one(0));
        work.tasks.fetch_add(1, Ordering::Relaxed);
        if work.sleepers.any() {
            work.sleepers.wake_one();
        }
        worker.join().unwrap();
    });
}

/// An owner that waits for `expected` pieces of news; `sleep` says whether it may.
fn owner_and_ringer(expected: usize, may_sleep: fn(&Bell, &AtomicUsize) -> bool) {
    let news = Arc::new(AtomicUsize::new(0));
    // For the eventfd. (Not park and unpark: a late unpark would confuse loom's join.)
    let rung = Arc::new((Mutex::new(false), Condvar::new()));
    let ring = Arc::clone(&rung);
    let bell = Arc::new(Bell::new(move || {
        *lock(&ring.0) = true;
        ring.1.notify_one();
    }));
    let (their_news, their_bell) = (Arc::clone(&news), Arc::clone(&bell));
    let ringer = thread::spawn(move || {
        for _ in 0..expected {
            their_news.fetch_add(1, Ordering::Relaxed);
            their_bell.announce_news();
        }
    });
    let mut heard = 0;
    while heard < expected {
        heard += news.swap(0, Ordering::Relaxed);
        if heard < expected && may_sleep(&bell, &news) {
            let mut is_rung = lock(&rung.0);
            while !*is_rung {
                is_rung = rung.1.wait(is_rung).unwrap();
            }
            *is_rung = false;
        }
    }
    ringer.join().unwrap();
}

#[test]
fn no_ring_is_lost() {
    loom::model(|| {
        owner_and_ringer(2, |bell, news| {
            bell.arm_unless(|| news.load(Ordering::Relaxed) > 0)
        });
    });
}

/// The planted bug: the owner looks first and arms the bell after.
#[test]
#[should_panic(expected = "deadlock")]
fn arming_after_the_last_look_loses_a_ring() {
    loom::model(|| {
        owner_and_ringer(2, |bell, news| {
            news.load(Ordering::Relaxed) == 0 && bell.arm_unless(|| false)
        });
    });
}
