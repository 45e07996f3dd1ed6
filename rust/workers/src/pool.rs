//! The pool as its owner sees it.

use crate::bell::Bell;
use crate::figures::WorkerFigures;
use crate::guard::guarded;
use crate::ledger::Rest;
use crate::options::{refused_thread, spawn_thread, Spawn, WorkerOptions};
use crate::queue::{Chosen, StealQueue};
use crate::shared::{Seat, Shared};
use crate::sync::thread::{current, JoinHandle};
use crate::sync::{lock, Mutex};
use crate::task::{Completion, Entry, Refused, Task, Ticket};
use crate::worker::Worker;
use crossbeam_utils::CachePadded;
use gpuio_core::scheduling::PriorityLevel;
use gpuio_core::{Error, ErrorCode, Result};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long dropping a pool waits for tasks that run.
pub const DROP_PATIENCE: Duration = Duration::from_secs(5);

/// Threads that do tasks. See the crate's comment; any thread may call any method.
///
/// Dropping it hands back nothing: what has not begun is dropped with it, what runs is waited for,
/// at most [`DROP_PATIENCE`]. Shut it down first to get the tasks back.
pub struct WorkerPool<T: Task> {
    shared: Arc<Shared<T>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    capacity: usize,
    thread_count: usize,
    refused: Option<Error>,
}

impl<T: Task> WorkerPool<T> {
    /// Starts the threads. `ring` is called by a worker when a completion is there and the owner
    /// has asked to be told, see [`arm`](Self::arm); it must not wait.
    ///
    /// # Errors
    /// `INVALID_ARG` for options out of range; what the system says if it grants no thread at all.
    /// If it grants fewer than asked for, the pool has fewer: see [`refusal`](Self::refusal).
    pub fn start(options: &WorkerOptions, ring: impl Fn() + Send + Sync + 'static) -> Result<Self> {
        Self::start_with(options, ring, &mut spawn_thread)
    }

