//! Answering faults: pages from L2 to the kernels that asked, and frames back from them.

use super::core::Core;
use super::lent::Lent;
use super::transfers::{failure_word, Waiter};
use crate::l2::L2State;
use gpuio_core::{Error, Result};
use gpuio_memory::device::CopyTicket;
use gpuio_memory::layout::{FaultOperation, Outcome};
use gpuio_memory::ring::Fault;
use std::ops::Range;

/// Copies by the copy engine under way at a time; devices refuse more.
const MAX_COPIES: usize = 128;

/// A copy by the copy engine that is under way for a fault.
pub struct PendingCopy {
    pub ticket: CopyTicket,
    pub fault: Fault,
    /// The L2 frame that takes part, pinned; none when the bytes went to mapped memory.
    pub frame: Option<u32>,
    /// A write-back: the L2 frame is dirty afterwards.
    pub is_write_back: bool,
}

impl Core {
    /// Answers everyone who waited for a frame that now holds its page.
    pub fn serve_waiters(&mut self, frame: u32) {
        for waiter in self.waiters.remove(&frame).unwrap_or_default() {
            if let Waiter::Fault(fault) = waiter {
                self.deliver(fault, frame);
            }
        }
    }

    pub(super) fn fail_waiters(&mut self, frame: u32, error: &Error) {
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

    /// Gives a page that is in L2 to the kernel that asked: by telling it where to copy it from, or
    /// by the copy engine. The host device has none; there the service copies prefetches.
    ///
    /// If a kernel waits for the page, kernels may copy it without asking from now on. But not
    /// what a detector had read ahead, before it is asked for: so it sees a scan go on. A second
    /// scan it does not see, and need not, as long as the pages are there.
    ///
    /// The copy engine is a call into the driver. One that waits for kernels (any thread of the
    /// program may have made it: `cudaFree`) holds up all others, and so a kernel that waits for
    /// the copy. So small pages, which it does not serve well anyway, never need it.
    pub fn deliver(&mut self, fault: Fault, frame: u32) {
        self.l2.pin(frame);
        let is_prefetch = fault.operation == FaultOperation::Prefetch as u32;
        if !is_prefetch {
            self.l2.publish(frame);
        }
        let by_engine = self.page_bytes >= self.copy_engine_bytes;
        let by_service = is_prefetch && self.device.stream() == 0;
        let target = self.l1.frame_address(fault.frame);
        let Some(target) = target.filter(|_| by_engine || by_service) else {
            if is_prefetch {
                return self.offers.make(fault, frame, &self.shared, &self.l2);
            }
            self.shared
                .answer(&fault, Outcome::Copy, self.l2.device_address(frame));
            self.lent.push(Lent {
                fault,
                frame: Some(frame),
                is_target: false,
            });
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

    /// Drops every fault that is in the service's hands, copies and fills under way apart. No
    /// kernel runs, so nobody waits for an answer; and answers that nobody takes would fill L2 with
    /// pinned frames.
    pub fn drop_faults(&mut self) {
        while self.shared.take().is_some() {}
        self.stalled.clear();
        self.fills.drop_waiting();
        self.waiters.retain(|_, waiters| {
            waiters.retain(|waiter| matches!(waiter, Waiter::Job(_)));
            !waiters.is_empty()
        });
    }

    /// Whether no fault is in the service's hands, unacknowledged answers apart.
    pub fn has_no_faults(&self) -> bool {
        self.has_only_fills() && self.filling().next().is_none()
    }

    /// As `has_no_faults`, but for those whose frames an engine is filling.
    pub fn has_only_fills(&self) -> bool {
        let waiting = self.waiters.values().flatten();
        let faults = waiting
            .filter(|waiter| matches!(waiter, Waiter::Fault(_)))
            .count();
        let in_hand =
            faults + self.fills.waiting().count() + self.stalled.len() + self.copies.len();
        in_hand == 0 && !self.shared.has_next()
    }

    /// Whether a fault for one of these pages is, or may be, in the service's hands.
    pub fn has_fault_in(&self, array: u32, pages: &Range<u64>) -> bool {
        let waiting = self.waiters.values().flatten();
        let waiting = waiting.filter_map(|waiter| match waiter {
            Waiter::Fault(fault) => Some(fault),
            Waiter::Job(_) => None,
        });
        let mut faults = waiting
            .chain(&self.stalled)
            .chain(self.copies.iter().map(|copy| &copy.fault))
            .chain(self.fills.waiting())
            .chain(self.filling());
        self.shared.has_next()
            || faults.any(|fault| fault.array == array && pages.contains(&fault.page))
    }

    /// Drops pages from L1; see [`L1::forget_pages`]. No kernel runs and not `has_fault_in`.
    pub fn forget_pages(&mut self, array: u32, table: u64, pages: Range<u64>) -> Result<()> {
        for (slot, generation) in self.l1.forget_pages(array, table, pages)? {
            self.shared.acknowledge(slot, generation);
        }
        Ok(())
    }

    /// Puts L1 in order; see [`L1::repair`]. No kernel runs and `has_only_fills`.
    pub fn repair_l1(&mut self) -> Result<()> {
        self.reclaim_lent();
        let arrays = &self.arrays;
        let fills: Vec<Fault> = self.filling().copied().collect();
        self.l1.repair(&fills, &|id| {
            arrays
                .get(id as usize)
                .and_then(Option::as_ref)
                .and_then(|it| it.placement.table())
        })
    }
}
