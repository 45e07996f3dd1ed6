//! The service's hands: everything it knows, and the moves that jobs and faults are made of.

use super::transfers::{failure_word, Purpose, Transfers, Waiter};
use crate::array::Array;
use crate::l1::L1;
use crate::l2::{L2State, PageKey, L2};
use crate::shared::SharedBlocks;
use gpuio_core::{Error, ErrorCode, Result};
use gpuio_engines::engine::{Completion, Engine, MemorySpan, Transfer, TransferKind};
use gpuio_engines::Engines;
use gpuio_memory::device::{CopyTicket, Device};
use gpuio_memory::layout::{FaultOperation, Outcome};
use gpuio_memory::ring::Fault;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Dirty pages whose write-back is started at a time when room is needed.
const WRITE_BATCH: usize = 32;
/// Most bytes that one read-ahead transfer brings.
const READ_AHEAD_BYTES: u64 = 1 << 20;

/// Copies by the copy engine under way at a time; devices refuse more.
const MAX_COPIES: usize = 128;

/// A page that a kernel is copying out of L2.
pub struct Delivered {
    pub fault: Fault,
    pub frame: u32,
}

/// A copy by the copy engine that is under way for a fault.
pub struct PendingCopy {
    pub ticket: CopyTicket,
    pub fault: Fault,
    /// The L2 frame that takes part, pinned; none when the bytes went to mapped memory.
    pub frame: Option<u32>,
    /// A write-back: the L2 frame is dirty afterwards.
    pub is_write_back: bool,
}

/// What happened to an attempt to get a page into L2.
pub enum Load {
    /// Under way in this frame.
    Started(u32),
    /// Not now: no frame or no room in the engine. Something in flight will change that.
    NoRoom,
    /// Not at all: nothing that is in flight can change it.
    Failed(Error),
}

/// Counters of the service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServiceStats {
    /// Faults taken off the ring.
    pub faults: u64,
    /// Pages brought to L2 ahead of their use.
    pub read_ahead_pages: u64,
}

/// See the module's comment.
pub struct Core {
    pub device: Arc<dyn Device>,
    pub l1: L1,
    pub l2: L2,
    pub shared: SharedBlocks,
    pub engines: Engines,
    pub arrays: Vec<Option<Array>>,
    pub transfers: Transfers,
    pub waiters: HashMap<u32, Vec<Waiter>>,
    /// Faults that wait for an L2 frame. No longer than there are slots.
    pub stalled: VecDeque<Fault>,
    pub delivered: Vec<Delivered>,
    pub copies: VecDeque<PendingCopy>,
    pub job_errors: HashMap<u64, Error>,
    pub job_syncs: HashMap<u64, Result<()>>,
    pub page_bytes: u64,
    /// Pages at least this large are brought to L1 by the copy engine, not by the waiting warp.
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

    /// Starts to read a page into L2, where it is not.
    pub fn start_load(&mut self, key: PageKey) -> Load {
        let Some(frame) = self.claim(key) else {
            return self.no_frame();
        };
        if self.queue_load(key.array, key.page, vec![frame]) {
            Load::Started(frame)
        } else {
            Load::NoRoom
        }
    }

    /// Takes an L2 frame for a page, or starts to make room.
    pub fn claim(&mut self, key: PageKey) -> Option<u32> {
        let claimed = self.l2.claim(key);
        if claimed.is_none() {
            self.write_some();
        }
        claimed
    }

    /// What it means that no frame could be claimed.
    pub fn no_frame(&self) -> Load {
        if self.writes == 0 && self.transfers.in_flight() == 0 && self.l2.has_failed_writes() {
            if let Some(error) = &self.last_write_error {
                return Load::Failed(error.clone());
            }
        }
        Load::NoRoom
    }

