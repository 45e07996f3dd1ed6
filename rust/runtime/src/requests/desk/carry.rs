//! Slices that the engine alone cannot carry out: copies, arrays, the device's memory, atomics.
//!
//! Where one side is host memory, a slice is one move. Else it goes piece by piece through a
//! staging buffer: fetched into it, then stored from it.

use super::moves::{Begun, Wait};
use super::staging::BUFFER_BYTES;
use crate::requests::order::{Order, Spot};
use crate::requests::state::RequestState;
use crate::service::{Core, Purpose};
use gpuio_core::scheduling::{RequestClass, RequestKind, Slice, SliceId};
use gpuio_core::{Error, ErrorCode, Result};
use gpuio_memory::device::Device;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::TryRecvError;
use std::sync::Arc;

/// Bytes that the service itself copies in one turn, so that other work gets one, too.
const COPIED_A_TURN: u64 = 1 << 20;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// From one side to the other.
    Direct,
    /// From the source to the buffer.
    Fetch,
    /// From the buffer to the target.
    Store,
}

/// A slice on its way.
pub struct Carry {
    pub slice: Slice,
    class: RequestClass,
    /// Its first byte at both ends.
    from: Spot,
    to: Spot,
    /// Bytes that have arrived.
    pub done: u64,
    step: Step,
    pub buffer: Option<usize>,
    /// What it waits for; none: for a buffer.
    pub wait: Option<Wait>,
    /// How the wait ended.
    outcome: Option<Result<()>>,
}

impl Carry {
    /// Whether it waits for the copy engine.
    pub fn is_copy(&self) -> bool {
        matches!(self.wait, Some(Wait::Copy(_)))
    }

    /// Looks whether its wait is over.
    pub fn poll(&mut self, device: &dyn Device) -> bool {
        let outcome = match &self.wait {
            Some(Wait::Copy(ticket)) => match device.copy_done(*ticket) {
                Ok(false) => None,
                Ok(true) => Some(Ok(())),
                Err(error) => Some(Err(error)),
            },
            Some(Wait::Job(outcome)) => match outcome.try_recv() {
                Ok(outcome) => Some(outcome),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Disconnected) => {
                    let message = "the job has gone: a defect in gpuio";
                    Some(Err(Error::new(ErrorCode::General, "copy", message)))
                }
            },
            Some(Wait::Leg | Wait::Worker) | None => None,
        };
        self.outcome = self.outcome.take().or(outcome);
        self.outcome.is_some()
    }

    /// A worker has copied the piece on its way, or not.
    pub fn end_copy(&mut self, outcome: Result<()>) {
        if self.step == Step::Direct && outcome.is_ok() {
            self.done += self.piece_bytes();
        }
    }

    /// Bytes of the piece on its way.
    fn piece_bytes(&self) -> u64 {
        let left = self.slice.length_bytes - self.done;
        match self.step {
            Step::Direct => left,
            Step::Fetch | Step::Store => left.min(BUFFER_BYTES),
        }
    }

    /// The ends of the move that comes next.
    fn ends(&self) -> (Spot, Spot) {
        let (from, to) = (self.from.plus(self.done), self.to.plus(self.done));
        match (self.step, self.buffer) {
            (Step::Fetch, Some(buffer)) => (from, Spot::Host(buffer)),
            (Step::Store, Some(buffer)) => (Spot::Host(buffer), to),
            _ => (from, to),
        }
    }

    fn needs_buffer(&self) -> bool {
        match (self.from, self.to) {
            (Spot::Host(_), Spot::Host(_)) => false,
            // The copy engine wants pinned memory.
            (Spot::Device(_), _) | (_, Spot::Device(_)) => true,
            (Spot::Host(_), _) | (_, Spot::Host(_)) => false,
            _ => true,
        }
    }
}

impl Core {
    /// Takes slices that are to be carried out here, and those on their way further. Returns
    /// whether anything moved.
    pub fn carry_requests(&mut self) -> bool {
        let mut any = false;
        self.desk.copied_bytes = 0;
        // How many there are is bounded by the slots.
        while self.desk.copied_bytes < COPIED_A_TURN {
            let Some(slice) = self.traffic.next_elsewhere() else {
                break;
            };
            any = true;
            self.begin_carry(slice);
        }
        while let Some((number, outcome)) = self.desk.shared.crew.next_copied() {
            any = true;
            if let Some(mut carry) = self.desk.carries.remove(&number) {
                carry.outcome = Some(outcome);
                self.go_on(carry);
            }
        }
        if self.desk.carries.is_empty() {
            return any;
        }
        let device = Arc::clone(&self.device);
        let ended = self.desk.carries.extract_if(|_, it| it.poll(&*device));
        let ended: Vec<Carry> = ended.map(|(_, carry)| carry).collect();
        any |= !ended.is_empty();
        ended.into_iter().for_each(|carry| self.go_on(carry));
        any
    }

    /// A leg of a slice has ended.
    pub fn leg_ended(&mut self, slice: SliceId, outcome: Result<()>) {
        if let Some(mut carry) = self.desk.carries.remove(&slice.number()) {
            carry.outcome = Some(outcome);
            self.go_on(carry);
        }
    }

