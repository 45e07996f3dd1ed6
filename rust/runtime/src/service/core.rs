//! The service's hands: everything it knows. The moves that jobs and faults are made of lie in
//! `loads`, `fills`, `writes`, `answers` and `lent`.

use super::answers::PendingCopy;
use super::fills::Fills;
use super::lent::{Lent, Offers};
use super::transfers::{Purpose, Transfers, Waiter};
use crate::array::Array;
use crate::l1::L1;
use crate::l2::L2;
use crate::shared::SharedBlocks;
use gpuio_core::{Error, Result};
use gpuio_engines::engine::{Completion, Engine};
use gpuio_engines::Engines;
use gpuio_memory::device::Device;
use gpuio_memory::ring::Fault;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Counters of the service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServiceStats {
    /// Faults taken off the ring.
    pub faults: u64,
    /// Pages brought to L2 ahead of their use.
    pub read_ahead_pages: u64,
    /// Pages read right into L1.
    pub filled_pages: u64,
}

/// See the module's comment.
pub struct Core {
    /// First, so that they go first: until then the memory below may be in the kernel's hands.
    pub engines: Engines,
    pub device: Arc<dyn Device>,
    pub l1: L1,
    pub l2: L2,
    pub shared: SharedBlocks,
    pub arrays: Vec<Option<Array>>,
    pub transfers: Transfers,
    pub waiters: HashMap<u32, Vec<Waiter>>,
    pub fills: Fills,
    /// Faults that wait for an L2 frame. No longer than there are slots.
    pub stalled: VecDeque<Fault>,
    pub lent: Vec<Lent>,
    pub offers: Offers,
    pub copies: VecDeque<PendingCopy>,
    pub job_errors: HashMap<u64, Error>,
    pub job_syncs: HashMap<u64, Result<()>>,
    pub page_bytes: u64,
    /// Pages at least this large go to L1 and back by the copy engine, not by the waiting warp.
    pub copy_engine_bytes: u64,
    /// Writes in flight.
    pub writes: usize,
    pub last_write_error: Option<Error>,
    pub stats: ServiceStats,
    pub completions: Vec<Completion>,
}

impl Core {
    /// The array with this id.
    pub fn array(&self, id: u32) -> Option<&Array> {
        self.arrays.get(id as usize).and_then(Option::as_ref)
    }

    /// The array with this id, to change.
    pub fn array_mut(&mut self, id: u32) -> Option<&mut Array> {
        self.arrays.get_mut(id as usize).and_then(Option::as_mut)
    }

    /// Takes what the engines have finished. Returns whether there was anything.
    pub fn poll_engines(&mut self) -> bool {
        let mut completions = std::mem::take(&mut self.completions);
        self.engines.poll(&mut completions);
        let any = !completions.is_empty();
        for completion in completions.drain(..) {
            match self.transfers.end(completion.token) {
                Some(Purpose::Load { frames }) => self.loaded(frames, completion.result),
                Some(Purpose::Fill { faults }) => self.filled(faults, completion.result),
                Some(Purpose::Write { frame, flushes }) => {
                    self.written(frame, flushes, completion.result);
                }
                Some(Purpose::Sync { job }) => {
                    self.job_syncs.insert(job, completion.result);
                }
                None => {}
            }
        }
        self.completions = completions;
        any
    }
}
