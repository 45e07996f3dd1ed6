//! What a user asks for.

use super::OnFull;
use gpuio_core::scheduling::{
    InferenceQos, RegionId, RequestClass, RequestKind, StreamId, ATOMIC_BYTES,
};

/// What all requests say beside the bytes: after what, how urgent, what if there is no room.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SubmitOptions {
    /// After what it happens; [`StreamId::NONE`] for nothing.
    pub stream: StreamId,
    /// How important it is; `None`: as its stream says, and TRAINING_BW without a stream.
    pub class: Option<RequestClass>,
    /// By when it has to be done, if that matters. With DEADLINE and ADAPTIVE, `submit` refuses a
    /// request that would be late; one that is accepted may still have to give way to more critical
    /// ones, and ends with the error `Timeout` then.
    pub qos: Option<InferenceQos>,
    /// What `submit` does when as many requests as there is room for have not ended.
    pub on_full: OnFull,
}

impl Default for SubmitOptions {
    fn default() -> Self {
        Self {
            stream: StreamId::NONE,
            class: None,
            qos: None,
            on_full: OnFull::Wait,
        }
    }
}

/// One request. Offsets and lengths are bytes, offsets counted from the region's first byte.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RequestSpec {
    /// What to do. `Batch` is for [`Requests::submit_batch`](super::Requests::submit_batch).
    pub kind: RequestKind,
    /// Where the bytes come from. Not looked at for atomic operations.
    pub src: RegionId,
    /// First byte in `src`.
    pub src_offset: u64,
    /// Where the bytes go to; what an atomic operation works on.
    pub dst: RegionId,
    /// First byte in `dst`. Of an atomic operation, the address must be a multiple of 8.
    pub dst_offset: u64,
    /// How many; at least 1, and 8 for an atomic operation.
    pub length_bytes: u64,
    /// FETCH_ADD: what is added (wrapping). CMP_SWAP: what is stored.
    pub operand: u64,
    /// CMP_SWAP: what must be there for that.
    pub compare: u64,
    /// The rest.
    pub options: SubmitOptions,
}

impl RequestSpec {
    fn new(
        kind: RequestKind,
        (src, src_offset): (RegionId, u64),
        (dst, dst_offset): (RegionId, u64),
        length_bytes: u64,
    ) -> Self {
        Self {
            kind,
            src,
            src_offset,
            dst,
            dst_offset,
            length_bytes,
            operand: 0,
            compare: 0,
            options: SubmitOptions::default(),
        }
    }

    /// Reads from a resource or an array to memory.
    pub fn read(src: (RegionId, u64), dst: (RegionId, u64), length_bytes: u64) -> Self {
        Self::new(RequestKind::Read, src, dst, length_bytes)
    }

    /// Writes memory to a resource or an array.
    pub fn write(src: (RegionId, u64), dst: (RegionId, u64), length_bytes: u64) -> Self {
        Self::new(RequestKind::Write, src, dst, length_bytes)
    }

    /// Copies between any two places.
    pub fn copy(src: (RegionId, u64), dst: (RegionId, u64), length_bytes: u64) -> Self {
        Self::new(RequestKind::Copy, src, dst, length_bytes)
    }

    /// Adds to eight bytes of host memory. The handle's `old_value` is what was there before.
    pub fn fetch_add(target: (RegionId, u64), operand: u64) -> Self {
        Self {
            operand,
            ..Self::new(RequestKind::AtomicFetchAdd, target, target, ATOMIC_BYTES)
        }
    }

    /// Stores `operand` in eight bytes of host memory if they are `compare`. The handle's
    /// `old_value` is what was there before: it was stored if that is `compare`.
    pub fn compare_swap(target: (RegionId, u64), compare: u64, operand: u64) -> Self {
        Self {
            operand,
            compare,
            ..Self::new(RequestKind::AtomicCmpSwap, target, target, ATOMIC_BYTES)
        }
    }

    /// The same with these options.
    #[must_use]
    pub fn with(self, options: SubmitOptions) -> Self {
        Self { options, ..self }
    }
}

/// One part of a batch: what READ, WRITE and COPY can do by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchPart {
    /// READ, WRITE or COPY.
    pub kind: RequestKind,
    /// Where the bytes come from.
    pub src: RegionId,
    /// First byte in `src`.
    pub src_offset: u64,
    /// Where the bytes go to.
    pub dst: RegionId,
    /// First byte in `dst`.
    pub dst_offset: u64,
    /// How many; at least 1.
    pub length_bytes: u64,
}

impl BatchPart {
    fn new(
        kind: RequestKind,
        (src, src_offset): (RegionId, u64),
        (dst, dst_offset): (RegionId, u64),
        length_bytes: u64,
    ) -> Self {
        Self {
            kind,
            src,
            src_offset,
            dst,
            dst_offset,
            length_bytes,
        }
    }

    /// Reads from a resource or an array to memory.
    pub fn read(src: (RegionId, u64), dst: (RegionId, u64), length_bytes: u64) -> Self {
        Self::new(RequestKind::Read, src, dst, length_bytes)
    }

    /// Writes memory to a resource or an array.
    pub fn write(src: (RegionId, u64), dst: (RegionId, u64), length_bytes: u64) -> Self {
        Self::new(RequestKind::Write, src, dst, length_bytes)
    }

    /// Copies between any two places.
    pub fn copy(src: (RegionId, u64), dst: (RegionId, u64), length_bytes: u64) -> Self {
        Self::new(RequestKind::Copy, src, dst, length_bytes)
    }
}
