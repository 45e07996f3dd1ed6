//! The seam between the engine's bookkeeping and the kernel.
//!
//! The engine above decides what is to be read or written, piece by piece, and judges what came of
//! it; a [`Backend`] only carries single requests to the kernel and results back. Tests put a
//! backend of their own in between that cuts requests short or answers with an `errno`.

use std::os::fd::RawFd;

/// What one kernel request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// `pread` or `preadv`.
    Read,
    /// `pwrite` or `pwritev`.
    Write,
    /// `fdatasync`.
    Sync,
}

/// An open file as the backend knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileHandle {
    /// The descriptor.
    pub fd: RawFd,
    /// Its place in the backend's table of registered files, if it is in there.
    pub registered: Option<u32>,
}

/// A list of `iovec`s that its owner keeps in place until the request's outcome is there.
#[derive(Clone, Copy, Debug)]
pub struct IoVectors {
    /// The first of them.
    pub first: *const libc::iovec,
    /// How many: at most [`super::plan::MAX_VECTORS`].
    pub count: u32,
}

// SAFETY: the list is only read, and the engine neither moves nor changes it while a request that
// names it is in flight (one request at a time per operation).
unsafe impl Send for IoVectors {}

/// The memory of one request.
#[derive(Clone, Copy, Debug)]
pub enum RequestMemory {
    /// One contiguous range: address and length in bytes (at most 1 GiB).
    One(usize, u32),
    /// Several.
    Many(IoVectors),
}

impl RequestMemory {
    /// No memory: for [`RequestKind::Sync`].
    pub const NONE: Self = Self::One(0, 0);
}

/// One request to the kernel.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// Comes back in the [`Outcome`]; unique among those in flight.
    pub slot: u32,
    /// What to do.
    pub kind: RequestKind,
    /// On which file.
    pub file: FileHandle,
    /// From which byte on.
    pub offset: u64,
    /// From or to which memory.
    pub memory: RequestMemory,
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The request's slot.
    pub slot: u32,
    /// Bytes moved, or a negated `errno`.
    pub result: i32,
}

/// Carries requests to the kernel and outcomes back. The engine has at most as many in flight as
/// the backend was made for, and every one of them gets exactly one outcome.
pub trait Backend: Send {
    /// For people: `"io_uring"`, `"threads"`, and what it lacks.
    fn describe(&self) -> String;

    /// Takes a request. It may start at once or with the next `submit`.
    fn push(&mut self, request: Request);

    /// Hands what was pushed to the kernel, without waiting.
    fn submit(&mut self);

    /// Appends the outcomes that are there.
    fn reap(&mut self, outcomes: &mut Vec<Outcome>);

    /// Submits, then waits until there is an outcome or `timeout_us` is over. May return early.
    fn wait(&mut self, timeout_us: u64);

    /// A descriptor that is readable when `reap` has something; waiting on it together with others
    /// takes the place of `wait`, after `submit`. It may be readable without reason.
    fn readable_fd(&self) -> Option<RawFd>;

    /// Puts a descriptor into place `index` of the table of registered files. `false`: no such
    /// table, or no place in it; requests then name the descriptor itself.
    fn register_file(&mut self, index: u32, fd: RawFd) -> bool;

    /// Empties a place that `register_file` filled.
    fn unregister_file(&mut self, index: u32);
}
