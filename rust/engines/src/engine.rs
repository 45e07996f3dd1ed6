//! What every I/O engine offers: resources that are opened by URI, and transfers that are queued,
//! submitted in batches and completed out of order.
//!
//! An [`Engine`] belongs to one thread at a time (a context's service) and
//! may be moved to another. It does no waiting of its own except in [`Engine::wait`], and never
//! blocks in [`Engine::queue`].
//!
//! **Ownership.** From `queue` until its [`Completion`] comes out of `poll`, the memory that a
//! transfer names belongs to the engine: the kernel may still touch it. The caller keeps it mapped
//! and does not reuse it, not even after an error of another transfer.

use std::os::fd::RawFd;

use gpuio_core::uri::ResourceUri;
use gpuio_core::Result;

/// An opened resource of one engine. Small and dense, so that it can index a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ResourceId(pub u32);

/// How a resource is to be opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenOptions {
    /// The caller will write. A resource that cannot be written is then an error.
    pub writable: bool,
    /// The bytes the caller needs, counted from the start of the resource: the `offset` parameter
    /// plus the array. A shorter file is an error, unless `create=1` (it is grown) or `grow=1`.
    pub needed_bytes: u64,
}

/// What an opened resource turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceInfo {
    /// Its length when it was opened.
    pub length_bytes: u64,
    /// One line for people: which path is active, and why no faster one
    /// (`"io_uring, O_DIRECT, registered buffers"`).
    pub path: String,
    /// Transfers whose offset, length and address are multiples of this go the fastest way.
    pub alignment_bytes: u32,
    /// The memory that *is* the resource, where it can simply be addressed (memio); else `None`.
    pub mapped: Option<MappedMemory>,
    /// The system's number of the block device that the bytes lie on: what shares its time. `None`
    /// for memory.
    pub storage: Option<u64>,
}

/// Host memory that can be read and written in place. Valid until the resource is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappedMemory {
    /// Address in this process.
    pub address: usize,
    /// Length in bytes.
    pub length_bytes: usize,
}

/// A piece of host memory that a transfer reads or fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemorySpan {
    /// Address in this process.
    pub address: usize,
    /// Length in bytes that belong to the transfer.
    pub length_bytes: usize,
    /// Bytes that may be written from `address` on (at least `length_bytes`). A direct read may
    /// round its length up to the device's alignment within this.
    pub capacity_bytes: usize,
}

/// What a transfer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferKind {
    /// Resource to memory. Every byte asked for is read, or the transfer fails: a read past the
    /// end of the resource is an error that names the offset where it ends, never zeros.
    Read,
    /// Memory to resource. Never extends the resource past its length unless it was opened with
    /// `create=1`.
    Write,
    /// Everything whose write completed before this was queued becomes durable (`fdatasync`).
    /// After a sync that failed, what was written since the last good one may be lost: the kernel
    /// reports such a loss once and a later sync succeeds. Write it again before the next sync.
    Sync,
}

/// One transfer between a contiguous range of a resource and one or more pieces of memory.
#[derive(Clone, Debug)]
pub struct Transfer {
    /// Comes back in the [`Completion`]. Chosen by the caller, unique among those in flight.
    pub token: u64,
    /// What to do.
    pub kind: TransferKind,
    /// On which resource.
    pub resource: ResourceId,
    /// Byte offset in the resource (its `offset=` parameter is the caller's to add).
    pub offset: u64,
    /// The memory, in order. Only the last may have a capacity beyond its length. Empty for `Sync`.
    pub memory: Vec<MemorySpan>,
}

/// How a transfer ended. Exactly one for every transfer that `queue` accepted.
#[derive(Clone, Debug)]
pub struct Completion {
    /// The transfer's token.
    pub token: u64,
    /// `Ok` when every byte was moved; else what failed, with `bytes_done` and `offset`.
    pub result: Result<()>,
}

/// Counters of an engine since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineStats {
    /// Transfers completed without error.
    pub transfers: u64,
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written.
    pub written_bytes: u64,
    /// Requests handed to the kernel (a transfer can need several: head, body, tail, resumption).
    pub kernel_requests: u64,
    /// Kernel requests that moved fewer bytes than asked and were resumed.
    pub short_transfers: u64,
}

/// An I/O engine. See the [module](self) for its contract with threads and memory.
pub trait Engine: Send {
    /// Opens a resource. Blocks as `open(2)` does.
    fn open(
        &mut self,
        uri: &ResourceUri,
        options: OpenOptions,
    ) -> Result<(ResourceId, ResourceInfo)>;

    /// Closes a resource. The caller has seen the completions of all its transfers.
    fn close(&mut self, resource: ResourceId);

    /// Takes a transfer. When the engine is full it is handed back: poll, then queue again.
    /// (An invalid transfer is accepted and completes with an error.)
    fn queue(&mut self, transfer: Transfer) -> std::result::Result<(), Transfer>;

    /// Hands what is queued to the kernel. Does not wait for it.
    fn submit(&mut self);

    /// Appends finished transfers to `completions`, does not wait, and returns how many.
    fn poll(&mut self, completions: &mut Vec<Completion>) -> usize;

    /// Hands what is queued to the kernel (no `submit` is needed before, and leaving it out saves a
    /// system call), then waits until a transfer has finished or `timeout_us` is over, whichever is
    /// first. Returns at once when nothing is in flight. May return early. `poll` follows.
    fn wait(&mut self, timeout_us: u64);

    /// Descriptors that become readable when `poll` may have something, for callers that wait for
    /// other things as well (after `submit`). They may be readable without reason.
    fn readable_fds(&self) -> Vec<RawFd>;

    /// Transfers accepted and not yet returned by `poll`.
    fn in_flight(&self) -> usize;

    /// Counters so far.
    fn stats(&self) -> EngineStats;
}
