//! The transfers in flight: a slab of operations that owns their bookkeeping until the kernel is
//! done with it.
//!
//! All slots are made at once and reused, `iovec` lists included, so that a transfer allocates
//! nothing. Free slots and those that wait for their file are linked through [`Operation::next`].

use super::backend::{IoVectors, RequestKind, RequestMemory};
use super::plan::{next_piece, Geometry, Piece};
use crate::engine::{MemorySpan, Transfer, TransferKind};

/// The end of a list of slots.
pub(super) const NO_SLOT: u32 = u32::MAX;

/// A transfer in flight. At most one kernel request at a time works for it.
pub(super) struct Operation {
    pub(super) token: u64,
    pub(super) kind: RequestKind,
    pub(super) resource: u32,
    /// Byte offset in the file where the transfer starts.
    offset: u64,
    pub(super) total_bytes: u64,
    pub(super) done_bytes: u64,
    memory: Vec<MemorySpan>,
    /// The span the next byte belongs to, and how far into it.
    span: usize,
    within: usize,
    /// The request in flight.
    pub(super) piece: Piece,
    /// Requests that came back without progress since the last that made some.
    pub(super) fruitless: u32,
    /// The file system refused a direct request of this transfer.
    pub(super) buffered_only: bool,
    vectors: Vec<libc::iovec>,
    /// The next slot of the list this one is in.
    pub(super) next: u32,
}

// SAFETY: the raw pointers in `vectors` are addresses for the kernel; nothing here follows them.
unsafe impl Send for Operation {}

impl Operation {
    fn vacant(next: u32) -> Self {
        Self {
            token: 0,
            kind: RequestKind::Sync,
            resource: 0,
            offset: 0,
            total_bytes: 0,
            done_bytes: 0,
            memory: Vec::new(),
            span: 0,
            within: 0,
            piece: Piece::default(),
            fruitless: 0,
            buffered_only: false,
            vectors: Vec::new(),
            next,
        }
    }

    fn occupy(&mut self, transfer: Transfer, total_bytes: u64) {
        self.token = transfer.token;
        self.kind = request_kind(transfer.kind);
        self.resource = transfer.resource.0;
        self.offset = transfer.offset;
        self.total_bytes = total_bytes;
        self.done_bytes = 0;
        self.memory = transfer.memory;
        self.span = 0;
        self.within = 0;
        self.fruitless = 0;
        self.buffered_only = false;
        self.next = NO_SLOT;
        self.skip_used_spans();
    }

    /// The file offset of the next byte.
    pub(super) fn position(&self) -> u64 {
        self.offset + self.done_bytes
    }

    pub(super) fn is_complete(&self) -> bool {
        self.done_bytes == self.total_bytes
    }

    /// Decides on the next request and remembers it in `piece`.
    pub(super) fn plan(&mut self, geometry: Geometry) {
        self.piece = if self.kind == RequestKind::Sync {
            Piece::default()
        } else {
            let direct = geometry.direct && !self.buffered_only;
            let geometry = Geometry { direct, ..geometry };
            next_piece(
                self.kind,
                self.position(),
                &self.memory[self.span..],
                self.within,
                geometry,
            )
        };
    }

    /// The memory of the planned piece. Valid until the slot's next plan.
    pub(super) fn request_memory(&mut self) -> RequestMemory {
        if self.kind == RequestKind::Sync {
            return RequestMemory::NONE;
        }
        let first = &self.memory[self.span];
        let last = self.span + 1 == self.memory.len();
        let room = if last {
            first.capacity_bytes
        } else {
            first.length_bytes
        } - self.within;
        if self.piece.asked_bytes <= room as u64 {
            // A piece never exceeds MAX_REQUEST_BYTES, so it fits 32 bits.
            return RequestMemory::One(first.address + self.within, self.piece.asked_bytes as u32);
        }
        self.fill_vectors();
        let count = self.vectors.len() as u32;
        RequestMemory::Many(IoVectors {
            first: self.vectors.as_ptr(),
            count,
        })
    }

    fn fill_vectors(&mut self) {
        self.vectors.clear();
        let mut left = self.piece.asked_bytes;
        let mut start = self.within;
        for (index, span) in self.memory.iter().enumerate().skip(self.span) {
            let last = index + 1 == self.memory.len();
            let room = if last {
                span.capacity_bytes
            } else {
                span.length_bytes
            } - start;
            let length = left.min(room as u64);
            let base = (span.address + start) as *mut libc::c_void;
            self.vectors.push(libc::iovec {
                iov_base: base,
                iov_len: length as usize,
            });
            left -= length;
            start = 0;
            if left == 0 {
                break;
            }
        }
    }

    /// Counts `bytes` as done: at most what is left.
    pub(super) fn advance(&mut self, bytes: u64) {
        self.done_bytes += bytes;
        let mut left = bytes;
        while left > 0 {
            let step = left.min((self.memory[self.span].length_bytes - self.within) as u64);
            self.within += step as usize;
            left -= step;
            self.skip_used_spans();
        }
    }

    fn skip_used_spans(&mut self) {
        while self
            .memory
            .get(self.span)
            .is_some_and(|span| span.length_bytes == self.within)
        {
            self.span += 1;
            self.within = 0;
        }
    }
}

fn request_kind(kind: TransferKind) -> RequestKind {
    match kind {
        TransferKind::Read => RequestKind::Read,
        TransferKind::Write => RequestKind::Write,
        TransferKind::Sync => RequestKind::Sync,
    }
}

/// The slab.
pub(super) struct OperationTable {
    slots: Vec<Operation>,
    free: u32,
    used: usize,
}

impl OperationTable {
    pub(super) fn new(capacity: u32) -> Self {
        let link = |slot| {
            if slot + 1 == capacity {
                NO_SLOT
            } else {
                slot + 1
            }
        };
        let slots = (0..capacity)
            .map(|slot| Operation::vacant(link(slot)))
            .collect();
        Self {
            slots,
            free: if capacity == 0 { NO_SLOT } else { 0 },
            used: 0,
        }
    }

    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// Takes a slot; the table must not be full.
    pub(super) fn insert(&mut self, transfer: Transfer, total_bytes: u64) -> u32 {
        let slot = self.free;
        let operation = &mut self.slots[slot as usize];
        self.free = operation.next;
        self.used += 1;
        operation.occupy(transfer, total_bytes);
        slot
    }

    /// Gives a slot back.
    pub(super) fn remove(&mut self, slot: u32) {
        let operation = &mut self.slots[slot as usize];
        operation.memory = Vec::new();
        operation.next = self.free;
        self.free = slot;
        self.used -= 1;
    }

    pub(super) fn get(&mut self, slot: u32) -> &mut Operation {
        &mut self.slots[slot as usize]
    }
}

/// A first-in-first-out list of slots, linked through the slab.
pub(super) struct WaitList {
    first: u32,
    last: u32,
}

impl WaitList {
    pub(super) const EMPTY: Self = Self {
        first: NO_SLOT,
        last: NO_SLOT,
    };

    pub(super) fn first(&self) -> Option<u32> {
        (self.first != NO_SLOT).then_some(self.first)
    }

    pub(super) fn push(&mut self, slot: u32, operations: &mut OperationTable) {
        operations.get(slot).next = NO_SLOT;
        match self.first() {
            None => self.first = slot,
            Some(_) => operations.get(self.last).next = slot,
        }
        self.last = slot;
    }

    pub(super) fn pop(&mut self, operations: &mut OperationTable) -> Option<u32> {
        let slot = self.first()?;
        self.first = operations.get(slot).next;
        Some(slot)
    }
}
