//! The line to the service: commands there, answers back.

use crate::service::jobs::Reply;
use crate::service::{Command, Signals};
use crate::wake::Wake;
use gpuio_core::{Error, ErrorCode, Result};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{sync_channel, Receiver, RecvTimeoutError, SyncSender};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How much longer than the service the host waits before it gives the service up.
const GRACE: Duration = Duration::from_secs(5);
/// How often a waiting host looks whether the service is alive.
const HEARTBEAT: Duration = Duration::from_millis(100);

/// See the module's comment. Clones lead to the same service.
#[derive(Clone)]
pub struct Line {
    pub commands: SyncSender<Command>,
    pub wake: Arc<Wake>,
    pub signals: Arc<Signals>,
    /// The context's `io_timeout_us`.
    pub timeout: Duration,
}

impl Line {
    /// Sends a command. Blocks while the queue of commands is full.
    pub fn send(&self, command: Command) -> Result<()> {
        self.commands.send(command).map_err(|_| gone())?;
        self.wake.ring();
        Ok(())
    }

    /// Sends a command unless the queue is full or the service has gone.
    pub fn try_send(&self, command: Command) {
        if self.commands.try_send(command).is_ok() {
            self.wake.ring();
        }
    }

    /// Sends a command and waits for its reply.
    pub fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T> {
        if self.signals.is_service_thread() {
            let message = "a completion callback that the service itself runs, for want of a \
                           worker thread, cannot wait for it; do it on another thread";
            return Err(Error::new(ErrorCode::Busy, "reach the service", message));
        }
        let (reply, outcome) = sync_channel(1);
        self.send(command(reply))?;
        self.receive(&outcome)?
    }

    /// Waits for an answer of the service. The service ends what makes no progress; this wait ends
    /// only when the service itself has died, or has not taken a turn for so long that it must hang
    /// in a system call. Then it is given up for good, because it may hold a caller's buffer.
    pub fn receive<T>(&self, answers: &Receiver<T>) -> Result<T> {
        let mut seen = (self.signals.turns.load(Ordering::Relaxed), Instant::now());
        loop {
            match answers.recv_timeout(HEARTBEAT) {
                Ok(answer) => return Ok(answer),
                Err(RecvTimeoutError::Disconnected) => return Err(gone()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let turns = self.signals.turns.load(Ordering::Relaxed);
            if turns != seen.0 {
                seen = (turns, Instant::now());
            } else if seen.1.elapsed() > self.timeout + GRACE {
                return Err(stuck());
            }
        }
    }
}

fn gone() -> Error {
    let message = "the I/O service of this context has stopped; make a new context";
    Error::new(ErrorCode::General, "reach the service", message)
}

fn stuck() -> Error {
    let message = "the I/O service does not answer: the storage hangs";
    Error::new(ErrorCode::Timeout, "reach the service", message)
}
