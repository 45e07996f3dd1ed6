//! Threads for what needs a CPU: copies within memory, and users' completion callbacks.
//!
//! Two groups, because a callback may wait for a copy: if callbacks had taken all threads of one
//! group, the copies that they wait for would never begin. Callbacks wait for the service, the
//! service for copies, copies for nothing; nothing in gpuio waits for a callback but the end of its
//! context.
//!
//! Each group is started when it is first needed. What it cannot take, because it is full or the
//! system has granted no thread, its submitter does itself.

mod group;
mod tasks;

pub use tasks::MemoryCopy;

use self::group::Group;
use self::tasks::Calls;
use super::RequestState;
use crate::line::Line;
use gpuio_core::scheduling::PriorityLevel;
use gpuio_core::{Error, ErrorCode, Result};
use gpuio_workers::{Outcome, Rest, Task};
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

/// Threads of a group unless the configuration says how many.
const THREADS_MAX: usize = 4;

/// See the module's comment.
pub struct Crew {
    copies: Group<MemoryCopy>,
    calls: Group<Calls>,
}

impl Crew {
    /// `workers` threads each; 0 for one for each core, at most 4. Starts none.
    pub fn new(workers: u32, line: &Line) -> Self {
        let threads = match workers {
            0 => available_parallelism().map_or(1, |cores| cores.get().min(THREADS_MAX)),
            workers => workers as usize,
        };
        let (wake, signals) = (Arc::clone(&line.wake), &line.signals);
        Self {
            copies: Group::new("gpuio-copy", threads, signals, move || wake.ring()),
            // What they leave behind is taken by who brings the next.
            calls: Group::new("gpuio-call", threads, signals, || {}),
        }
    }

    /// Has a slice copied; [`Crew::next_copied`] tells its number. The copy comes back if no worker
    /// takes it. Does not wait, but for threads to be started the first time.
    pub fn copy(
        &self,
        level: PriorityLevel,
        slice: u64,
        copy: MemoryCopy,
    ) -> std::result::Result<(), MemoryCopy> {
        self.copies.hand_over(level, slice, copy)
    }

    /// A slice whose copy has ended, and how.
    pub fn next_copied(&self) -> Option<(u64, Result<()>)> {
        let completion = self.copies.take()?;
        let outcome = match completion.outcome {
            Outcome::Done(()) => Ok(()),
            Outcome::Withdrawn(_) | Outcome::Discarded(_) => {
                let message = "the context has ended";
                Err(Error::new(ErrorCode::Canceled, "copy", message))
            }
            Outcome::Panicked(message) => Err(Error::new(
                ErrorCode::General,
                "copy",
                format!("a copy has panicked, a defect in gpuio: {message}"),
            )),
        };
        Some((completion.token, outcome))
    }

    /// Asks for the service to be woken by the next copy that ends. False: one has ended already.
    pub fn arm(&self) -> bool {
        self.copies.arm()
    }

    /// Has a request's callbacks called: by a worker, or here if none takes them.
    pub fn call(&self, state: &Arc<RequestState>) {
        while self.calls.take().is_some() {}
        let (level, task) = (state.order.class.level(), Calls(Arc::clone(state)));
        if let Err(task) = self.calls.hand_over(level, state.id, task) {
            task.run();
        }
    }

    /// Times that a worker took what another one had in its queue.
    pub fn steals(&self) -> u64 {
        self.copies.steals() + self.calls.steals()
    }

    /// Takes no more copies. Those that have not begun come back undone. Does not wait.
    pub fn close_copies(&self) {
        self.copies.end(Rest::Discard, Duration::ZERO);
    }

    /// Calls what callbacks there are left and ends the threads; waits for that, at most
    /// `patience`. Callbacks that take longer go on by themselves.
    pub fn end(&self, patience: Duration) {
        self.copies.end(Rest::Discard, patience);
        self.calls.end(Rest::Drain, patience);
    }
}
