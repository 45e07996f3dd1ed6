//! The flow of requests: a transfer's next piece goes to the kernel when the gate of its file
//! allows, and what came of it decides on the one after.

use gpuio_core::{Error, Result};

use super::backend::{Backend, Outcome, Request};
use super::failure;
use super::judge::{judge, Verdict};
use super::operation::OperationTable;
use super::resource::{Lane, ResourceTable};
use crate::engine::{Completion, EngineStats, Transfer};

/// After so many requests they are handed to the kernel unasked, while the caller queues more. A
/// drive that completes in bursts would otherwise run dry while the next burst is being prepared:
/// with bursts of about 20, this gained a sixth of the IOPS for no measurable CPU time.
const SUBMIT_BATCH: u32 = 4;

/// The transfers of an engine, and all that the kernel may refer to while they are in flight.
pub(super) struct Flow {
    pub(super) backend: Box<dyn Backend>,
    operations: OperationTable,
    pub(super) resources: ResourceTable,
    pub(super) stats: EngineStats,
    /// Finished transfers that were not polled.
    pub(super) finished: Vec<Completion>,
    /// No more requests: transfers that need one end as canceled.
    pub(super) draining: bool,
    /// Requests pushed and not submitted.
    pushed: u32,
    outcomes: Vec<Outcome>,
}

impl Flow {
    pub(super) fn new(backend: Box<dyn Backend>, capacity: u32) -> Self {
        Self {
            backend,
            operations: OperationTable::new(capacity),
            resources: ResourceTable::default(),
            stats: EngineStats::default(),
            finished: Vec::with_capacity(capacity as usize),
            draining: false,
            pushed: 0,
            outcomes: Vec::with_capacity(capacity as usize),
        }
    }

    /// Transfers that are not finished.
    pub(super) fn unfinished(&self) -> usize {
        self.operations.used()
    }

    /// Takes a transfer of an open resource that moves `total_bytes`. There is room for it.
    pub(super) fn accept(&mut self, transfer: Transfer, total_bytes: u64) {
        let index = transfer.resource.0;
        let slot = self.operations.insert(transfer, total_bytes);
        if let Some(resource) = self.resources.get(index) {
            resource.active += 1;
        }
        self.start(slot, true);
        if self.pushed >= SUBMIT_BATCH {
            self.submit();
        }
    }

    pub(super) fn submit(&mut self) {
        self.pushed = 0;
        self.backend.submit();
    }

    pub(super) fn wait(&mut self, timeout_us: u64) {
        self.pushed = 0;
        self.backend.wait(timeout_us);
    }

    /// Plans the operation's next request and pushes it, or lets it wait for its file: when the
    /// gate is closed, or (`respect_others`) when others wait already.
    fn start(&mut self, slot: u32, respect_others: bool) {
        let operation = self.operations.get(slot);
        let Some(resource) = self.resources.get(operation.resource) else {
            return;
        };
        operation.plan(resource.file.geometry);
        let direct = operation.piece.direct;
        let lane = Lane::of(operation.kind, direct);
        let in_line = respect_others && resource.waiting.first().is_some();
        if in_line || !resource.gate.admits(lane) {
            resource.waiting.push(slot, &mut self.operations);
            return;
        }
        resource.gate.enter(lane);
        let file = if direct {
            resource.direct
        } else {
            resource.buffered
        };
        let (kind, offset) = (operation.kind, operation.position());
        let memory = operation.request_memory();
        self.stats.kernel_requests += 1;
        self.pushed += 1;
        self.backend.push(Request {
            slot,
            kind,
            file,
            offset,
            memory,
        });
    }

    /// Lets those that wait for this file go, in order, as far as they may.
    fn start_waiting(&mut self, index: u32) {
        loop {
            let Some(resource) = self.resources.get(index) else {
                return;
            };
            let Some(slot) = resource.waiting.first() else {
                return;
            };
            if self.draining {
                resource.waiting.pop(&mut self.operations);
                let canceled = failure::canceled(self.operations.get(slot).kind);
                self.finish(slot, Err(canceled));
                continue;
            }
            let operation = self.operations.get(slot);
            if !resource
                .gate
                .admits(Lane::of(operation.kind, operation.piece.direct))
            {
                return;
            }
            resource.waiting.pop(&mut self.operations);
            self.start(slot, false);
        }
    }

    /// Takes in the outcomes that are there, and lets what follows from them go.
    pub(super) fn reap(&mut self) {
        let pushed_before = self.pushed;
        let mut outcomes = std::mem::take(&mut self.outcomes);
        self.backend.reap(&mut outcomes);
        for outcome in outcomes.drain(..) {
            self.settle(outcome);
        }
        self.outcomes = outcomes;
        if self.pushed > pushed_before {
            self.submit();
        }
    }

    /// Takes in what came of a request and goes on with its transfer.
    fn settle(&mut self, outcome: Outcome) {
        let operation = self.operations.get(outcome.slot);
        let index = operation.resource;
        let Some(resource) = self.resources.get(index) else {
            return;
        };
        resource
            .gate
            .leave(Lane::of(operation.kind, operation.piece.direct));
        let verdict = judge(operation, resource, outcome.result, &mut self.stats);
        match verdict {
            Verdict::Finished => self.finish(outcome.slot, Ok(())),
            Verdict::Failed(error) => self.finish(outcome.slot, Err(error)),
            Verdict::GoOn if self.draining => {
                let canceled = failure::canceled(operation.kind);
                self.finish(outcome.slot, Err(canceled));
            }
            Verdict::GoOn => self.start(outcome.slot, false),
        }
        self.start_waiting(index);
    }

    /// Ends a transfer and gives its slot back.
    fn finish(&mut self, slot: u32, result: Result<()>) {
        let operation = self.operations.get(slot);
        let (index, token) = (operation.resource, operation.token);
        let (done, position) = (operation.done_bytes, operation.position());
        self.stats.transfers += u64::from(result.is_ok());
        self.operations.remove(slot);
        let Some(resource) = self.resources.get(index) else {
            return;
        };
        let result = result.map_err(|error| Error {
            bytes_done: done,
            offset: error.offset.or(Some(position)),
            resource: resource.text.clone(),
            ..error
        });
        self.finished.push(Completion { token, result });
        resource.active -= 1;
        if resource.closing && resource.active == 0 {
            self.release(index);
        }
    }

    /// Closes the descriptors.
    pub(super) fn release(&mut self, index: u32) {
        if let Some(resource) = self.resources.remove(index) {
            for handle in [resource.buffered, resource.direct] {
                if let Some(place) = handle.registered {
                    self.backend.unregister_file(place);
                }
            }
        }
    }
}
