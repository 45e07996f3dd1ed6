//! Threads that are started when they are first needed.

use crate::service::Signals;
use gpuio_core::scheduling::PriorityLevel;
use gpuio_workers::{Body, Completion, Rest, Task, WorkerOptions, WorkerPool};
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// See the module's comment.
pub struct Group<T: Task> {
    /// Of its threads, with a number behind.
    name: &'static str,
    threads: usize,
    signals: Arc<Signals>,
    ring: Arc<dyn Fn() + Send + Sync>,
    /// Empty until it is needed. None: no thread was granted, or it ended before it was needed.
    pool: OnceLock<Option<WorkerPool<T>>>,
}

impl<T: Task> Group<T> {
    /// Starts nothing. `ring` is called as [`WorkerPool::arm`] says.
    pub fn new(
        name: &'static str,
        threads: usize,
        signals: &Arc<Signals>,
        ring: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self {
            name,
            threads,
            signals: Arc::clone(signals),
            ring: Arc::new(ring),
            pool: OnceLock::new(),
        }
    }

    fn start(&self) -> Option<WorkerPool<T>> {
        let options = WorkerOptions {
            workers: self.threads,
            ..WorkerOptions::default()
        };
        let ring = Arc::clone(&self.ring);
        // Without threads everything is done by who asks for it, as it would be with none to spare.
        WorkerPool::start_with(&options, move || ring(), &mut |k, body| self.spawn(k, body)).ok()
    }

    fn spawn(&self, number: usize, body: Body) -> io::Result<JoinHandle<()>> {
        if self.signals.refuses_threads.load(Ordering::Acquire) {
            return Err(io::Error::from_raw_os_error(libc::EAGAIN));
        }
        let signals = Arc::clone(&self.signals);
        let name = format!("{}-{number}", self.name);
        Builder::new().name(name).spawn(move || {
            signals.become_callback_thread();
            body();
        })
    }

    fn started(&self) -> Option<&WorkerPool<T>> {
        self.pool.get().and_then(Option::as_ref)
    }

    /// Gives a task to a worker. It comes back if none takes it.
    pub fn hand_over(&self, level: PriorityLevel, token: u64, task: T) -> Result<(), T> {
        match self.pool.get_or_init(|| self.start()) {
            Some(pool) => pool
                .submit(level, token, task)
                .map_err(|refused| refused.task),
            None => Err(task),
        }
    }

    /// What has ended.
    pub fn take(&self) -> Option<Completion<T>> {
        self.started()?.take()
    }

    /// Asks to be told, see [`WorkerPool::arm`]. A group that has no threads has nothing to tell.
    pub fn arm(&self) -> bool {
        self.started().is_none_or(WorkerPool::arm)
    }

    /// See [`WorkerFigures::steals`](gpuio_workers::WorkerFigures::steals).
    pub fn steals(&self) -> u64 {
        self.started().map_or(0, |pool| pool.figures().steals)
    }

    /// Takes nothing more, starts no threads and ends those that there are; waits at most
    /// `patience`.
    pub fn end(&self, rest: Rest, patience: Duration) {
        if let Some(pool) = self.pool.get_or_init(|| None) {
            // Too late or not: whoever is interrupted by the end knows from the completions.
            let _ = pool.shutdown(rest, patience);
        }
    }
}