    /// Queues a read of consecutive pages into frames that were claimed for them. If the engine is
    /// full the frames are given back.
    fn queue_load(&mut self, array: u32, first_page: u64, frames: Vec<u32>) -> bool {
        let Some(entry) = self.arrays[array as usize].as_ref() else {
            return false;
        };
        let (geometry, resource) = (entry.geometry, entry.resource);
        let mut memory = Vec::with_capacity(frames.len());
        for (page, &frame) in (first_page..).zip(&frames) {
            memory.push(MemorySpan {
                address: self.l2.host_address(frame),
                length_bytes: geometry.read_range(page).length as usize,
                capacity_bytes: self.page_bytes as usize,
            });
            self.l2.begin_load(frame);
        }
        let token = self.transfers.begin(Purpose::Load { frames });
        let queued = self.engines.queue(Transfer {
            token,
            kind: TransferKind::Read,
            resource,
            offset: geometry.read_range(first_page).resource_offset,
            memory,
        });
        if queued.is_ok() {
            return true;
        }
        if let Some(Purpose::Load { frames }) = self.transfers.end(token) {
            for frame in frames {
                self.l2.discard(frame);
            }
        }
        false
    }

    /// Reads pages ahead of their use, as far as clean frames and the engine allow.
    pub fn read_ahead(&mut self, array: u32, pages: impl Iterator<Item = u64>) -> u64 {
        let run_pages = (READ_AHEAD_BYTES / self.page_bytes).clamp(1, 256) as usize;
        let mut run: (u64, Vec<u32>) = (0, Vec::new());
        let mut started = 0;
        for page in pages {
            let key = PageKey { array, page };
            let joins = page == run.0 + run.1.len() as u64 && run.1.len() < run_pages;
            if !run.1.is_empty() && (!joins || self.l2.find(key).is_some()) {
                let (first, frames) = std::mem::take(&mut run);
                if !self.queue_load(array, first, frames) {
                    return started;
                }
            }
            if self.l2.find(key).is_some() {
                continue;
            }
            let Some(frame) = self.l2.claim_ahead(key) else {
                break;
            };
            // Not evictable while the run is put together.
            self.l2.begin_load(frame);
            if run.1.is_empty() {
                run.0 = page;
            }
            run.1.push(frame);
            started += 1;
        }
        if !run.1.is_empty() {
            self.queue_load(array, run.0, run.1);
        }
        self.stats.read_ahead_pages += started;
        started
    }

    /// Starts the write-back of some dirty pages.
    pub fn write_some(&mut self) {
        for _ in 0..WRITE_BATCH {
            let Some(frame) = self.l2.next_dirty() else {
                return;
            };
            if !self.start_write(frame) {
                return;
            }
        }
    }

    /// Starts to write a dirty frame, of which no write is in flight, to its resource. False if the
    /// engine is full.
    pub fn start_write(&mut self, frame: u32) -> bool {
        let Some(key) = self.l2.key(frame) else {
            return true;
        };
        let Some(entry) = self.arrays[key.array as usize].as_ref() else {
            return true;
        };
        let range = entry.geometry.write_range(key.page);
        let resource = entry.resource;
        self.l2.begin_flush(frame);
        let token = self.transfers.begin(Purpose::Write { frame });
        let length_bytes = range.length as usize;
        let queued = self.engines.queue(Transfer {
            token,
            kind: TransferKind::Write,
            resource,
            offset: range.resource_offset,
            memory: vec![MemorySpan {
                address: self.l2.host_address(frame) + range.page_offset as usize,
                length_bytes,
                capacity_bytes: length_bytes,
            }],
        });
        if queued.is_err() {
            self.transfers.end(token);
            self.l2.cancel_flush(frame);
            return false;
        }
        self.writes += 1;
        true
    }

    /// Queues a sync for a job; the outcome appears in `job_syncs`. False if the engine is full.
    pub fn start_sync(&mut self, array: u32, job: u64) -> bool {
        let Some(entry) = self.arrays[array as usize].as_ref() else {
            return false;
        };
        let resource = entry.resource;
        let token = self.transfers.begin(Purpose::Sync { job });
        let queued = self.engines.queue(Transfer {
            token,
            kind: TransferKind::Sync,
            resource,
            offset: 0,
            memory: Vec::new(),
        });
        if queued.is_err() {
            self.transfers.end(token);
        }
        queued.is_ok()
    }

