//! A context's figures: what its service counts, put together.

use crate::service::jobs::Reply;
use crate::service::{Command, StatsReport};
use crate::wake::Wake;
use gpuio_core::exposition::{EngineCounters, L1Counters, L2Counters, ServiceCounters, Snapshot};
use gpuio_core::{Error, ErrorCode, Result};
use std::sync::mpsc::{sync_channel, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::Arc;
use std::time::Duration;

/// How long the service is waited for. It answers between two turns, so this is long.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks a context's service. It outlives neither the service nor keeps the context alive: once
/// that has gone, asking fails.
#[derive(Clone)]
pub struct ContextFigures {
    commands: SyncSender<Command>,
    wake: Arc<Wake>,
}

impl ContextFigures {
    pub(crate) fn new(commands: SyncSender<Command>, wake: Arc<Wake>) -> Self {
        Self { commands, wake }
    }

    /// The figures now. Waits for the service, at most two seconds.
    ///
    /// # Errors
    /// `Timeout` if the service does not answer in time, `Busy` if too much waits for it, `General`
    /// if it has stopped.
    pub fn snapshot(&self) -> Result<Snapshot> {
        let report = self.ask(|reply| Command::Stats(None, reply))?;
        let scheduler = self.ask(Command::Figures)?;
        let engines = scheduler.engines;
        Ok(Snapshot {
            figures: scheduler.figures,
            devices: scheduler.devices,
            engines: Some(EngineCounters {
                transfers: engines.transfers,
                read_bytes: engines.read_bytes,
                written_bytes: engines.written_bytes,
                kernel_requests: engines.kernel_requests,
                short_transfers: engines.short_transfers,
            }),
            ..of_caches(&report)
        })
    }

    fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T> {
        let (reply, answer) = sync_channel(1);
        let sent = self.commands.try_send(command(reply));
        sent.map_err(|error| match error {
            TrySendError::Full(_) => refuse(
                ErrorCode::Busy,
                "too many calls wait for the I/O service of this context; ask again later",
            ),
            TrySendError::Disconnected(_) => gone(),
        })?;
        self.wake.ring();
        answer.recv_timeout(PATIENCE).map_err(|error| match error {
            RecvTimeoutError::Timeout => refuse(
                ErrorCode::Timeout,
                "the I/O service of this context does not answer; ask again later",
            ),
            RecvTimeoutError::Disconnected => gone(),
        })?
    }
}

fn gone() -> Error {
    let message = "the I/O service of this context has stopped; make a new context";
    refuse(ErrorCode::General, message)
}

fn refuse(code: ErrorCode, message: &str) -> Error {
    Error::new(code, "collect figures", message)
}

fn of_caches(report: &StatsReport) -> Snapshot {
    let StatsReport {
        l1, l2, service, ..
    } = report;
    Snapshot {
        l1: L1Counters {
            hits: l1.hits,
            misses: l1.misses,
            joined: l1.joined,
            evictions: l1.evictions,
            write_backs: l1.write_backs,
            prefetches: l1.prefetches,
            filled_bytes: l1.filled_bytes,
        },
        l2: L2Counters {
            hits: report.l2_hits(),
            misses: l2.misses,
            evictions: l2.evictions,
        },
        service: ServiceCounters {
            faults: service.faults,
            read_ahead_pages: service.read_ahead_pages,
            filled_pages: service.filled_pages,
        },
        ..Snapshot::default()
    }
}
