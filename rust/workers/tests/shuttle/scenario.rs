//! What the threads of a model do. Sizes and choices are drawn from shuttle's generator, so that a
//! schedule repeats them.

use crate::oracle::{Fate, Oracle};
use gpuio_core::scheduling::PriorityLevel;
use gpuio_workers::planted::Planted;
use gpuio_workers::sync::{lock, Condvar, Mutex};
use gpuio_workers::{Refusal, Rest, Task, WorkerOptions, WorkerPool};
use shuttle::rand::{thread_rng, Rng};
use shuttle::thread;
use std::sync::Arc;
use std::time::Duration;

const LEVELS: [PriorityLevel; 3] = [
    PriorityLevel::High,
    PriorityLevel::Medium,
    PriorityLevel::Low,
];
const SUBMITTERS: usize = 2;
const TASKS_EACH: usize = 4;
/// Shuttle's clock stands still.
const FOREVER: Duration = Duration::from_secs(3600);

/// A task that tells the oracle when it runs.
struct Told {
    oracle: Arc<Oracle>,
    token: u64,
}

impl Task for Told {
    type Done = ();

    fn run(self) {
        self.oracle.run(self.token);
        if self.token % 3 == 0 {
            thread::yield_now();
        }
    }
}

/// Submits, and withdraws some at once and some later.
fn submit_some(pool: &WorkerPool<Told>, oracle: &Arc<Oracle>, first: usize) {
    let mut tickets = Vec::new();
    for token in first..first + TASKS_EACH {
        let token = token as u64;
        let task = Told {
            oracle: Arc::clone(oracle),
            token,
        };
        // Mostly the level whose tasks move in batches.
        let level = LEVELS[thread_rng().gen_range(0..6usize) % 4 % 3];
        let refused = match thread_rng().gen_range(0..3) {
            0 => pool
                .submit_withdrawable(level, token, task)
                .map(|ticket| tickets.push((token, ticket)))
                .err(),
            _ => pool.submit(level, token, task).err(),
        };
        oracle.decide(
            token,
            if refused.is_some() {
                Fate::Refused
            } else {
                Fate::Accepted
            },
        );
        if refused.is_some_and(|it| it.reason == Refusal::Closed) {
            break;
        }
    }
    for (token, ticket) in tickets {
        if ticket.withdraw() {
            oracle.decide(token, Fate::Withdrawn);
            assert!(!ticket.withdraw(), "task {token} is withdrawn twice");
        }
    }
}

/// Two submitters, an owner that takes completions, and a shutdown at some point.
pub fn race(planted: Planted) {
    let oracle = Arc::new(Oracle::new(SUBMITTERS * TASKS_EACH));
    let options = WorkerOptions {
        workers: thread_rng().gen_range(1..=3),
        capacity: thread_rng().gen_range(2..=SUBMITTERS * TASKS_EACH),
        planted,
    };
    let rest = if thread_rng().gen() {
        Rest::Drain
    } else {
        Rest::Discard
    };
    let pool = Arc::new(WorkerPool::start(&options, || {}).unwrap());
    let submitters: Vec<_> = (0..SUBMITTERS)
        .map(|number| {
            let (pool, oracle) = (Arc::clone(&pool), Arc::clone(&oracle));
            thread::spawn(move || submit_some(&pool, &oracle, number * TASKS_EACH))
        })
        .collect();
    for _ in 0..thread_rng().gen_range(0..4) {
        if let Some(completion) = pool.take() {
            oracle.end(&completion);
        }
    }
    pool.shutdown(rest, FOREVER).unwrap();
    oracle.shut();
    submitters.into_iter().for_each(|it| it.join().unwrap());

    let mut rest_of_them = Vec::new();
    pool.take_batch(&mut rest_of_them, usize::MAX);
    rest_of_them.iter().for_each(|it| oracle.end(it));
    oracle.judge(rest);
    let figures = pool.figures();
    let ended: u64 = figures.executed.iter().sum::<u64>() + figures.withdrawn + figures.discarded;
    assert_eq!(ended, oracle.accepted() as u64, "{figures:?}");
    assert_eq!((figures.queued, figures.in_flight), (0, 0), "{figures:?}");
}

/// One thread submits; the owner sleeps whenever nothing is there, until all have come. A wake-up
/// or a ring that is lost leaves it asleep for ever, which shuttle reports.
pub fn owner_sleeps(planted: Planted) {
    let oracle = Arc::new(Oracle::new(TASKS_EACH));
    let options = WorkerOptions {
        workers: thread_rng().gen_range(1..=3),
        capacity: TASKS_EACH,
        planted,
    };
    let bell = Arc::new((Mutex::new(false), Condvar::new()));
    let ring = Arc::clone(&bell);
    let pool = Arc::new(
        WorkerPool::start(&options, move || {
            *lock(&ring.0) = true;
            ring.1.notify_one();
        })
        .unwrap(),
    );
    let submitter = {
        let (pool, oracle) = (Arc::clone(&pool), Arc::clone(&oracle));
        thread::spawn(move || submit_some(&pool, &oracle, 0))
    };
    let mut taken = 0;
    while taken < TASKS_EACH {
        if let Some(completion) = pool.take() {
            oracle.end(&completion);
            taken += 1;
        } else if pool.arm() {
            let mut is_rung = lock(&bell.0);
            while !*is_rung {
                is_rung = bell.1.wait(is_rung).unwrap();
            }
            *is_rung = false;
        }
    }
    submitter.join().unwrap();
    pool.shutdown(Rest::Drain, FOREVER).unwrap();
    oracle.shut();
    oracle.judge(Rest::Drain);
    assert_eq!(pool.take().map(|it| it.token), None);
}

/// As many tasks as workers, each of which waits for all the others: a worker that sleeps while a
/// task waits leaves them waiting for ever.
pub fn meeting(planted: Planted) {
    let count = thread_rng().gen_range(2..=3);
    let options = WorkerOptions {
        workers: count,
        capacity: count,
        planted,
    };
    let pool = Arc::new(WorkerPool::start(&options, || {}).unwrap());
    let place = Arc::new((Mutex::new(0), Condvar::new()));
    let submit = move |pool: &WorkerPool<_>, place: &Arc<(Mutex<usize>, Condvar)>| {
        let level = LEVELS[thread_rng().gen_range(0..3usize)];
        let place = Arc::clone(place);
        let task = move || {
            let mut present = lock(&place.0);
            *present += 1;
            place.1.notify_all();
            while *present < count {
                present = place.1.wait(present).unwrap();
            }
        };
        pool.submit(level, 0, task).unwrap();
    };
    let submitter = {
        let (pool, place) = (Arc::clone(&pool), Arc::clone(&place));
        thread::spawn(move || submit(&pool, &place))
    };
    (1..count).for_each(|_| submit(&pool, &place));
    submitter.join().unwrap();
    let mut present = lock(&place.0);
    while *present < count {
        present = place.1.wait(present).unwrap();
    }
    drop(present);
    pool.shutdown(Rest::Drain, FOREVER).unwrap();
    assert_eq!(pool.figures().executed.iter().sum::<u64>(), count as u64);
}
