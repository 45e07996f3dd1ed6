//! The service's hands: everything it knows. The moves that jobs and faults are made of lie in
//! `loads`, `fills`, `writes`, `answers` and `lent`.

use super::answers::PendingCopy;
use super::fills::Fills;
use super::jobs::Job;
use super::lent::{Lent, Offers};
use super::transfers::{Purpose, Waiter};
use crate::array::Array;
use crate::l1::L1;
use crate::l2::L2;
use crate::requests::Desk;
use crate::shared::SharedBlocks;
use crate::traffic::{Done, Errand, Traffic, Work};
use gpuio_core::scheduling::{
    PriorityLevel, RegionId, Request, RequestClass, RequestKind, StreamId,
};
use gpuio_core::{Error, Result};
use gpuio_engines::engine::{MemorySpan, ResourceId, TransferKind};
use gpuio_engines::Engines;
use gpuio_memory::device::Device;
use gpuio_memory::ring::Fault;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

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
    pub traffic: Traffic<Engines, Purpose>,
    /// Users' requests.
    pub desk: Desk,
    /// Jobs that users' requests need.
    pub new_jobs: Vec<Box<dyn Job>>,
    pub device: Arc<dyn Device>,
    pub l1: L1,
    pub l2: L2,
    pub shared: SharedBlocks,
    pub arrays: Vec<Option<Array>>,
    /// Of the context's own errands (loads, fills, writes, syncs), those that have not ended.
    pub own_errands: usize,
    /// Most of them. Half is for what nobody waits for.
    pub own_errands_max: usize,
    /// The errand that fills an L2 frame, while it is LOADING by one.
    pub loading: Vec<Option<Errand>>,
    /// The beginning of the traffic's time.
    pub epoch: Instant,
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

    /// The time as the traffic counts it.
    pub fn now_ns(&self) -> u64 {
        self.epoch.elapsed().as_nanos() as u64 // 584 years
    }

    /// Microseconds until the traffic has something to do, if it knows.
    pub fn timer_us(&self) -> Option<u64> {
        let due_ns = self.traffic.next_timer_ns()?;
        Some(due_ns.saturating_sub(self.now_ns()).div_ceil(1000))
    }

    /// Starts a transfer between consecutive bytes of a resource and memory, for the context
    /// itself. The purpose comes back if there is no room.
    pub(super) fn start_own(
        &mut self,
        (kind, class): (RequestKind, RequestClass),
        (resource, offset): (ResourceId, u64),
        memory: Vec<MemorySpan>,
        purpose: Purpose,
    ) -> std::result::Result<Errand, Purpose> {
        let is_low = class.level() == PriorityLevel::Low;
        if self.own_errands >= self.own_errands_max >> u32::from(is_low) {
            return Err(purpose);
        }
        let (engine, device) = self.traffic.queues().of(resource);
        let length_bytes = memory.iter().map(|it| it.length_bytes as u64).sum();
        let request = Request {
            kind,
            engine,
            device,
            src: RegionId(resource.0),
            dst: RegionId(resource.0),
            src_offset: offset,
            dst_offset: offset,
            length_bytes,
            stream: StreamId::NONE,
            class,
            qos: None,
            user_data: 0,
        };
        let now_ns = self.now_ns();
        let way = match kind {
            RequestKind::Write => TransferKind::Write,
            _ => TransferKind::Read,
        };
        let work = Work::Transfer(way, memory);
        let started = self.traffic.start(request, work, purpose, now_ns);
        self.own_errands += usize::from(started.is_ok());
        started.map_err(|(purpose, _)| purpose)
    }

    /// Somebody waits for an L2 frame that is being filled.
    pub fn promote_load(&mut self, frame: u32, class: RequestClass) {
        if let Some(errand) = self.loading[frame as usize] {
            let now_ns = self.now_ns();
            self.traffic.promote(errand, class, now_ns);
        }
    }

    /// Gives the engines what is to go out, and takes what they have finished. Returns whether
    /// there was anything.
    pub fn run_traffic(&mut self) -> bool {
        let now_ns = self.now_ns();
        let mut any = self.traffic.pump(now_ns);
        any |= self.carry_requests();
        while let Some(done) = self.traffic.next_ended() {
            any = true;
            self.ended(done);
        }
        if any {
            self.desk.publish();
            self.desk.reach_events(self.traffic.scheduler());
        }
        any
    }

    fn ended(&mut self, done: Done<Purpose>) {
        if let Purpose::User(_) = done.purpose {
            return self.desk.request_ended(done);
        }
        let result = done.result();
        if let Purpose::Leg(slice) = done.purpose {
            return self.leg_ended(slice, result);
        }
        self.own_errands -= 1;
        match done.purpose {
            Purpose::User(_) | Purpose::Leg(_) => {}
            Purpose::Load { frames } => self.loaded(frames, result),
            Purpose::Fill { faults } => self.filled(faults, result),
            Purpose::Write { frame, flushes } => self.written(frame, flushes, result),
            Purpose::Sync { job } => {
                self.job_syncs.insert(job, result);
            }
        }
    }

    /// The faults whose L1 frames are being filled by an engine.
    pub fn filling(&self) -> impl Iterator<Item = &Fault> {
        self.traffic.purposes().flat_map(|purpose| match purpose {
            Purpose::Fill { faults } => faults.as_slice(),
            _ => &[],
        })
    }
}