    /// The same with threads made by `spawn`.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with(
        options: &WorkerOptions,
        ring: impl Fn() + Send + Sync + 'static,
        spawn: Spawn<'_>,
    ) -> Result<Self> {
        options.check()?;
        let mut seats = Vec::new();
        let mut locals = Vec::new();
        for _ in 0..options.workers {
            let ((medium, medium_end), (low, low_end)) = (Chosen::local(), Chosen::local());
            locals.push([medium, low]);
            seats.push(CachePadded::new(Seat {
                peers: [medium_end, low_end],
                tally: Default::default(),
            }));
        }
        let shared = Arc::new(Shared::new(
            options.capacity,
            seats.into_boxed_slice(),
            Bell::new(ring),
            options.planted,
        ));
        let mut threads = Vec::new();
        let mut refused = None;
        for (id, locals) in locals.into_iter().enumerate() {
            let worker = Worker {
                shared: Arc::clone(&shared),
                id,
                locals,
                turn: 0,
                was_idle: false,
                _running: shared.enter(),
            };
            match spawn(id, Box::new(move || worker.run())) {
                Ok(thread) => threads.push(thread),
                // The others would be refused, too.
                Err(error) => {
                    refused = Some(refused_thread(&error));
                    break;
                }
            }
        }
        match refused {
            Some(error) if threads.is_empty() => Err(error),
            refused => Ok(Self {
                shared,
                thread_count: threads.len(),
                threads: Mutex::new(threads),
                capacity: options.capacity,
                refused,
            }),
        }
    }

    /// Hands a task over. `token` comes back with its completion. Does not wait; wakes at most one
    /// worker.
    ///
    /// # Errors
    /// The task, if [`capacity`](Self::capacity) tasks are in flight or the pool is shut down.
    pub fn submit(
        &self,
        level: PriorityLevel,
        token: u64,
        task: T,
    ) -> std::result::Result<(), Refused<T>> {
        self.submit_entry(level, token, None, task)
    }

    /// The same, with the means to withdraw the task while it has not begun. Allocates them.
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub fn submit_withdrawable(
        &self,
        level: PriorityLevel,
        token: u64,
        task: T,
    ) -> std::result::Result<Ticket, Refused<T>> {
        let ticket = Ticket::new();
        self.submit_entry(level, token, Some(ticket.clone()), task)?;
        Ok(ticket)
    }

    fn submit_entry(
        &self,
        level: PriorityLevel,
        token: u64,
        ticket: Option<Ticket>,
        task: T,
    ) -> std::result::Result<(), Refused<T>> {
        if let Err(reason) = self.shared.ledger.accept() {
            return Err(Refused { task, reason });
        }
        let entry = Entry {
            token,
            ticket,
            task,
        };
        Chosen::push(&self.shared.queues[level as usize], entry);
        self.shared.sleepers.wake_one();
        Ok(())
    }

    /// Takes the completion that has waited longest. Its place in the capacity is free then.
    pub fn take(&self) -> Option<Completion<T>> {
        let completion = self.shared.take()?;
        self.shared.ledger.take(1);
        Some(completion)
    }

    /// Takes at most `most` completions, puts them behind those in `into`, and returns how many.
    pub fn take_batch(&self, into: &mut Vec<Completion<T>>, most: usize) -> usize {
        let before = into.len();
        into.extend(std::iter::from_fn(|| self.shared.take()).take(most));
        let count = into.len() - before;
        self.shared.ledger.take(count);
        count
    }

    /// Asks to be told. True: no completion is there, and the hook is called, once, when one is;
    /// the owner may sleep. False: take what is there. A new pool is armed.
    pub fn arm(&self) -> bool {
        self.shared.arm()
    }

    /// Takes no more tasks, brings those in the pool to their end and ends the threads. After `Ok`
    /// nothing runs any more, and the completion of every task ever accepted has been or can be
    /// taken.
    ///
    /// Waits for the tasks that run, and with [`Rest::Drain`] for all, at most `patience`.
    ///
    /// # Errors
    /// `TIMEOUT` if they took longer: they go on, the pool stays closed, and the call can be
    /// repeated, with [`Rest::Discard`] also if it was Drain before. `INVALID_ARG` from one of the
    /// pool's own tasks, which would wait for itself: the pool is closed then, too.
    pub fn shutdown(&self, rest: Rest, patience: Duration) -> Result<()> {
        const OPERATION: &str = "shut down the workers";
        self.shared.ledger.close(rest);
        self.shared.sleepers.wake_all();
        if self.is_own_thread() {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                OPERATION,
                "a task cannot wait for its own pool; call it from another thread",
            ));
        }
        if !self.shared.wait_ended(patience) {
            let message = format!(
                "{} workers still run tasks after {patience:?}; try again later",
                self.shared.running()
            );
            return Err(Error::new(ErrorCode::Timeout, OPERATION, message));
        }
        let threads = std::mem::take(&mut *lock(&self.threads));
        for thread in threads {
            // All have left their last task. None panics: what is foreign is guarded.
            let _ = thread.join();
        }
        Ok(())
    }

    fn is_own_thread(&self) -> bool {
        let own = current().id();
        lock(&self.threads)
            .iter()
            .any(|thread| thread.thread().id() == own)
    }

    /// What was counted so far.
    pub fn figures(&self) -> WorkerFigures {
        self.shared.figures()
    }

    /// Tasks that may be in flight.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Threads it was granted.
    pub fn thread_count(&self) -> usize {
        self.thread_count
    }

    /// Why it has fewer threads than asked for, if it has.
    pub fn refusal(&self) -> Option<&Error> {
        self.refused.as_ref()
    }
}

impl<T: Task> Drop for WorkerPool<T> {
    fn drop(&mut self) {
        // Without success the threads keep what they share, and end by themselves.
        if self.shutdown(Rest::Discard, DROP_PATIENCE).is_ok() {
            while let Some(completion) = self.shared.take() {
                // Foreign, like the task. A panic here would be one of the caller.
                let _ = guarded(|| drop(completion));
            }
        }
    }
}

impl<T: Task> fmt::Debug for WorkerPool<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("WorkerPool")
            .field("capacity", &self.capacity)
            .field("thread_count", &self.thread_count)
            .field("figures", &self.figures())
            .finish_non_exhaustive()
    }
}
