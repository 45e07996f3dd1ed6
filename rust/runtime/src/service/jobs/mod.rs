//! What the host asks of the service: each request is a job, a state machine that is given turns.
//!
//! A job never blocks; between two turns the service serves faults and other jobs. A job that makes
//! no progress for `io_timeout_us` fails.

mod bulk_read;
mod bulk_write;
mod close;
mod flush;
mod page_wait;
mod pinned;
mod prefetch;
mod pull;
mod settle;

pub use bulk_read::{BulkRead, Piece};
pub use bulk_write::BulkWrite;
pub use close::Close;
pub use flush::Flush;
pub use pinned::LoadPinned;
pub use prefetch::Prefetch;
pub use settle::{Failure, Settle};

use super::core::Core;
use gpuio_core::scheduling::RequestClass;
use gpuio_core::Result;
use std::sync::mpsc::SyncSender;

/// The class of what jobs wait for: standard, so that faults pass it, and it passes what nobody
/// waits for.
pub const JOB_CLASS: RequestClass = RequestClass::TrainingFw;

/// How a turn of a job ended.
pub enum Turn {
    /// It moved on and would like another turn.
    Advanced,
    /// It waits for something.
    Waiting,
    /// It has ended, well or with this error.
    Done(Result<()>),
}

/// A request of the host in progress.
pub trait Job: Send {
    /// Does what can be done now. `id` names the job towards [`Core`].
    fn turn(&mut self, core: &mut Core, id: u64) -> Turn;

    /// Tells the requester how it ended. Called once, last.
    fn end(&mut self, result: Result<()>);
}

/// Where a job's outcome goes. The requester may have gone.
pub type Reply<T> = SyncSender<Result<T>>;

/// Sends the outcome of a job whose success carries nothing.
pub fn reply(to: &Reply<()>, result: Result<()>) {
    // A requester that has gone does not want to know.
    let _ = to.try_send(result);
}
