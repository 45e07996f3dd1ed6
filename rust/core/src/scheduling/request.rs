//! What is asked for: one transfer, atomic operation or batch, and the states it goes through.

use super::slab::Handle;
use super::{InferenceQos, RequestClass};
use crate::limits::{MAX_FILE_OFFSET, MAX_SCHEDULED_DEVICES};
use crate::{Error, ErrorCode, Result};

/// What a request does: the specification's request types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i32)]
pub enum RequestKind {
    /// Resource to memory.
    Read = 0,
    /// Memory to resource.
    Write = 1,
    /// Between any two places that the engine can reach.
    Copy = 2,
    /// Replaces eight bytes if they have an expected value.
    AtomicCmpSwap = 3,
    /// Adds to eight bytes.
    AtomicFetchAdd = 4,
    /// Many reads, writes and copies as one request; see [`batch`](super::batch).
    Batch = 5,
}

impl RequestKind {
    /// Every kind, in the order of the numbers.
    pub const ALL: [Self; 6] = [
        Self::Read,
        Self::Write,
        Self::Copy,
        Self::AtomicCmpSwap,
        Self::AtomicFetchAdd,
        Self::Batch,
    ];

    /// Atomic operations are eight bytes long, are never cut, and are not repeated unless it is
    /// certain that the first attempt did nothing.
    pub const fn is_atomic(self) -> bool {
        matches!(self, Self::AtomicCmpSwap | Self::AtomicFetchAdd)
    }

    /// As a verb phrase, for errors.
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Copy => "copy",
            Self::AtomicCmpSwap => "compare and swap",
            Self::AtomicFetchAdd => "fetch and add",
            Self::Batch => "carry out a batch",
        }
    }
}

/// Length of what an atomic operation works on.
pub const ATOMIC_BYTES: u64 = 8;

/// The engine that carries a request out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EngineKind {
    /// Memory of this host.
    Memio,
    /// Files and drives of this host.
    Localio,
    /// Another host.
    Remoteio,
}

/// Where a request is. Which steps are legal, [`RequestStatus::may_become`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i32)]
pub enum RequestStatus {
    /// Accepted; waits for its turn in its stream.
    Pending = 0,
    /// Waits for a slot of its device.
    Submitted = 1,
    /// A part of it was given to the engine at least once.
    InProgress = 2,
    /// Ended: every byte was moved.
    Completed = 3,
    /// Ended: it failed, or was shed.
    Error = 4,
    /// Ended: withdrawn by the caller.
    Cancelled = 5,
}

impl RequestStatus {
    /// Every status, in the order of the numbers.
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::Submitted,
        Self::InProgress,
        Self::Completed,
        Self::Error,
        Self::Cancelled,
    ];

    /// Whether nothing comes after this.
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Completed | Self::Error | Self::Cancelled)
    }

    /// Whether this step is legal: forwards only, one at a time; a request that the engine has
    /// not seen can fail or be cancelled, but not complete.
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Pending => matches!(next, Self::Submitted | Self::Error | Self::Cancelled),
            Self::Submitted => matches!(next, Self::InProgress | Self::Error | Self::Cancelled),
            Self::InProgress => next.is_end(),
            Self::Completed | Self::Error | Self::Cancelled => false,
        }
    }
}

/// Names one accepted request, and never another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub(super) Handle);

impl RequestId {
    /// The specification's 64-bit id: unique among four billion uses of the same place.
    pub const fn number(self) -> u64 {
        self.0.number()
    }

    /// Where it stands in the table of requests; another request stands there later.
    pub const fn slot(self) -> u32 {
        self.0.slot
    }
}

/// A sequence of requests that are carried out one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u32);

impl StreamId {
    /// In no stream: the request waits for nothing and nothing waits for it.
    pub const NONE: Self = Self(0);
}

/// A device queue: a drive, a connection, a copy engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(pub u32);

/// A resource or a memory region; the numbers are the runtime's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegionId(pub u32);

/// One request, as it is submitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request {
    /// What to do.
    pub kind: RequestKind,
    /// Who does it.
    pub engine: EngineKind,
    /// In which device queue.
    pub device: DeviceId,
    /// Where the bytes come from.
    pub src: RegionId,
    /// Where the bytes go to.
    pub dst: RegionId,
    /// First byte in `src`.
    pub src_offset: u64,
    /// First byte in `dst`.
    pub dst_offset: u64,
    /// How many bytes; at least 1, and [`ATOMIC_BYTES`] for an atomic operation.
    pub length_bytes: u64,
    /// After what it happens.
    pub stream: StreamId,
    /// How important it is.
    pub class: RequestClass,
    /// By when it has to be done, if that matters.
    pub qos: Option<InferenceQos>,
    /// The caller's own; comes back when the request ends.
    pub user_data: u64,
}

impl Request {
    /// Refuses what can never work.
    ///
    /// # Errors
    /// `InvalidArgument`: no bytes, an atomic operation that is not eight bytes, a range that ends
    /// beyond the largest offset, a device number that is too large.
    pub fn validate(&self) -> Result<()> {
        let refuse = |why: String| {
            let error = Error::new(ErrorCode::InvalidArgument, self.kind.verb(), why);
            Err(error.with_offset(self.src_offset))
        };
        if self.length_bytes == 0 {
            return refuse("the length is 0; ask for at least one byte".into());
        }
        if self.kind.is_atomic() && self.length_bytes != ATOMIC_BYTES {
            return refuse(format!(
                "{} bytes; an atomic operation works on {ATOMIC_BYTES}",
                self.length_bytes
            ));
        }
        let ends = [self.src_offset, self.dst_offset].map(|it| it.checked_add(self.length_bytes));
        if ends
            .iter()
            .any(|end| end.is_none_or(|it| it > MAX_FILE_OFFSET))
        {
            return refuse(format!("it ends beyond byte {MAX_FILE_OFFSET}"));
        }
        if self.device.0 as usize >= MAX_SCHEDULED_DEVICES {
            return refuse(format!(
                "device {}; there can be {MAX_SCHEDULED_DEVICES}",
                self.device.0
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_specifications() {
        for (number, kind) in RequestKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
        }
        for (number, status) in RequestStatus::ALL.into_iter().enumerate() {
            assert_eq!(status as usize, number);
        }
    }

    #[test]
    fn every_step_leads_forwards_and_every_status_to_an_end() {
        for from in RequestStatus::ALL {
            for to in RequestStatus::ALL {
                assert!(
                    !from.may_become(to) || (to as i32) > (from as i32),
                    "{from:?} {to:?}"
                );
            }
            let leads_on = RequestStatus::ALL.into_iter().any(|to| from.may_become(to));
            assert_eq!(leads_on, !from.is_end());
        }
        assert!(!RequestStatus::Submitted.may_become(RequestStatus::Completed));
    }
}
