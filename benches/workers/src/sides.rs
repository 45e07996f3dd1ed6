//! The three sides.

use gpuio_core::scheduling::PriorityLevel;
use gpuio_workers::{Outcome, Task, WorkerOptions, WorkerPool, MAX_TASKS};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Does `count` tasks, which give the numbers from 0 on, and returns the sum of what they gave.
pub trait Side {
    /// Submits all, then awaits all.
    fn burst(&mut self, count: u64) -> u64;
    /// Awaits each before the next.
    fn single(&mut self, count: u64) -> u64;
    /// The same, and does not look for the result before it sleeps.
    fn asleep(&mut self, count: u64) -> u64 {
        self.single(count)
    }
}

/// How long the owner looks for completions before it sleeps: as gpuio's service does.
const OWNER_SPIN: Duration = Duration::from_micros(60);

/// gpuio's pool; the owner sleeps by parking its thread.
pub struct Gpuio(WorkerPool<Number>);

struct Number(u64);

impl Task for Number {
    type Done = u64;

    fn run(self) -> u64 {
        self.0
    }
}

impl Gpuio {
    pub fn new() -> Self {
        let options = WorkerOptions {
            workers: 1,
            capacity: MAX_TASKS,
            ..WorkerOptions::default()
        };
        let owner = thread::current();
        Self(WorkerPool::start(&options, move || owner.unpark()).expect("a thread"))
    }

    fn submit(&self, number: u64) {
        let accepted = self.0.submit(PriorityLevel::Medium, number, Number(number));
        accepted.expect("room for all");
    }

    fn take(&self) -> Option<u64> {
        let completion = self.0.take()?;
        match completion.outcome {
            Outcome::Done(number) => Some(number),
            _ => panic!("{completion:?}"),
        }
    }

    /// Waits for a completion and returns what it says.
    fn wait(&self, spin: Duration) -> u64 {
        loop {
            if let Some(number) = self.take().or_else(|| self.take_soon(spin)) {
                return number;
            }
            if self.0.arm() {
                thread::park();
            }
        }
    }

    fn take_soon(&self, spin: Duration) -> Option<u64> {
        let started = Instant::now();
        while started.elapsed() < spin {
            for _ in 0..16 {
                if let Some(number) = self.take() {
                    return Some(number);
                }
                std::hint::spin_loop();
            }
        }
        None
    }

    fn one_by_one(&self, count: u64, spin: Duration) -> u64 {
        let one = |number| {
            self.submit(number);
            self.wait(spin)
        };
        (0..count).map(one).sum()
    }
}

impl Side for Gpuio {
    fn burst(&mut self, count: u64) -> u64 {
        (0..count).for_each(|number| self.submit(number));
        (0..count).map(|_| self.wait(OWNER_SPIN)).sum()
    }

    fn single(&mut self, count: u64) -> u64 {
        self.one_by_one(count, OWNER_SPIN)
    }

    fn asleep(&mut self, count: u64) -> u64 {
        self.one_by_one(count, Duration::ZERO)
    }
}

/// tokio's runtime with one worker; the caller awaits in `block_on`.
pub struct Tokio(tokio::runtime::Runtime);

impl Tokio {
    pub fn new() -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        Self(builder.worker_threads(1).build().expect("a thread"))
    }
}

impl Side for Tokio {
    fn burst(&mut self, count: u64) -> u64 {
        self.0.block_on(async {
            let spawn = |number| tokio::spawn(async move { number });
            let tasks: Vec<_> = (0..count).map(spawn).collect();
            let mut sum = 0;
            for task in tasks {
                sum += task.await.expect("no panic");
            }
            sum
        })
    }

    fn single(&mut self, count: u64) -> u64 {
        self.0.block_on(async {
            let mut sum = 0;
            for number in 0..count {
                sum += tokio::spawn(async move { number }).await.expect("no panic");
            }
            sum
        })
    }
}

/// rayon's pool with one worker; the caller waits at the end of a scope.
pub struct Rayon(rayon::ThreadPool);

impl Rayon {
    pub fn new() -> Self {
        let builder = rayon::ThreadPoolBuilder::new().num_threads(1);
        Self(builder.build().expect("a thread"))
    }
}

impl Side for Rayon {
    fn burst(&mut self, count: u64) -> u64 {
        let sum = AtomicU64::new(0);
        self.0.in_place_scope(|scope| {
            for number in 0..count {
                let sum = &sum;
                scope.spawn(move |_| {
                    sum.fetch_add(number, Ordering::Relaxed);
                });
            }
        });
        sum.into_inner()
    }

    fn single(&mut self, count: u64) -> u64 {
        (0..count).map(|number| self.burst_of_one(number)).sum()
    }
}

impl Rayon {
    fn burst_of_one(&self, number: u64) -> u64 {
        let sum = AtomicU64::new(0);
        self.0.in_place_scope(|scope| {
            scope.spawn(|_| {
                sum.fetch_add(number, Ordering::Relaxed);
            });
        });
        sum.into_inner()
    }
}