    /// Takes what the engines have finished. Returns whether there was anything.
    pub fn poll_engines(&mut self) -> bool {
        let mut completions = std::mem::take(&mut self.completions);
        self.engines.poll(&mut completions);
        let any = !completions.is_empty();
        for completion in completions.drain(..) {
            match self.transfers.end(completion.token) {
                Some(Purpose::Load { frames }) => self.loaded(frames, completion.result),
                Some(Purpose::Write { frame }) => self.written(frame, completion.result),
                Some(Purpose::Sync { job }) => {
                    self.job_syncs.insert(job, completion.result);
                }
                None => {}
            }
        }
        self.completions = completions;
        any
    }

    fn loaded(&mut self, frames: Vec<u32>, result: Result<()>) {
        let many = frames.len() > 1;
        for frame in frames {
            let Some(key) = self.l2.key(frame) else {
                continue;
            };
            match &result {
                Ok(()) => {
                    if let Some(array) = self.array_mut(key.array) {
                        array.read_bytes += array.geometry.read_range(key.page).length;
                    }
                    self.clear_tail(frame, key);
                    self.l2.set_valid(frame);
                    self.serve_waiters(frame);
                }
                // One bad page spoils a run: those that someone waits for are read again alone.
                Err(_) if many && self.waiters.contains_key(&frame) => {
                    if !self.queue_load(key.array, key.page, vec![frame]) {
                        let message = "the engine's queue is full; lower the read-ahead";
                        let full = Error::new(ErrorCode::Busy, "read", message);
                        self.fail_waiters(frame, &full);
                    }
                }
                Err(error) => {
                    self.l2.discard(frame);
                    self.fail_waiters(frame, error);
                }
            }
        }
    }

    /// Zeroes what lies behind the array's end on its last page: another array's bytes may be left
    /// there.
    fn clear_tail(&mut self, frame: u32, key: PageKey) {
        let Some(array) = self.array(key.array) else {
            return;
        };
        let length = array.geometry.read_range(key.page).length as usize;
        let page_bytes = self.page_bytes as usize;
        if length < page_bytes {
            let start = (self.l2.host_address(frame) + length) as *mut u8;
            // SAFETY: the rest of a frame that is still LOADING: nobody else touches it.
            unsafe { std::ptr::write_bytes(start, 0, page_bytes - length) };
        }
    }

    fn written(&mut self, frame: u32, result: Result<()>) {
        self.writes -= 1;
        let key = self.l2.key(frame);
        self.l2.end_flush(frame, result.is_ok());
        let Some(array) = key.and_then(|key| self.array_mut(key.array)) else {
            return;
        };
        match result {
            Ok(()) => {
                let page = key.map_or(0, |key| key.page);
                array.written_bytes += array.geometry.write_range(page).length;
            }
            Err(error) => {
                array.write_error = Some(error.clone());
                self.last_write_error = Some(error);
            }
        }
    }

    /// Answers everyone who waited for a frame that now holds its page.
    pub fn serve_waiters(&mut self, frame: u32) {
        for waiter in self.waiters.remove(&frame).unwrap_or_default() {
            if let Waiter::Fault(fault) = waiter {
                self.deliver(fault, frame);
            }
        }
    }

    fn fail_waiters(&mut self, frame: u32, error: &Error) {
        for waiter in self.waiters.remove(&frame).unwrap_or_default() {
            match waiter {
                Waiter::Fault(fault) => {
                    self.shared
                        .answer(&fault, Outcome::Failed, failure_word(error));
                }
                Waiter::Job(job) => {
                    self.job_errors.insert(job, error.clone());
                }
            }
        }
    }

