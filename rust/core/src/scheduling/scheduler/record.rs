//! What is kept of a request from its acceptance to its end.

use crate::scheduling::batch::{BatchPart, BatchPlan, BatchResults};
use crate::scheduling::slicing::slice_length;
use crate::scheduling::{PriorityLevel, Request, RequestKind, RequestStatus};
use crate::Error;

/// A range of a request that has to be transferred. Of a batch, a range of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fragment {
    pub operation: u32,
    pub offset: u64,
    pub length_bytes: u64,
    /// Attempts that were begun.
    pub attempts: u32,
    /// When the first was.
    pub first_ns: u64,
}

/// The parts of a batch.
pub(super) struct Batch {
    pub parts: Vec<BatchPart>,
    pub plan: BatchPlan,
    pub results: BatchResults,
}

/// One request.
pub(super) struct Record {
    pub request: Request,
    pub status: RequestStatus,
    pub sequence: u64,
    /// When its stream came to it, and when its first slice was handed out.
    pub turn_ns: u64,
    pub started_ns: u64,
    pub due_ns: u64,
    /// What admission takes it to last; 0 if it was not asked.
    pub cost_ns: u64,
    pub bytes_completed: u64,
    /// The first range that was not handed out yet.
    next_operation: u32,
    next_offset: u64,
    /// Ranges that have to be handed out again.
    redo: Vec<Fragment>,
    pub in_flight: u32,
    pub waiting_retries: u32,
    pub is_cancelled: bool,
    /// Its class was of the highest level when it came; promotion does not count.
    pub came_urgent: bool,
    pub failure: Option<Box<Error>>,
    pub batch: Option<Box<Batch>>,
}

impl Record {
    pub fn new(request: Request, sequence: u64, now_ns: u64) -> Self {
        Self {
            request,
            status: RequestStatus::Pending,
            sequence,
            turn_ns: now_ns,
            started_ns: now_ns,
            due_ns: u64::MAX,
            cost_ns: 0,
            bytes_completed: 0,
            next_operation: 0,
            next_offset: 0,
            redo: Vec::new(),
            in_flight: 0,
            waiting_retries: 0,
            is_cancelled: false,
            came_urgent: request.class.level() == PriorityLevel::High,
            failure: None,
            batch: None,
        }
    }

    /// Goes on to another status.
    ///
    /// # Panics
    /// If the step is not legal.
    pub fn become_status(&mut self, next: RequestStatus) {
        let is_legal = self.status.may_become(next);
        assert!(is_legal, "{:?} cannot become {next:?}", self.status);
        self.status = next;
    }

    /// Whether it goes on: neither cancelled nor failed.
    pub fn goes_on(&self) -> bool {
        !self.is_cancelled && self.failure.is_none()
    }

    /// Whether something can be handed out.
    pub fn has_work(&self) -> bool {
        !self.redo.is_empty() || self.operation_bytes(self.next_operation).is_some()
    }

    /// Whether nothing is left to be done or waited for.
    pub fn is_settled(&self) -> bool {
        let is_over = !self.goes_on() || (self.waiting_retries == 0 && !self.has_work());
        self.in_flight == 0 && is_over
    }

    /// All bytes that have to be moved.
    pub fn total_bytes(&self) -> u64 {
        match &self.batch {
            Some(batch) => batch.plan.read_bytes(),
            None => self.request.length_bytes,
        }
    }

    /// The next range to hand out, no longer than a slice.
    pub fn take(&mut self, slice_bytes: u64, now_ns: u64) -> Option<Fragment> {
        if let Some(mut fragment) = self.redo.pop() {
            let length = self.cut(
                fragment.operation,
                fragment.offset,
                fragment.length_bytes,
                slice_bytes,
            );
            if length < fragment.length_bytes {
                self.redo.push(Fragment {
                    offset: fragment.offset + length,
                    length_bytes: fragment.length_bytes - length,
                    ..fragment
                });
                fragment.length_bytes = length;
            }
            return Some(fragment);
        }
        let (operation, offset) = (self.next_operation, self.next_offset);
        let total = self.operation_bytes(operation)?;
        let length_bytes = self.cut(operation, offset, total - offset, slice_bytes);
        self.next_offset += length_bytes;
        if self.next_offset == total {
            self.next_operation += 1;
            self.next_offset = 0;
        }
        Some(Fragment {
            operation,
            offset,
            length_bytes,
            attempts: 0,
            first_ns: now_ns,
        })
    }

    /// A range that has to be handed out again.
    pub fn redo(&mut self, fragment: Fragment) {
        self.redo.push(fragment);
    }

    /// Where the bytes of an operation begin: in `src`, in `dst`.
    pub fn offsets(&self, operation: u32) -> (u64, u64) {
        match &self.batch {
            Some(batch) => (batch.plan.operations[operation as usize].src_offset, 0),
            None => (self.request.src_offset, self.request.dst_offset),
        }
    }

    fn cut(&self, operation: u32, offset: u64, remaining_bytes: u64, slice_bytes: u64) -> u64 {
        let (src_offset, dst_offset) = self.offsets(operation);
        let first = match self.request.kind {
            RequestKind::Write => dst_offset,
            _ => src_offset,
        };
        slice_length(
            self.request.kind,
            first + offset,
            remaining_bytes,
            slice_bytes,
        )
    }

    /// The length of an operation; `None` if there are fewer. What is no batch has one.
    fn operation_bytes(&self, operation: u32) -> Option<u64> {
        match &self.batch {
            Some(batch) => {
                let operation = batch.plan.operations.get(operation as usize)?;
                Some(operation.length_bytes)
            }
            None => (operation == 0).then_some(self.request.length_bytes),
        }
    }
}
