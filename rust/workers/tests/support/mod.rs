//! A pool whose workers a test can hold.
#![allow(dead_code)] // each test file uses a part of it

use gpuio_core::scheduling::PriorityLevel;
use gpuio_workers::{Completion, WorkerOptions, WorkerPool};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// Any closure.
pub type Job = Box<dyn FnOnce() -> u64 + Send>;

/// Longer than anything here takes; a test that waits so long has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The token of tasks that hold a worker.
pub const HOLDER: u64 = u64::MAX;

pub fn options(workers: usize, capacity: usize) -> WorkerOptions {
    WorkerOptions {
        workers,
        capacity,
        ..WorkerOptions::default()
    }
}

pub fn pool(workers: usize, capacity: usize) -> WorkerPool<Job> {
    WorkerPool::start(&options(workers, capacity), || {}).expect("threads")
}

/// A task that gives its token.
pub fn job(token: u64) -> Job {
    Box::new(move || token)
}

/// Takes completions until there are so many.
pub fn take_all(pool: &WorkerPool<Job>, count: usize) -> Vec<Completion<Job>> {
    let mut all = Vec::new();
    while all.len() < count {
        if pool.take_batch(&mut all, usize::MAX) == 0 {
            std::thread::yield_now();
        }
    }
    all
}

/// Waits until `is_so`.
pub fn wait_until(is_so: impl Fn() -> bool) {
    while !is_so() {
        std::thread::yield_now();
    }
}

/// Something to wait behind.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub fn open(&self) {
        *self.0 .0.lock().unwrap() = true;
        self.0 .1.notify_all();
    }

    pub fn pass(&self) {
        let mut is_open = self.0 .0.lock().unwrap();
        while !*is_open {
            is_open = self.0 .1.wait(is_open).unwrap();
        }
    }
}

/// Holds one worker until the gate opens; returns when it is held. The token is [`HOLDER`].
pub fn hold_a_worker(pool: &WorkerPool<Job>) -> Gate {
    let (gate, held) = (Gate::default(), Gate::default());
    let (their_gate, their_held) = (gate.clone(), held.clone());
    let task: Job = Box::new(move || {
        their_held.open();
        their_gate.pass();
        HOLDER
    });
    pool.submit(PriorityLevel::High, HOLDER, task)
        .expect("room for the holder");
    held.pass();
    gate
}
