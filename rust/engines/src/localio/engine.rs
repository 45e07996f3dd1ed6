//! The engine: how it is made, its files opened, and transfers checked before they are let in.

use std::mem::ManuallyDrop;
use std::os::fd::RawFd;
use std::time::{Duration, Instant};

use gpuio_core::uri::{EngineUri, LocalBackend, LocalioUri, ResourceUri};
use gpuio_core::{Error, ErrorCode, Result};

use super::backend::{Backend, FileHandle};
use super::failure;
use super::file;
use super::flow::Flow;
use super::operation::WaitList;
use super::resource::{Gate, Resource};
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

/// How a [`LocalIoEngine`] is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalIoOptions {
    /// Transfers it holds at a time, 1 to [`QUEUE_DEPTH_MAX`].
    pub queue_depth: u32,
    /// What carries the requests. `Auto`: io_uring, or threads where it is refused.
    pub backend: LocalBackend,
    /// Address and length in bytes of the memory that most transfers use. io_uring registers it,
    /// so that it is not pinned anew for every request. It stays mapped while the engine lives.
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
    flow: ManuallyDrop<Flow>,
    /// What it runs on, and why not on something faster.
    description: String,
    kind: LocalBackend,
    /// Transfers it holds at a time.
    capacity: usize,
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
        Self {
            flow: ManuallyDrop::new(Flow::new(backend, queue_depth)),
            description,
            kind: LocalBackend::Threads,
            capacity: queue_depth as usize,
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
        self.flow.draining = true;
        let deadline = Instant::now().checked_add(Duration::from_micros(timeout_us));
        loop {
            self.flow.reap();
            if self.flow.unfinished() == 0 {
                return true;
            }
            let now = Instant::now();
            if deadline.is_some_and(|deadline| now >= deadline) {
                return false;
            }
            self.flow.wait(10_000);
        }
    }

    fn open_file(&mut self, uri: &LocalioUri, options: OpenOptions, text: &str) -> Result<u32> {
        if uri.backend != LocalBackend::Auto && uri.backend != self.kind {
            let runs_on = &self.description;
            let message = format!("the URI asks for another backend; this engine has {runs_on}");
            return Err(Error::new(ErrorCode::Unsupported, "open", message));
        }
        let index = self.flow.resources.vacancy()?;
        let file = file::open(uri, options)?;
        let buffered = self.handle(2 * index, &file.buffered);
        let direct = match &file.direct {
            Some(direct) => self.handle(2 * index + 1, direct),
            None => buffered,
        };
        self.flow.resources.fill(
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
        let registered = self.flow.backend.register_file(place, fd).then_some(place);
        FileHandle { fd, registered }
    }

    /// What must hold before the transfer is carried out. `Ok(None)`: there is nothing to do.
    fn check(&mut self, transfer: &Transfer) -> Result<Option<u64>> {
        let total = check_transfer(transfer)?;
        let resource = self.flow.resources.get(transfer.resource.0);
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
        let Some(resource) = self.flow.resources.get(index) else {
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
            storage: Some(file.storage),
        };
        Ok((ResourceId(index), info))
    }

    fn close(&mut self, resource: ResourceId) {
        if let Some(found) = self.flow.resources.get(resource.0) {
            found.closing = true;
            if found.active == 0 {
                self.flow.release(resource.0);
            }
        }
    }

    fn queue(&mut self, transfer: Transfer) -> std::result::Result<(), Transfer> {
        // What is finished and not polled counts: so the list of completions is bounded, too.
        if self.flow.draining || self.in_flight() >= self.capacity {
            return Err(transfer);
        }
        let token = transfer.token;
        match self.check(&transfer) {
            Ok(Some(total)) => self.flow.accept(transfer, total),
            Ok(None) => {
                self.flow.stats.transfers += 1;
                self.flow.finished.push(Completion {
                    token,
                    result: Ok(()),
                });
            }
            Err(error) => self.flow.finished.push(Completion {
                token,
                result: Err(error),
            }),
        }
        Ok(())
    }

    fn submit(&mut self) {
        self.flow.submit();
    }

    fn poll(&mut self, completions: &mut Vec<Completion>) -> usize {
        self.flow.reap();
        let count = self.flow.finished.len();
        completions.append(&mut self.flow.finished);
        count
    }

    fn wait(&mut self, timeout_us: u64) {
        if self.flow.finished.is_empty() && self.flow.unfinished() > 0 {
            self.flow.wait(timeout_us);
        }
    }

    fn readable_fds(&self) -> Vec<RawFd> {
        self.flow.backend.readable_fd().into_iter().collect()
    }

    fn in_flight(&self) -> usize {
        self.flow.unfinished() + self.flow.finished.len()
    }

    fn stats(&self) -> EngineStats {
        self.flow.stats
    }
}

impl Drop for LocalIoEngine {
    fn drop(&mut self) {
        if self.drain(DRAIN_MAX.as_micros() as u64) {
            // SAFETY: dropped once, here, and not used afterwards.
            unsafe { ManuallyDrop::drop(&mut self.flow) };
        }
        // Else the kernel may still write to what `flow` owns: leaking it is the safe end.
    }
}