    fn begin_carry(&mut self, slice: Slice) {
        let Some(Purpose::User(state)) = self.traffic.purpose_of(&slice) else {
            return; // only users' requests are carried out so
        };
        let state = Arc::clone(state);
        if slice.kind.is_atomic() {
            state.carry_out_atomic();
            let now_ns = self.now_ns();
            return self
                .traffic
                .complete(slice.id, slice.length_bytes, None, now_ns);
        }
        let (from, to) = self.ends_of(&slice, &state.order);
        let mut carry = Carry {
            slice,
            class: state.order.class,
            from,
            to,
            done: 0,
            step: Step::Direct,
            buffer: None,
            wait: None,
            outcome: None,
        };
        if carry.needs_buffer() {
            carry.step = Step::Fetch;
            match self.desk.staging.take() {
                Ok(Some(buffer)) => carry.buffer = Some(buffer),
                Ok(None) => {
                    self.desk.carries.insert(slice.id.number(), carry);
                    return;
                }
                Err(error) => return self.finish_carry(carry, Some(error)),
            }
        }
        self.move_on(carry);
    }

    /// The first byte of a slice at both ends.
    fn ends_of(&self, slice: &Slice, order: &Order) -> (Spot, Spot) {
        let in_batch = self.traffic.part_of(slice);
        let in_batch = in_batch.and_then(|(part, at)| Some((order.parts().get(part)?, at)));
        let (src, dst, at) = match in_batch {
            Some((part, at)) => (part.src, part.dst, at),
            None => (
                order.src,
                order.dst,
                slice.src_offset - order.src.number().1,
            ),
        };
        (src.first.plus(at), dst.first.plus(at))
    }

    /// Starts moves until one has to be waited for.
    fn move_on(&mut self, mut carry: Carry) {
        loop {
            let ends = carry.ends();
            match self.begin_move(&carry.slice, carry.class, ends, carry.piece_bytes()) {
                Begun::Waits(wait) => {
                    carry.wait = Some(wait);
                    self.desk.carries.insert(carry.slice.id.number(), carry);
                    return;
                }
                Begun::Done(outcome) => {
                    carry.outcome = Some(outcome);
                    match self.stepped(carry) {
                        Some(rest) => carry = rest,
                        None => return,
                    }
                }
            }
        }
    }

    /// A move that was waited for has ended.
    fn go_on(&mut self, carry: Carry) {
        if let Some(rest) = self.stepped(carry) {
            self.move_on(rest);
        }
    }

    /// Takes note of a move that has ended. Gives the slice back unless that was its last.
    fn stepped(&mut self, mut carry: Carry) -> Option<Carry> {
        carry.wait = None;
        if let Some(Err(mut error)) = carry.outcome.take() {
            // Legs and jobs have tried again already; what had no room was not tried.
            error.retryable &= error.code == ErrorCode::Busy;
            self.finish_carry(carry, Some(error));
            return None;
        }
        if carry.step == Step::Fetch {
            carry.step = Step::Store;
            return Some(carry);
        }
        carry.done += carry.piece_bytes();
        if carry.done == carry.slice.length_bytes {
            self.finish_carry(carry, None);
            return None;
        }
        if carry.step == Step::Store {
            carry.step = Step::Fetch;
        }
        Some(carry)
    }

    /// A slice ends; its buffer goes to one that waits.
    pub(super) fn finish_carry(&mut self, carry: Carry, error: Option<Error>) {
        let now_ns = self.now_ns();
        let slice = carry.slice.id;
        self.traffic.complete(slice, carry.done, error, now_ns);
        let Some(buffer) = carry.buffer else {
            return;
        };
        let waiting = self.desk.carries.iter();
        let mut waiting = waiting.filter(|(_, it)| it.wait.is_none());
        let next = waiting.next().map(|(number, _)| *number);
        match next.and_then(|number| self.desk.carries.remove(&number)) {
            Some(mut carry) => {
                carry.buffer = Some(buffer);
                self.move_on(carry);
            }
            None => self.desk.staging.give_back(buffer),
        }
    }
}

impl RequestState {
    /// Carries out an atomic operation and keeps what was there before.
    pub(super) fn carry_out_atomic(&self) {
        let order = &self.order;
        let Spot::Host(address) = order.dst.first else {
            return; // refused when it was submitted
        };
        // SAFETY: eight aligned bytes of a registered region, which stays mapped until the request
        // has ended, and which others access atomically by the caller's contract.
        let word = unsafe { AtomicU64::from_ptr(address as *mut u64) };
        self.set_old_value(match order.kind {
            RequestKind::AtomicFetchAdd => word.fetch_add(order.operand, Ordering::AcqRel),
            _ => {
                let (success, failure) = (Ordering::AcqRel, Ordering::Acquire);
                let swapped = word.compare_exchange(order.compare, order.operand, success, failure);
                swapped.unwrap_or_else(|found| found)
            }
        });
    }
}
