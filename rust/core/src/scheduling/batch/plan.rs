//! From parts to operations.

use crate::limits::{MAX_BATCH_PARTS, MAX_FILE_OFFSET};
use crate::scheduling::slicing::{MAX_SLICE_BYTES, MIN_SLICE_BYTES};
use crate::scheduling::{DeviceId, EngineKind, RegionId};
use crate::{Error, ErrorCode, Result};
use std::ops::Range;

/// Most operations that one batch may turn into.
const MAX_OPERATIONS: u64 = 1 << 20;

/// One read of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchPart {
    /// Who reads.
    pub engine: EngineKind,
    /// In which device queue.
    pub device: DeviceId,
    /// Where the bytes come from.
    pub src: RegionId,
    /// First byte in `src`.
    pub src_offset: u64,
    /// How many; at least 1.
    pub length_bytes: u64,
    /// Where the bytes go to.
    pub dst: RegionId,
    /// First byte in `dst`.
    pub dst_offset: u64,
}

/// One range to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// From where.
    pub src: RegionId,
    /// First byte in `src`.
    pub src_offset: u64,
    /// How many; at most the plan's cap.
    pub length_bytes: u64,
    /// What to do with the bytes: indices into [`BatchPlan::scatters`].
    pub scatters: Range<u32>,
}

/// A run of bytes of an operation that belongs to one part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scatter {
    /// The part's index in what was planned.
    pub part: u32,
    /// First byte, counted from the operation's first.
    pub operation_offset: u64,
    /// Where it goes to: an offset in the part's `dst` region.
    pub dst_offset: u64,
    /// How many.
    pub length_bytes: u64,
}

/// Operations that one engine can be given together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// For whom.
    pub engine: EngineKind,
    /// In which device queue.
    pub device: DeviceId,
    /// Indices into [`BatchPlan::operations`].
    pub operations: Range<u32>,
}

/// How a batch is carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchPlan {
    /// By engine and device; at most one each.
    pub groups: Vec<Group>,
    /// In order of group, resource and address.
    pub operations: Vec<Operation>,
    /// In order of operation, then of address.
    pub scatters: Vec<Scatter>,
}

/// A part, or as much of it as an operation may be long.
struct Piece {
    part: u32,
    src_offset: u64,
    dst_offset: u64,
    length_bytes: u64,
}

impl BatchPlan {
    /// Plans the parts, with operations of at most `coalesced_bytes_max` (limited to what a slice
    /// may be long).
    ///
    /// # Errors
    /// `InvalidArgument`: no part, more than [`MAX_BATCH_PARTS`], a part without bytes or beyond
    /// the largest offset, parts so long that they would be cut into more than a million pieces.
    pub fn new(parts: &[BatchPart], coalesced_bytes_max: u64) -> Result<Self> {
        let cap = coalesced_bytes_max.clamp(MIN_SLICE_BYTES, MAX_SLICE_BYTES);
        check(parts, cap)?;
        let mut pieces = Vec::with_capacity(parts.len());
        (0..parts.len()).for_each(|part| cut(part as u32, &parts[part], cap, &mut pieces));
        let place = |piece: &Piece| {
            let part = &parts[piece.part as usize];
            (part.engine, part.device, part.src)
        };
        pieces.sort_unstable_by_key(|it| (place(it), it.src_offset, it.length_bytes, it.part));

        let mut plan = Self::default();
        let mut last_place = None;
        for piece in &pieces {
            let is_same_place = last_place == Some(place(piece));
            if !(is_same_place && plan.extend(piece, cap)) {
                let (engine, device, src) = place(piece);
                plan.begin(engine, device, src, piece);
            }
            last_place = Some(place(piece));
        }
        Ok(plan)
    }

    /// What to do with the bytes of an operation.
    pub fn scatters_of(&self, operation: u32) -> &[Scatter] {
        let range = self.operations[operation as usize].scatters.clone();
        &self.scatters[range.start as usize..range.end as usize]
    }

    /// Bytes that will be read: less than were asked for where parts overlap.
    pub fn read_bytes(&self) -> u64 {
        self.operations.iter().map(|it| it.length_bytes).sum()
    }

    /// Adds the piece to the last operation if it lies in or next to it and there is room.
    fn extend(&mut self, piece: &Piece, cap: u64) -> bool {
        let Some(operation) = self.operations.last_mut() else {
            return false;
        };
        let end = operation.src_offset + operation.length_bytes;
        let new_end = end.max(piece.src_offset + piece.length_bytes);
        if piece.src_offset > end || new_end - operation.src_offset > cap {
            return false;
        }
        operation.length_bytes = new_end - operation.src_offset;
        operation.scatters.end += 1;
        let operation_offset = piece.src_offset - operation.src_offset;
        self.scatters.push(scatter(piece, operation_offset));
        true
    }

    /// Begins a new operation with the piece.
    fn begin(&mut self, engine: EngineKind, device: DeviceId, src: RegionId, piece: &Piece) {
        // Fewer than MAX_OPERATIONS of both.
        let (operation, first) = (self.operations.len() as u32, self.scatters.len() as u32);
        self.scatters.push(scatter(piece, 0));
        self.operations.push(Operation {
            src,
            src_offset: piece.src_offset,
            length_bytes: piece.length_bytes,
            scatters: first..first + 1,
        });
        match self.groups.last_mut() {
            Some(group) if (group.engine, group.device) == (engine, device) => {
                group.operations.end += 1;
            }
            _ => self.groups.push(Group {
                engine,
                device,
                operations: operation..operation + 1,
            }),
        }
    }
}

fn scatter(piece: &Piece, operation_offset: u64) -> Scatter {
    Scatter {
        part: piece.part,
        operation_offset,
        dst_offset: piece.dst_offset,
        length_bytes: piece.length_bytes,
    }
}

fn cut(index: u32, part: &BatchPart, cap: u64, pieces: &mut Vec<Piece>) {
    let mut done = 0;
    while done < part.length_bytes {
        let length_bytes = cap.min(part.length_bytes - done);
        pieces.push(Piece {
            part: index,
            src_offset: part.src_offset + done,
            dst_offset: part.dst_offset + done,
            length_bytes,
        });
        done += length_bytes;
    }
}

fn check(parts: &[BatchPart], cap: u64) -> Result<()> {
    let refuse = |message: String| {
        let error = Error::new(ErrorCode::InvalidArgument, "plan a batch", message);
        Err(error)
    };
    if parts.is_empty() || parts.len() > MAX_BATCH_PARTS {
        return refuse(format!(
            "{} parts; a batch has 1 to {MAX_BATCH_PARTS}",
            parts.len()
        ));
    }
    let mut pieces = 0u64;
    for (index, part) in parts.iter().enumerate() {
        let ends = [part.src_offset, part.dst_offset].map(|it| it.checked_add(part.length_bytes));
        let fits = ends
            .iter()
            .all(|end| end.is_some_and(|it| it <= MAX_FILE_OFFSET));
        if part.length_bytes == 0 || !fits {
            return refuse(format!(
                "part {index} has no bytes, or ends beyond byte {MAX_FILE_OFFSET}"
            ));
        }
        pieces = pieces.saturating_add(part.length_bytes.div_ceil(cap));
    }
    if pieces > MAX_OPERATIONS {
        return refuse(format!(
            "{pieces} pieces of {cap} bytes; at most {MAX_OPERATIONS}"
        ));
    }
    Ok(())
}
