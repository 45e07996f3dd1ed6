//! Threads for what needs a CPU rather than an I/O engine: copies between regions of memory, atomic
//! operations, staging, completion callbacks.
//!
//! ```text
//! submit ──► one queue a level ──► a worker's own queues ──► run ──► outbox ──► take
//!                    │              (batches; medium and low)           │
//!                    └─ wakes one       ▲  └─► other workers steal      └─ rings, if armed
//! ```
//!
//! - **Exactly once.** Every accepted task gives one [`Completion`]: done, panicked, withdrawn or
//!   discarded. Nothing runs after [`WorkerPool::shutdown`] has succeeded.
//! - **Levels.** A worker takes the most urgent task that it can find anywhere. One of every
//!   [`FAIR_EVERY`] tasks it looks for at the low level first, one at the medium level, so that
//!   neither starves.
//! - **Bounded.** At most `capacity` tasks are in flight, from being accepted until their
//!   completion is taken; a further one is handed back. The outbox is bounded by the same number. A
//!   waiting task takes its own size and [`TASK_OVERHEAD_BYTES`].
//! - **Sleep.** A worker that finds nothing looks for five microseconds and sleeps then. Submitting
//!   enters the system only if somebody sleeps, and wakes one at most.
//! - **Cancel.** [`WorkerPool::submit_withdrawable`] gives a [`Ticket`].
//!
//! ```
//! use gpuio_core::scheduling::PriorityLevel;
//! use gpuio_workers::{Outcome, Rest, WorkerOptions, WorkerPool};
//! use std::time::Duration;
//!
//! let pool = WorkerPool::start(&WorkerOptions::default(), || {})?;
//! pool.submit(PriorityLevel::High, 7, || 6 * 7).expect("an empty pool has room");
//! pool.shutdown(Rest::Drain, Duration::from_secs(10))?;
//! let completion = pool.take().expect("what was accepted comes back");
//! assert_eq!(completion.token, 7);
//! assert!(matches!(completion.outcome, Outcome::Done(42)));
//! # Ok::<(), gpuio_core::Error>(())
//! ```
#![forbid(unsafe_code)]

pub mod bell;
pub mod progress;
pub mod sleep;
pub mod sync;

// Loom looks at the handshakes above. The rest is for shuttle, which can take larger models.
#[cfg(not(loom))]
mod figures;
#[cfg(not(loom))]
mod guard;
#[cfg(not(loom))]
mod ledger;
#[cfg(not(loom))]
mod options;
#[cfg(not(loom))]
#[doc(hidden)]
pub mod planted;
#[cfg(not(loom))]
mod pool;
#[cfg(not(loom))]
mod queue;
#[cfg(not(loom))]
mod shared;
#[cfg(not(loom))]
mod task;
#[cfg(not(loom))]
mod worker;

#[cfg(not(loom))]
pub use {
    figures::{WorkerFigures, LEVEL_COUNT},
    ledger::Rest,
    options::{spawn_thread, Body, Spawn, WorkerOptions, MAX_TASKS, MAX_WORKERS},
    pool::{WorkerPool, DROP_PATIENCE},
    task::{Completion, Outcome, Refusal, Refused, Task, Ticket},
    worker::FAIR_EVERY,
};

/// Bytes that a waiting task takes beside its own: token, ticket, the queue's slot and a share of
/// the queue's block. One with a [`Ticket`] takes another 32 of the allocator's.
#[cfg(not(loom))]
pub const TASK_OVERHEAD_BYTES: usize = 32;
