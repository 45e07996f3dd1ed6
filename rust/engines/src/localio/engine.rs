//! The engine: takes transfers, cuts them into requests, judges what came of each.

use std::mem::ManuallyDrop;
use std::time::{Duration, Instant};

use gpuio_core::uri::{EngineUri, LocalBackend, LocalioUri, ResourceUri};
use gpuio_core::{Error, ErrorCode, Result};

use super::backend::{Backend, FileHandle, Outcome, Request, RequestKind};
use super::failure::{self, FRUITLESS_MAX};
use super::file;
use super::operation::{Operation, OperationTable, WaitList};
use super::resource::{Gate, Lane, Resource, ResourceTable};
use super::threads::ThreadsBackend;
use super::uring::UringBackend;
use crate::check::check_transfer;
use crate::engine::{
    Completion, Engine, EngineStats, OpenOptions, ResourceId, ResourceInfo, Transfer, TransferKind,
};

/// Most transfers that one engine holds.
pub const QUEUE_DEPTH_MAX: u32 = 4096;

/// How long dropping an engine waits for the kernel to let go of the transfers' memory.
const DRAIN_MAX: Duration = Duration::from_secs(30);

/// After so many requests they are handed to the kernel unasked, while the caller queues more. A
/// drive that completes in bursts would otherwise run dry while the next burst is being prepared:
/// with bursts of about 20, this gained a sixth of the IOPS for no measurable CPU time.
const SUBMIT_BATCH: u32 = 4;

/// How a [`LocalIoEngine`] is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalIoOptions {
    /// Transfers it holds at a time, 1 to [`QUEUE_DEPTH_MAX`].
    pub queue_depth: u32,
    /// What carries the requests. `Auto`: io_uring, or threads where it is refused.
    pub backend: LocalBackend,
    /// Address and length in bytes of the memory that most transfers use. io_uring registers it,
    /// so that it is not pinned anew for every request. It stays mapped as long as the engine lives.
    pub registered_arena: Option<(usize, usize)>,
}

impl Default for LocalIoOptions {
    fn default() -> Self {
        Self {
            queue_depth: 256,
            backend: LocalBackend::Auto,
            registered_arena: None,
        }
    }
}

/// An engine over regular files and block devices. See the [module](super).
///
/// Dropping it cancels transfers that wait, and waits up to 30 s for those in the kernel. Should
/// the storage hang for longer, the engine's own memory and descriptors are leaked, and the memory
/// of the transfers must be, too: call [`LocalIoEngine::drain`] first to know.
pub struct LocalIoEngine {
    parts: ManuallyDrop<Parts>,
    /// What it runs on, and why not on something faster.
    description: String,
    kind: LocalBackend,
    stats: EngineStats,
    /// Transfers it holds at a time.
    capacity: usize,
    /// Finished transfers that `poll` has not returned.
    finished: Vec<Completion>,
    /// No new requests: they end as canceled.
    draining: bool,
    /// Requests pushed and not submitted.
    pushed: u32,
    outcomes: Vec<Outcome>,
}

/// What the kernel may still refer to.
struct Parts {
    backend: Box<dyn Backend>,
    operations: OperationTable,
    resources: ResourceTable,
}

/// What an outcome means for its transfer.
enum Verdict {
    Finished,
    GoOn,
    Failed(Error),
}

