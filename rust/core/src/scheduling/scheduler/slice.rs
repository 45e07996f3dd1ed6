//! What goes out to the engines, and what comes back.

use crate::scheduling::batch::PartResult;
use crate::scheduling::slab::Handle;
use crate::scheduling::{DeviceId, EngineKind, RegionId, RequestId, RequestKind, RequestStatus};
use crate::Error;

/// Names one slice in flight, and never another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SliceId(pub(super) Handle);

impl SliceId {
    /// A token for an engine.
    pub const fn number(self) -> u64 {
        self.0.number()
    }
}

/// What an engine is to do: a request or a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Comes back in [`Scheduler::complete`](super::Scheduler::complete).
    pub id: SliceId,
    /// Of which request.
    pub request: RequestId,
    /// What the caller gave with the request.
    pub user_data: u64,
    /// What to do; of a batch, READ, WRITE or COPY.
    pub kind: RequestKind,
    /// Who does it.
    pub engine: EngineKind,
    /// In which device queue.
    pub device: DeviceId,
    /// Where the bytes come from.
    pub src: RegionId,
    /// First byte in `src`.
    pub src_offset: u64,
    /// Where the bytes go to.
    pub dst: RegionId,
    /// First byte in `dst`. Of a batch, [`Scheduler::batch_plan`](super::Scheduler::batch_plan)
    /// says which memory the bytes are for, or which part a COPY is; on that side, offsets are
    /// counted from the operation's first byte.
    pub dst_offset: u64,
    /// How many.
    pub length_bytes: u64,
    /// Of a batch: the operation this is (a part of).
    pub operation: u32,
    /// How often this range was handed out, this time included.
    pub attempt: u32,
}

impl Slice {
    /// Its first byte, counted from the first on the side of memory: of a batch, of its operation.
    pub const fn memory_offset(&self) -> u64 {
        match self.kind {
            RequestKind::Write => self.src_offset,
            _ => self.dst_offset,
        }
    }
}

/// What an engine says of a slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Bytes moved, counted from the slice's first; at most its length. Fewer than all without an
    /// error is a short transfer: the rest is handed out again.
    pub bytes: u64,
    /// What stopped it.
    pub error: Option<Error>,
}

/// A request that ended. Exactly one for each that was accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// Which. No longer valid.
    pub id: RequestId,
    /// What the caller gave with it.
    pub user_data: u64,
    /// How.
    pub status: RequestStatus,
    /// Bytes moved, in any order.
    pub bytes_completed: u64,
    /// Why, unless it was completed. Of a batch, the first part's that failed.
    pub error: Option<Error>,
    /// Of a batch: each part's result.
    pub parts: Vec<PartResult>,
}
