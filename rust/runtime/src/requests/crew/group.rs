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
            signals.become_worker();
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

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    type Job = Box<dyn FnOnce() -> u32 + Send>;

    fn threads_named(name: &str) -> usize {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let names = tasks.filter_map(|it| {
            let comm = it.ok()?.path().join("comm");
            std::fs::read_to_string(comm).ok()
        });
        names.filter(|it| it.starts_with(name)).count()
    }

    /// One that has been joined may still be in the list for a moment.
    fn await_no_threads_named(name: &str) {
        let deadline = std::time::Instant::now() + LONG;
        while threads_named(name) > 0 {
            assert!(std::time::Instant::now() < deadline, "threads stay");
            std::thread::yield_now();
        }
    }

    fn add(group: &Group<Job>) -> bool {
        let job: Job = Box::new(|| 6 * 7);
        group.hand_over(PriorityLevel::High, 1, job).is_ok()
    }

    #[test]
    fn threads_are_there_from_the_first_task_to_the_end() {
        let name = "crew-one";
        let group: Group<Job> = Group::new(name, 3, &Arc::default(), || {});
        assert!(group.arm() && group.take().is_none());
        assert_eq!(threads_named(name), 0);
        assert!(add(&group));
        // A thread names itself, so it may be nameless for a moment.
        group.end(Rest::Drain, LONG);
        await_no_threads_named(name);
        assert_eq!(group.started().unwrap().thread_count(), 3);
        assert!(group.take().is_some());
        assert!(!add(&group), "it has ended");
    }

    #[test]
    fn a_task_may_hold_its_own_group_last() {
        let name = "crew-last";
        let group: Arc<Group<Job>> = Arc::new(Group::new(name, 2, &Arc::default(), || {}));
        let (go, ready) = std::sync::mpsc::channel::<()>();
        let held = Arc::clone(&group);
        let job: Job = Box::new(move || {
            let _ = ready.recv();
            drop(held);
            1
        });
        assert!(group.hand_over(PriorityLevel::Low, 1, job).is_ok());
        drop(group);
        drop(go);
        await_no_threads_named(name);
    }

    #[test]
    fn one_that_ended_unused_starts_nothing() {
        let name = "crew-two";
        let group: Group<Job> = Group::new(name, 3, &Arc::default(), || {});
        group.end(Rest::Drain, LONG);
        assert!(!add(&group));
        assert_eq!(threads_named(name), 0);
    }

    #[test]
    fn without_threads_tasks_come_back() {
        let signals = Arc::new(Signals::default());
        signals.refuses_threads.store(true, Ordering::Release);
        let group: Group<Job> = Group::new("crew-three", 3, &signals, || {});
        assert!(!add(&group) && !add(&group));
        assert!(group.arm() && group.steals() == 0);
        group.end(Rest::Drain, LONG);
    }
}