impl LocalIoEngine {
    /// Makes an engine. `Unsupported` when io_uring is asked for by name and refused;
    /// `InvalidArgument` for a queue depth out of range.
    pub fn new(options: LocalIoOptions) -> Result<Self> {
        let depth = options.queue_depth;
        if !(1..=QUEUE_DEPTH_MAX).contains(&depth) {
            let message = format!("the queue depth is {depth}; it must be 1 to {QUEUE_DEPTH_MAX}");
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                "start localio",
                message,
            ));
        }
        if options.backend == LocalBackend::Threads {
            return Ok(Self::with_backend(
                Box::new(ThreadsBackend::new(depth)?),
                depth,
            ));
        }
        match UringBackend::new(depth, options.registered_arena) {
            Ok(uring) => {
                let mut engine = Self::with_backend(Box::new(uring), depth);
                engine.kind = LocalBackend::IoUring;
                Ok(engine)
            }
            Err(refusal) if options.backend == LocalBackend::Auto => {
                let threads = ThreadsBackend::new(depth)?;
                let mut engine = Self::with_backend(Box::new(threads), depth);
                engine.description += &format!(" (no io_uring: {})", refusal.reason);
                Ok(engine)
            }
            Err(refusal) => {
                let message = format!("{}; use backend=threads", refusal.reason);
                let mut error = Error::new(ErrorCode::Unsupported, "start io_uring", message);
                error.os_error = refusal.os_error;
                Err(error)
            }
        }
    }

    /// An engine on a backend of the caller's: the seam for fault injection. `queue_depth` is the
    /// most requests that the backend ever has to hold.
    pub fn with_backend(backend: Box<dyn Backend>, queue_depth: u32) -> Self {
        let description = backend.describe();
        let operations = OperationTable::new(queue_depth);
        let resources = ResourceTable::default();
        Self {
            parts: ManuallyDrop::new(Parts {
                backend,
                operations,
                resources,
            }),
            description,
            kind: LocalBackend::Threads,
            stats: EngineStats::default(),
            capacity: queue_depth as usize,
            finished: Vec::with_capacity(queue_depth as usize),
            draining: false,
            pushed: 0,
            outcomes: Vec::with_capacity(queue_depth as usize),
        }
    }

    /// What carries the requests: [`LocalBackend::IoUring`] or [`LocalBackend::Threads`].
    pub fn backend(&self) -> LocalBackend {
        self.kind
    }

    /// Ends everything in flight: what has not reached the kernel is canceled, for the rest it
    /// waits up to `timeout_us`. `true`: the kernel no longer touches any transfer's memory.
    /// The engine takes no transfers afterwards; `poll` still returns the completions.
    pub fn drain(&mut self, timeout_us: u64) -> bool {
        self.draining = true;
        let deadline = Instant::now().checked_add(Duration::from_micros(timeout_us));
        loop {
            self.reap();
            if self.parts.operations.used() == 0 {
                return true;
            }
            let now = Instant::now();
            if deadline.is_some_and(|deadline| now >= deadline) {
                return false;
            }
            self.parts.backend.wait(10_000);
        }
    }

    fn open_file(&mut self, uri: &LocalioUri, options: OpenOptions, text: &str) -> Result<u32> {
        if uri.backend != LocalBackend::Auto && uri.backend != self.kind {
            let runs_on = &self.description;
            let message = format!("the URI asks for another backend; this engine has {runs_on}");
            return Err(Error::new(ErrorCode::Unsupported, "open", message));
        }
        let index = self.parts.resources.vacancy()?;
        let file = file::open(uri, options)?;
        let buffered = self.handle(2 * index, &file.buffered);
        let direct = match &file.direct {
            Some(direct) => self.handle(2 * index + 1, direct),
            None => buffered,
        };
        self.parts.resources.fill(
            index,
            Resource {
                file,
                text: text.into(),
                buffered,
                direct,
                gate: Gate::new(uri.depth),
                waiting: WaitList::EMPTY,
                active: 0,
                closing: false,
            },
        );
        Ok(index)
    }

    fn handle(&mut self, place: u32, file: &std::fs::File) -> FileHandle {
        let fd = std::os::fd::AsRawFd::as_raw_fd(file);
        let registered = self.parts.backend.register_file(place, fd).then_some(place);
        FileHandle { fd, registered }
    }

    /// What must hold before the transfer is carried out. `Ok(None)`: there is nothing to do.
    fn check(&mut self, transfer: &Transfer) -> Result<Option<u64>> {
        let total = check_transfer(transfer)?;
        let resource = self.parts.resources.get(transfer.resource.0);
        let Some(resource) = resource.filter(|resource| !resource.closing) else {
            let message = format!("resource {} is not open", transfer.resource.0);
            return Err(Error::new(ErrorCode::InvalidArgument, "queue", message));
        };
        let writes = transfer.kind == TransferKind::Write;
        let checked = if writes && !resource.file.writable {
            let message = "it was opened for reading only";
            Err(Error::new(ErrorCode::Permission, "write", message))
        } else if writes && total > 0 && !resource.file.extendable {
            resource.file.length_bytes().and_then(|length| {
                let fits = transfer.offset + total <= length;
                if fits {
                    Ok(())
                } else {
                    Err(failure::write_past_end(length))
                }
            })
        } else {
            Ok(())
        };
        checked.map_err(|error| error.with_resource(resource.text.clone()))?;
        let nothing_to_do = total == 0 && transfer.kind != TransferKind::Sync;
        Ok((!nothing_to_do).then_some(total))
    }

    /// Plans the operation's next request and pushes it, or lets it wait for its file.
    fn start(&mut self, slot: u32, respect_others: bool) {
        let parts = &mut *self.parts;
        let operation = parts.operations.get(slot);
        let Some(resource) = parts.resources.get(operation.resource) else {
            return;
        };
        operation.plan(resource.file.geometry);
        let direct = operation.piece.direct;
        let lane = Lane::of(operation.kind, direct);
        let in_line = respect_others && resource.waiting.first().is_some();
        if in_line || !resource.gate.admits(lane) {
            resource.waiting.push(slot, &mut parts.operations);
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
        parts.backend.push(Request {
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
            let parts = &mut *self.parts;
            let Some(resource) = parts.resources.get(index) else {
                return;
            };
            let Some(slot) = resource.waiting.first() else {
                return;
            };
            if self.draining {
                resource.waiting.pop(&mut parts.operations);
                let canceled = failure::canceled(parts.operations.get(slot).kind);
                self.finish(slot, Err(canceled));
                continue;
            }
            let operation = parts.operations.get(slot);
            if !resource
                .gate
                .admits(Lane::of(operation.kind, operation.piece.direct))
            {
                return;
            }
            resource.waiting.pop(&mut parts.operations);
            self.start(slot, false);
        }
    }

    fn reap(&mut self) {
        let pushed_before = self.pushed;
        let mut outcomes = std::mem::take(&mut self.outcomes);
        self.parts.backend.reap(&mut outcomes);
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
        let parts = &mut *self.parts;
        let operation = parts.operations.get(outcome.slot);
        let index = operation.resource;
        let Some(resource) = parts.resources.get(index) else {
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
        let parts = &mut *self.parts;
        let operation = parts.operations.get(slot);
        let (index, token) = (operation.resource, operation.token);
        let (done, position) = (operation.done_bytes, operation.position());
        self.stats.transfers += u64::from(result.is_ok());
        parts.operations.remove(slot);
        let Some(resource) = parts.resources.get(index) else {
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
    fn release(&mut self, index: u32) {
        if let Some(resource) = self.parts.resources.remove(index) {
            for handle in [resource.buffered, resource.direct] {
                if let Some(place) = handle.registered {
                    self.parts.backend.unregister_file(place);
                }
            }
        }
    }
}

impl Engine for LocalIoEngine {
    fn open(
        &mut self,
        uri: &ResourceUri,
        options: OpenOptions,
    ) -> Result<(ResourceId, ResourceInfo)> {
        let EngineUri::Localio(local) = &uri.engine else {
            let message = "localio opens localio: URIs only";
            return Err(Error::new(ErrorCode::InvalidArgument, "open", message));
        };
        let named = |error: Error| error.with_resource(uri.text.clone());
        let index = self.open_file(local, options, &uri.text).map_err(named)?;
        let Some(resource) = self.parts.resources.get(index) else {
            return Err(Error::new(
                ErrorCode::General,
                "open",
                "the resource table lost an entry",
            ));
        };
        let file = &resource.file;
        let info = ResourceInfo {
            length_bytes: file.length_bytes().map_err(named)?,
            path: format!("{}, {}", self.description, file.path_note),
            alignment_bytes: if file.direct.is_some() {
                file.geometry.granule as u32
            } else {
                1
            },
            mapped: None,
        };
        Ok((ResourceId(index), info))
    }

    fn close(&mut self, resource: ResourceId) {
        if let Some(found) = self.parts.resources.get(resource.0) {
            found.closing = true;
            if found.active == 0 {
                self.release(resource.0);
            }
        }
    }

    fn queue(&mut self, transfer: Transfer) -> std::result::Result<(), Transfer> {
        // What is finished and not polled counts: so the list of completions is bounded, too.
        if self.draining || self.in_flight() >= self.capacity {
            return Err(transfer);
        }
        let token = transfer.token;
        match self.check(&transfer) {
            Ok(Some(total)) => {
                let index = transfer.resource.0;
                let slot = self.parts.operations.insert(transfer, total);
                if let Some(resource) = self.parts.resources.get(index) {
                    resource.active += 1;
                }
                self.start(slot, true);
                if self.pushed >= SUBMIT_BATCH {
                    self.submit();
                }
            }
            Ok(None) => {
                self.stats.transfers += 1;
                self.finished.push(Completion {
                    token,
                    result: Ok(()),
                });
            }
            Err(error) => self.finished.push(Completion {
                token,
                result: Err(error),
            }),
        }
        Ok(())
    }

    fn submit(&mut self) {
        self.pushed = 0;
        self.parts.backend.submit();
    }

    fn poll(&mut self, completions: &mut Vec<Completion>) -> usize {
        self.reap();
        let count = self.finished.len();
        completions.append(&mut self.finished);
        count
    }

    fn wait(&mut self, timeout_us: u64) {
        if self.finished.is_empty() && self.parts.operations.used() > 0 {
            self.pushed = 0;
            self.parts.backend.wait(timeout_us);
        }
    }

    fn in_flight(&self) -> usize {
        self.parts.operations.used() + self.finished.len()
    }

    fn stats(&self) -> EngineStats {
        self.stats
    }
}

impl Drop for LocalIoEngine {
    fn drop(&mut self) {
        if self.drain(DRAIN_MAX.as_micros() as u64) {
            // SAFETY: dropped once, here, and not used afterwards.
            unsafe { ManuallyDrop::drop(&mut self.parts) };
        }
        // Else the kernel may still write to what `parts` owns: leaking it is the safe end.
    }
}

/// What the outcome of the request in flight means for its transfer.
fn judge(
    operation: &mut Operation,
    resource: &Resource,
    result: i32,
    stats: &mut EngineStats,
) -> Verdict {
    match (operation.kind, result) {
        (_, ..0) => judge_error(operation, resource, -result),
        (RequestKind::Sync, _) => Verdict::Finished,
        (RequestKind::Write, 0) => Verdict::Failed(failure::nothing_written()),
        (RequestKind::Read, 0) => judge_end(operation, resource),
        (kind, moved) => {
            let wanted = operation.piece.wanted_bytes;
            let moved = (moved as u64).min(wanted);
            operation.fruitless = 0;
            operation.advance(moved);
            stats.short_transfers += u64::from(moved < wanted);
            match kind {
                RequestKind::Write => stats.written_bytes += moved,
                _ => stats.read_bytes += moved,
            }
            if operation.is_complete() {
                Verdict::Finished
            } else {
                Verdict::GoOn
            }
        }
    }
}

fn judge_error(operation: &mut Operation, resource: &Resource, errno: i32) -> Verdict {
    match errno {
        libc::EINTR | libc::EAGAIN if operation.fruitless < FRUITLESS_MAX => {
            operation.fruitless += 1;
            Verdict::GoOn
        }
        // The file system knows a restriction on direct I/O that it did not tell.
        libc::EINVAL if operation.piece.direct && !resource.file.direct_required => {
            operation.buffered_only = true;
            Verdict::GoOn
        }
        errno => Verdict::Failed(failure::os_error(operation.kind, errno)),
    }
}

/// A read got nothing: the file ends before it. Or it did then, and has grown since.
fn judge_end(operation: &mut Operation, resource: &Resource) -> Verdict {
    match resource.file.length_bytes() {
        Ok(length) if length > operation.position() && operation.fruitless < FRUITLESS_MAX => {
            operation.fruitless += 1;
            Verdict::GoOn
        }
        Ok(length) => Verdict::Failed(failure::end_of_file(length)),
        Err(error) => Verdict::Failed(error),
    }
}