    /// Gives a page that is in L2 to the kernel that asked: by the copy engine, or by telling the
    /// kernel where to copy it from. A prefetch is always copied here: nobody may ever come for it,
    /// and until then it would keep its L2 frame from being used.
    pub fn deliver(&mut self, fault: Fault, frame: u32) {
        self.l2.pin(frame);
        let is_prefetch = fault.operation == FaultOperation::Prefetch as u32;
        let copied = is_prefetch || self.page_bytes >= self.copy_engine_bytes;
        let target = self.l1.frame_address(fault.frame);
        let Some(target) = target.filter(|_| copied) else {
            self.shared
                .answer(&fault, Outcome::Copy, self.l2.device_address(frame));
            self.delivered.push(Delivered { fault, frame });
            return;
        };
        self.make_copy_room();
        // SAFETY: both are whole frames; the L2 frame is pinned and the kernel keeps its own until
        // the fault is answered.
        let started = unsafe {
            let source = self.l2.host_address(frame);
            self.device
                .start_copy_to_device(target, source, self.page_bytes as usize)
        };
        match started {
            Ok(ticket) => self.copies.push_back(PendingCopy {
                ticket,
                fault,
                frame: Some(frame),
                is_write_back: false,
            }),
            Err(error) => {
                self.l2.unpin(frame);
                self.shared
                    .answer(&fault, Outcome::Failed, failure_word(&error));
            }
        }
    }

    /// Waits until another copy can be started: no longer than one copy takes, since the device
    /// itself fails a copy that hangs.
    pub fn make_copy_room(&mut self) {
        while self.copies.len() >= MAX_COPIES {
            if !self.poll_copies() {
                std::hint::spin_loop();
            }
        }
    }

    /// Lets go of L2 frames that kernels have finished copying. Returns whether there were any.
    pub fn poll_acknowledged(&mut self) -> bool {
        let before = self.delivered.len();
        let (shared, l2) = (&self.shared, &self.l2);
        self.delivered.retain(|delivered| {
            let reading = !shared.is_acknowledged(&delivered.fault);
            if !reading {
                l2.unpin(delivered.frame);
            }
            reading
        });
        self.delivered.len() != before
    }

    /// Finishes copies of the copy engine. Returns whether there were any.
    pub fn poll_copies(&mut self) -> bool {
        let mut any = false;
        while let Some(copy) = self.copies.front() {
            let done = match self.device.copy_done(copy.ticket) {
                Ok(false) => break,
                Ok(true) => Ok(()),
                Err(error) => Err(error),
            };
            let Some(copy) = self.copies.pop_front() else {
                break;
            };
            any = true;
            self.copied(copy, done);
        }
        any
    }

    /// A copy for a fault has ended.
    pub fn copied(&mut self, copy: PendingCopy, done: Result<()>) {
        if let Some(frame) = copy.frame {
            self.l2.unpin(frame);
            if copy.is_write_back {
                match done {
                    Ok(()) => self.l2.set_dirty(frame),
                    Err(_) if self.l2.state(frame) == L2State::Loading => self.l2.discard(frame),
                    Err(_) => {}
                }
                self.serve_waiters(frame);
            }
        }
        match done {
            Ok(()) => self.shared.answer(&copy.fault, Outcome::Done, 0),
            Err(error) => self
                .shared
                .answer(&copy.fault, Outcome::Failed, failure_word(&error)),
        }
    }

    /// Drops every fault that is in the service's hands, copies under way apart. No kernel runs, so
    /// nobody waits for an answer; and answers that nobody takes would fill L2 with pinned frames.
    pub fn drop_faults(&mut self) {
        while self.shared.take().is_some() {}
        self.stalled.clear();
        self.waiters.retain(|_, waiters| {
            waiters.retain(|waiter| matches!(waiter, Waiter::Job(_)));
            !waiters.is_empty()
        });
    }

    /// Whether no fault is in the service's hands, unacknowledged answers apart.
    pub fn has_no_faults(&self) -> bool {
        let waiting = self.waiters.values().flatten();
        let faults = waiting
            .filter(|waiter| matches!(waiter, Waiter::Fault(_)))
            .count();
        faults == 0 && self.stalled.is_empty() && self.copies.is_empty() && !self.shared.has_next()
    }

    /// Puts L1 in order; see [`L1::repair`]. No kernel runs and `has_no_faults`.
    pub fn repair_l1(&mut self) -> Result<()> {
        for delivered in self.delivered.drain(..) {
            self.l2.unpin(delivered.frame);
        }
        let arrays = &self.arrays;
        self.l1.repair(&|id| {
            arrays
                .get(id as usize)
                .and_then(Option::as_ref)
                .and_then(|it| it.placement.table())
        })
    }
}
