//! How a pool is made.

use crate::planted::Planted;
use crate::sync::thread::{Builder, JoinHandle};
use gpuio_core::limits::MAX_QUEUED_REQUESTS;
use gpuio_core::{Error, ErrorCode, Result};
use std::io;

/// Most threads of a pool.
pub const MAX_WORKERS: usize = 256;

/// Most tasks that one pool holds.
pub const MAX_TASKS: usize = MAX_QUEUED_REQUESTS;

/// What a pool is like.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// Threads, 1 to [`MAX_WORKERS`]. The system may grant fewer.
    pub workers: usize,
    /// Tasks in flight, from being accepted until the completion is taken: 1 to [`MAX_TASKS`].
    /// Nothing is allocated ahead.
    pub capacity: usize,
    /// A bug for the models to find; builds for use ignore it.
    #[doc(hidden)]
    pub planted: Planted,
}

impl Default for WorkerOptions {
    /// As many workers as the process may use cores, and 65,536 tasks.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            workers: cores.min(MAX_WORKERS),
            capacity: 1 << 16,
            planted: Planted::Nothing,
        }
    }
}

impl WorkerOptions {
    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |what: &str, value: usize, most: usize| {
            let message = format!("{what} is {value}; choose 1 to {most}");
            Err(Error::new(
                ErrorCode::InvalidArgument,
                "make a pool of workers",
                message,
            ))
        };
        if self.workers == 0 || self.workers > MAX_WORKERS {
            return refuse("workers", self.workers, MAX_WORKERS);
        }
        if self.capacity == 0 || self.capacity > MAX_TASKS {
            return refuse("capacity", self.capacity, MAX_TASKS);
        }
        Ok(())
    }
}

/// What a worker's thread runs.
pub type Body = Box<dyn FnOnce() + Send>;

/// Starts the thread of worker number so-and-so.
pub type Spawn<'a> = &'a mut dyn FnMut(usize, Body) -> io::Result<JoinHandle<()>>;

/// The ordinary way: a thread `gpuio-worker-N`.
pub fn spawn_thread(number: usize, body: Body) -> io::Result<JoinHandle<()>> {
    Builder::new()
        .name(format!("gpuio-worker-{number}"))
        .spawn(body)
}

/// No thread was granted.
pub(crate) fn refused_thread(error: &io::Error) -> Error {
    Error::from_errno(
        error.raw_os_error().unwrap_or(0),
        "start a worker thread",
        "the system refuses another thread; raise the limit of processes (ulimit -u, the cgroup's \
         pids.max) or ask for fewer workers",
    )
}
