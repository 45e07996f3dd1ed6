//! The pool with real threads, for as long as `GPUIO_WORKERS_STRESS_SECONDS` says (2):
//!
//! ```text
//! GPUIO_WORKERS_STRESS_SECONDS=300 \
//!     cargo test --release -p gpuio-workers --test stress -- --nocapture
//! ```
//!
//! Rounds of submitters, withdrawers, an owner that takes completions and sleeps in between, and a
//! shutdown at some point. The oracle is that of the model.
#![cfg(not(any(loom, shuttle)))]

#[path = "support/oracle.rs"]
mod oracle;

use gpuio_core::scheduling::PriorityLevel;
use gpuio_workers::{Refusal, Rest, WorkerFigures, WorkerOptions, WorkerPool};
use oracle::{Fate, Oracle};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{mpsc, Arc};
use std::time::{Duration, Instant};

const SUBMITTERS: u64 = 3;
const TASKS_EACH: u64 = 400;
const PATIENCE: Duration = Duration::from_secs(60);

type Job = Box<dyn FnOnce() + Send>;

/// Numbers from a seed: SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % bound
    }
}

/// What the threads of a round share.
struct Round {
    pool: WorkerPool<Job>,
    oracle: Arc<Oracle>,
    /// Changed by tasks, so that ThreadSanitizer sees what is handed over.
    sum: Arc<AtomicU64>,
}

impl Round {
    fn task(&self, token: u64, spins: u64) -> Job {
        let (oracle, sum) = (Arc::clone(&self.oracle), Arc::clone(&self.sum));
        let boxed = Box::new(token);
        Box::new(move || {
            oracle.run(token);
            for _ in 0..spins {
                std::hint::spin_loop();
            }
            sum.fetch_add(*boxed, Ordering::Relaxed);
        })
    }

    /// Submits, trying again when full; withdraws some of its own, late.
    fn submit_all(&self, number: u64, random: &mut Random) {
        let mut tickets = Vec::new();
        for token in number * TASKS_EACH..(number + 1) * TASKS_EACH {
            let level = [
                PriorityLevel::High,
                PriorityLevel::Medium,
                PriorityLevel::Low,
            ][random.below(3) as usize];
            let mut task = self.task(token, random.below(200));
            let is_withdrawable = random.below(4) == 0;
            let fate = loop {
                let result = if is_withdrawable {
                    let result = self.pool.submit_withdrawable(level, token, task);
                    result.map(|ticket| tickets.push((token, ticket)))
                } else {
                    self.pool.submit(level, token, task)
                };
                match result {
                    Ok(()) => break Fate::Accepted,
                    Err(refused) if refused.reason == Refusal::Closed => break Fate::Refused,
                    Err(refused) => task = refused.task,
                }
                std::thread::yield_now();
            };
            self.oracle.decide(token, fate);
            if random.below(50) == 0 {
                for (token, ticket) in tickets.drain(..) {
                    if ticket.withdraw() {
                        self.oracle.decide(token, Fate::Withdrawn);
                    }
                }
            }
        }
    }

    fn take_all(&self) -> usize {
        let mut batch = Vec::new();
        self.pool.take_batch(&mut batch, usize::MAX);
        batch.iter().for_each(|it| self.oracle.end(it));
        batch.len()
    }
}

/// One pool from start to end. Returns its figures.
fn round(seed: u64) -> WorkerFigures {
    let mut random = Random(seed);
    let (ring, rung) = mpsc::channel();
    let options = WorkerOptions {
        workers: 1 + random.below(4) as usize,
        capacity: 1 + random.below(300) as usize,
        ..WorkerOptions::default()
    };
    let rest = [Rest::Drain, Rest::Discard][random.below(2) as usize];
    let shutdown_after = random.below(2 * SUBMITTERS * TASKS_EACH);
    let pool = WorkerPool::start(&options, move || {
        // The owner may be gone by the time of the last ring.
        let _ = ring.send(());
    });
    let round = Round {
        pool: pool.unwrap(),
        oracle: Arc::new(Oracle::new((SUBMITTERS * TASKS_EACH) as usize)),
        sum: Arc::default(),
    };
    std::thread::scope(|scope| {
        let round = &round;
        let submitters: Vec<_> = (0..SUBMITTERS)
            .map(|number| {
                let mut random = Random(random.below(u64::MAX));
                scope.spawn(move || round.submit_all(number, &mut random))
            })
            .collect();
        let mut taken = 0;
        while taken < shutdown_after && !submitters.iter().all(|it| it.is_finished()) {
            taken += round.take_all() as u64;
            if round.pool.arm() {
                // What is submitted later rings; if nothing is, it looks again after a while.
                let _ = rung.recv_timeout(Duration::from_millis(1));
            }
        }
        round.pool.shutdown(rest, PATIENCE).unwrap();
        round.oracle.shut();
    });
    round.take_all();
    round.oracle.judge(rest);
    let figures = round.pool.figures();
    let ended = figures.executed.iter().sum::<u64>() + figures.withdrawn + figures.discarded;
    assert_eq!(ended, round.oracle.accepted() as u64, "{figures:?}");
    assert_eq!((figures.queued, figures.in_flight), (0, 0), "{figures:?}");
    figures
}

#[test]
fn rounds_of_everything_at_once() {
    let seconds = std::env::var("GPUIO_WORKERS_STRESS_SECONDS");
    let seconds: u64 = seconds.map_or(2, |it| it.parse().expect("a number of seconds"));
    let ends = Instant::now() + Duration::from_secs(seconds);
    let (mut seed, mut executed, mut steals) = (0, 0, 0);
    while seed < 20 || Instant::now() < ends {
        let figures = round(seed);
        executed += figures.executed.iter().sum::<u64>();
        steals += figures.steals;
        seed += 1;
    }
    println!("{seed} rounds, {executed} tasks run, {steals} steals");
}
