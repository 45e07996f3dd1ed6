//! Slices that the owner carries out, possibly with the engine's help.

use super::errand::{Errand, Purpose};
use super::Traffic;
use gpuio_core::scheduling::{Slice, SliceId};
use gpuio_core::Result;
use gpuio_engines::engine::{Engine, MemorySpan, ResourceId, Transfer, TransferKind};

/// One leg of a slice: a transfer between a resource and memory of the owner's.
#[derive(Clone, Copy, Debug)]
pub struct Leg {
    /// READ or WRITE.
    pub kind: TransferKind,
    /// Where from or to.
    pub resource: ResourceId,
    /// First byte there.
    pub offset: u64,
    /// The memory, the owner's until the leg has ended.
    pub address: usize,
    /// How many bytes.
    pub length_bytes: usize,
}

impl<E: Engine, P: Purpose> Traffic<E, P> {
    /// The next slice of an errand with [`Work::Elsewhere`](super::Work::Elsewhere) that has gone
    /// out. [`Traffic::complete`] follows, once, after all legs have ended.
    pub fn next_elsewhere(&mut self) -> Option<Slice> {
        self.elsewhere.pop_front()
    }

    /// What a slice's errand is for. Valid until the slice is complete.
    pub fn purpose_of(&self, slice: &Slice) -> Option<&P> {
        self.purpose(Errand::from_number(slice.user_data))
    }

    /// Has the engine carry out a leg of a slice; one at a time.
    pub fn start_leg(&mut self, slice: SliceId, leg: Leg) {
        debug_assert!(self
            .flights
            .get(&slice.number())
            .is_some_and(|it| it.is_elsewhere));
        let transfer = Transfer {
            token: slice.number(),
            kind: leg.kind,
            resource: leg.resource,
            offset: leg.offset,
            memory: vec![MemorySpan {
                address: leg.address,
                length_bytes: leg.length_bytes,
                capacity_bytes: leg.length_bytes,
            }],
        };
        self.push(transfer, false);
    }

    /// The next leg that has ended.
    pub fn next_leg_done(&mut self) -> Option<(SliceId, Result<()>)> {
        self.legs_done.pop_front()
    }
}
