//! What is kept of a request from its acceptance to its end.

use crate::scheduling::batch::{BatchPart, BatchPlan, BatchResults, Group, Operation};
use crate::scheduling::slicing::slice_length;
use crate::scheduling::{
    DeviceId, EngineKind, PriorityLevel, RegionId, Request, RequestKind, RequestStatus,
};
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
    /// Which of the plan's groups is in progress.
    group: usize,
}

impl Batch {
    pub fn new(parts: Vec<BatchPart>, plan: BatchPlan) -> Self {
        Self {
            results: BatchResults::new(parts.len()),
            parts,
            plan,
            group: 0,
        }
    }

    /// The group that an operation is of: the one in progress, or the next.
    fn group_of(&self, operation: u32) -> usize {
        let is_past = operation >= self.plan.groups[self.group].operations.end;
        (self.group + usize::from(is_past)).min(self.plan.groups.len() - 1)
    }
}

/// What a slice has to say of where its bytes come from and go to.
pub(super) struct Ends {
    pub kind: RequestKind,
    pub src: (RegionId, u64),
    pub dst: (RegionId, u64),
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
        !self.redo.is_empty() || (self.next_bytes().is_some() && !self.awaits_group())
    }

    /// Whether nothing is left to be done or waited for.
    pub fn is_settled(&self) -> bool {
        let is_over = !self.goes_on() || (self.waiting_retries == 0 && !self.has_work());
        self.in_flight == 0 && is_over
    }

    /// Whether a group of a batch has to end before the next one may begin.
    fn awaits_group(&self) -> bool {
        let Some(batch) = &self.batch else {
            return false;
        };
        let is_at_end = batch.group_of(self.next_operation) != batch.group;
        is_at_end && (self.in_flight > 0 || self.waiting_retries > 0)
    }

    /// Who carries out what is handed out next, and in which queue it waits.
    pub fn way(&self) -> (EngineKind, DeviceId) {
        let Some(batch) = &self.batch else {
            return (self.request.engine, self.request.device);
        };
        let group: &Group = match self.redo.is_empty() {
            true => &batch.plan.groups[batch.group_of(self.next_operation)],
            false => &batch.plan.groups[batch.group],
        };
        (group.engine, group.device)
    }

    /// All bytes that have to be moved.
    pub fn total_bytes(&self) -> u64 {
        match &self.batch {
            Some(batch) => batch.plan.moved_bytes(),
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
        let total = self.next_bytes()?;
        if let Some(batch) = &mut self.batch {
            batch.group = batch.group_of(operation);
        }
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

    /// Where the bytes of an operation come from and go to. Offsets in the memory of a batch are
    /// counted from the operation's first byte.
    pub fn ends(&self, operation: u32) -> Ends {
        let request = &self.request;
        let own = (
            (request.src, request.src_offset),
            (request.dst, request.dst_offset),
        );
        let (kind, (src, dst)) = match self.operation(operation) {
            Some(it) if it.kind == RequestKind::Write => {
                (it.kind, ((request.dst, 0), (it.resource, it.offset)))
            }
            Some(it) => (it.kind, ((it.resource, it.offset), (request.dst, 0))),
            None => (request.kind, own),
        };
        Ends { kind, src, dst }
    }

    fn cut(&self, operation: u32, offset: u64, remaining_bytes: u64, slice_bytes: u64) -> u64 {
        let ends = self.ends(operation);
        let (_, first) = match ends.kind {
            RequestKind::Write => ends.dst,
            _ => ends.src,
        };
        slice_length(ends.kind, first + offset, remaining_bytes, slice_bytes)
    }

    fn operation(&self, operation: u32) -> Option<&Operation> {
        self.batch.as_ref()?.plan.operations.get(operation as usize)
    }

    /// The length of the operation that is handed out next; `None` if there is none. What is no
    /// batch has one.
    fn next_bytes(&self) -> Option<u64> {
        match &self.batch {
            Some(_) => Some(self.operation(self.next_operation)?.length_bytes),
            None => (self.next_operation == 0).then_some(self.request.length_bytes),
        }
    }
}
