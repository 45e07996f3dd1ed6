//! What is given to the pool, and what comes back.

use crate::planted::Planted;
use crate::sync::atomic::{AtomicU8, Ordering};
use gpuio_core::{Error, ErrorCode};
use std::fmt;
use std::sync::Arc;

/// Work for a CPU. Closures without arguments are tasks.
pub trait Task: Send + 'static {
    /// What it leaves behind.
    type Done: Send + 'static;

    /// Does it, on some worker. May block, but then blocks a worker. A panic is caught, counted and
    /// reported as [`Outcome::Panicked`].
    fn run(self) -> Self::Done;
}

impl<D: Send + 'static, F: FnOnce() -> D + Send + 'static> Task for F {
    type Done = D;

    fn run(self) -> D {
        self()
    }
}

/// The one end of an accepted task.
pub struct Completion<T: Task> {
    /// What the submitter gave it.
    pub token: u64,
    /// How it ended.
    pub outcome: Outcome<T>,
}

/// How a task ended.
pub enum Outcome<T: Task> {
    /// It ran.
    Done(T::Done),
    /// It ran, and panicked with this message.
    Panicked(Box<str>),
    /// It was withdrawn by its [`Ticket`], and has not run.
    Withdrawn(T),
    /// The pool was shut down with [`Rest::Discard`](crate::Rest::Discard), and it has not run.
    Discarded(T),
}

/// A task that was not accepted.
pub struct Refused<T> {
    /// The task.
    pub task: T,
    /// Why.
    pub reason: Refusal,
}

// By hand: tasks, closures above all, need not be printable.
impl<T: Task> fmt::Debug for Completion<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Completion({}, {:?})", self.token, self.outcome)
    }
}

impl<T: Task> fmt::Debug for Outcome<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(_) => out.write_str("Done"),
            Self::Panicked(message) => write!(out, "Panicked({message:?})"),
            Self::Withdrawn(_) => out.write_str("Withdrawn"),
            Self::Discarded(_) => out.write_str("Discarded"),
        }
    }
}

impl<T> fmt::Debug for Refused<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Refused({:?})", self.reason)
    }
}

/// Why a task was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// As many tasks are in flight as the pool may hold: take completions, or wait for some.
    Full,
    /// The pool is shutting down or shut down.
    Closed,
}

impl Refusal {
    /// The error to give to a caller.
    pub fn error(self) -> Error {
        const OPERATION: &str = "hand a task to the workers";
        match self {
            Self::Full => Error::new(
                ErrorCode::Busy,
                OPERATION,
                "as many tasks are in flight as the pool holds; wait until some have ended",
            ),
            Self::Closed => Error::new(
                ErrorCode::Canceled,
                OPERATION,
                "the pool is shut down; make a new one",
            ),
        }
    }
}

const WAITING: u8 = 0;
const BEGUN: u8 = 1;
const WITHDRAWN: u8 = 2;

/// The means to withdraw a task that has not begun. Outlives the pool if it must.
#[derive(Clone, Debug)]
pub struct Ticket(Arc<AtomicU8>);

impl Ticket {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU8::new(WAITING)))
    }

    /// Withdraws the task. True: it will not run, and comes back as [`Outcome::Withdrawn`] when a
    /// worker meets it; until then it counts as in flight. False: it has begun or ended, or was
    /// withdrawn before. Does not wait.
    pub fn withdraw(&self) -> bool {
        self.leave_waiting(WITHDRAWN)
    }

    /// A worker is about to run or discard it. False if it was withdrawn.
    pub(crate) fn begin(&self, planted: Planted) -> bool {
        if planted.is(Planted::RunsAfterALook) {
            let is_waiting = self.0.load(Ordering::Acquire) == WAITING;
            self.0.store(BEGUN, Ordering::Release);
            return is_waiting;
        }
        self.leave_waiting(BEGUN)
    }

    fn leave_waiting(&self, state: u8) -> bool {
        self.0
            .compare_exchange(WAITING, state, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}

/// An accepted task in a queue.
pub(crate) struct Entry<T> {
    pub token: u64,
    pub ticket: Option<Ticket>,
    pub task: T,
}
