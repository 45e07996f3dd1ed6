//! Slices out to the engine, completions back in.

use super::batch;
use super::errand::{Errand, Purpose, Work};
use super::spans::part_of;
use super::syncs::Syncs;
use super::Traffic;
use gpuio_core::scheduling::{Outcome, PriorityLevel, RequestKind, Slice, SliceId};
use gpuio_core::{Error, Result};
use gpuio_engines::engine::{Engine, ResourceId, Transfer, TransferKind};

/// Completions taken in one turn. Drives complete in bursts: the owner tells of the first ones, and
/// whoever waits for them asks for more, while the others are taken. With 64 in flight a drive
/// would otherwise run dry meanwhile.
const COMPLETIONS_A_TURN: usize = 8;

/// A slice in flight.
pub(super) struct Flight {
    pub slice: Slice,
}

impl<E: Engine, P: Purpose> Traffic<E, P> {
    /// Takes what the engine has finished, lets retries go whose time has come, and gives the
    /// engine what is to go out now, in one submission. Returns whether anything moved.
    pub fn pump(&mut self, now_ns: u64) -> bool {
        let mut moved = self.poll(now_ns);
        if self.next_timer_ns().is_some_and(|due_ns| due_ns <= now_ns) {
            self.scheduler.expire(now_ns);
        }
        moved |= self.dispatch(now_ns);
        if std::mem::take(&mut self.is_pushed) {
            self.engine.submit();
        }
        moved || self.has_ended()
    }

    /// Takes a few of the completions that the engine has; it is asked for more when none are left.
    fn poll(&mut self, now_ns: u64) -> bool {
        if self.completions.is_empty() {
            self.engine.poll(&mut self.completions);
            self.completions.reverse(); // the first is taken from the end
        }
        let left = self.completions.len().saturating_sub(COMPLETIONS_A_TURN);
        let mut any = false;
        while self.completions.len() > left {
            let Some(completion) = self.completions.pop() else {
                break;
            };
            any = true;
            self.arrived(completion.token, completion.result, now_ns);
        }
        if any {
            self.push_backlog();
            self.collect();
        }
        any
    }

    fn arrived(&mut self, token: u64, result: Result<()>, now_ns: u64) {
        if Syncs::<P>::is_token(token) {
            return self.synced(token, result);
        }
        let Some(flight) = self.flights.get(&token) else {
            return;
        };
        let slice = flight.slice;
        let (bytes, error) = match result {
            Ok(()) => (slice.length_bytes, None),
            // What failed did not move everything, whatever it counts.
            Err(error) => (error.bytes_done.min(slice.length_bytes - 1), Some(error)),
        };
        self.complete(slice.id, bytes, error, now_ns);
    }

    /// A slice is done: of the engine's, or one that the owner carried out.
    pub fn complete(&mut self, slice: SliceId, bytes: u64, error: Option<Error>, now_ns: u64) {
        let Some(flight) = self.flights.remove(&slice.number()) else {
            return;
        };
        let errand = Errand::from_number(flight.slice.user_data);
        if let Some(entry) = self.errands.get_mut(errand) {
            entry.purpose.moved(bytes);
            if let Some(error) = &error {
                entry.blamed = error.offset;
            }
            if let (Work::Batch(_), Some(plan)) = (&entry.work, self.scheduler.batch_plan(entry.id))
            {
                batch::spread(plan, &flight.slice, bytes);
            }
        }
        let random = &mut self.random;
        let mut next = || next_random(random);
        let outcome = Outcome { bytes, error };
        // Refused only for a slice that is not in flight or too many bytes: neither is possible.
        let taken = self.scheduler.complete(slice, outcome, now_ns, &mut next);
        debug_assert!(taken.is_ok());
        #[cfg(test)]
        self.plant(super::Planted::EndsBeforeTheLastSlice, errand);
        self.collect();
    }

    /// Gives the engine what is to go out now. Returns whether there was anything.
    fn dispatch(&mut self, now_ns: u64) -> bool {
        let mut any = false;
        let mut slices = std::mem::take(&mut self.slices);
        while let Some(device) = self.scheduler.next_device() {
            self.scheduler.dispatch(device, now_ns, &mut slices);
            any |= !slices.is_empty();
            for slice in slices.drain(..) {
                self.send(slice);
            }
            self.collect(); // what was shed
        }
        self.slices = slices;
        any
    }

    /// A slice goes out.
    fn send(&mut self, slice: Slice) {
        let errand = Errand::from_number(slice.user_data);
        let Some(entry) = self.errands.get(errand) else {
            return;
        };
        let request = &entry.request;
        let (kind, memory) = match &entry.work {
            Work::Elsewhere => (TransferKind::Read, None),
            Work::Batch(_) if slice.kind == RequestKind::Copy => (TransferKind::Read, None),
            Work::Transfer(kind, pieces) => {
                let first = slice.src_offset - request.src_offset;
                (*kind, Some(part_of(pieces, first, slice.length_bytes)))
            }
            Work::Batch(_) => {
                let plan = self.scheduler.batch_plan(entry.id);
                let kind = match slice.kind {
                    RequestKind::Write => TransferKind::Write,
                    _ => TransferKind::Read,
                };
                (kind, plan.map(|plan| batch::pieces(plan, &slice)))
            }
        };
        entry.purpose.began();
        let is_urgent = request.class.level() == PriorityLevel::High;
        self.flights.insert(slice.id.number(), Flight { slice });
        let Some(memory) = memory else {
            self.elsewhere.push_back(slice);
            return;
        };
        let (resource, offset) = match kind {
            TransferKind::Write => (slice.dst, slice.dst_offset),
            _ => (slice.src, slice.src_offset),
        };
        let transfer = Transfer {
            token: slice.id.number(),
            kind,
            resource: ResourceId(resource.0),
            offset,
            memory,
        };
        self.push(transfer, is_urgent);
    }

    /// Queues a transfer, or keeps it until the engine has room.
    pub(super) fn push(&mut self, transfer: Transfer, is_urgent: bool) {
        let refused = match self.backlog.is_empty() || is_urgent {
            true => self.engine.queue(transfer),
            false => Err(transfer), // not past those that wait
        };
        self.is_pushed = true;
        match refused {
            Ok(()) => {}
            Err(transfer) if is_urgent => self.backlog.push_front(transfer),
            Err(transfer) => self.backlog.push_back(transfer),
        }
    }

    /// Queues what was handed back, as far as its engine has room. Engines do not wait for each
    /// other: all are offered what is theirs.
    fn push_backlog(&mut self) {
        for _ in 0..self.backlog.len() {
            let Some(transfer) = self.backlog.pop_front() else {
                return;
            };
            match self.engine.queue(transfer) {
                Ok(()) => self.is_pushed = true,
                Err(transfer) => self.backlog.push_back(transfer),
            }
        }
    }
}

/// SplitMix64: spreads retries, which needs no more than that.
fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
