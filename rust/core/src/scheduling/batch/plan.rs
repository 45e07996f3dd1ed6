//! From parts to operations.

use super::part::BatchPart;
use super::stages::stages;
use crate::limits::{MAX_BATCH_PARTS, MAX_FILE_OFFSET};
use crate::scheduling::slicing::{MAX_SLICE_BYTES, MIN_SLICE_BYTES};
use crate::scheduling::{DeviceId, EngineKind, RegionId, RequestKind};
use crate::{Error, ErrorCode, Result};
use std::ops::Range;

/// Most operations that one batch may turn into.
const MAX_OPERATIONS: u64 = 1 << 20;

/// One range to be read, written or copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// READ, WRITE or COPY.
    pub kind: RequestKind,
    /// What is read or written; see [`BatchPart::resource`].
    pub resource: RegionId,
    /// First byte there.
    pub offset: u64,
    /// How many; at most the plan's cap, but for a copy.
    pub length_bytes: u64,
    /// Where the bytes belong: indices into [`BatchPlan::scatters`].
    pub scatters: Range<u32>,
}

/// A run of bytes of an operation that belongs to one part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scatter {
    /// The part's index in what was planned.
    pub part: u32,
    /// First byte, counted from the operation's first.
    pub operation_offset: u64,
    /// Its address in memory; of a copy, its first byte where it goes to.
    pub memory: u64,
    /// How many.
    pub length_bytes: u64,
}

/// Operations that one engine can be given together. Each group begins when the one before it has
/// ended.
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
    /// By stage, then by engine and device; of a stage, at most one each.
    pub groups: Vec<Group>,
    /// In order of group, resource, kind and address.
    pub operations: Vec<Operation>,
    /// In order of operation, then of address.
    pub scatters: Vec<Scatter>,
}

/// A part, or as much of it as an operation may be long.
struct Piece {
    /// What the operation it belongs to has in common with others.
    place: Place,
    part: u32,
    offset: u64,
    memory: u64,
    length_bytes: u64,
}

/// Stage, engine, device; then resource, and what is done with it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place((u32, EngineKind, DeviceId), (RegionId, RequestKind));

impl BatchPlan {
    /// Plans the parts, with operations of at most `coalesced_bytes_max` (limited to what a slice
    /// may be long).
    ///
    /// # Errors
    /// `InvalidArgument`: no part, more than [`MAX_BATCH_PARTS`], one of another kind or between
    /// other places than [`BatchPart::kind`] says, without bytes or beyond the largest offset,
    /// parts so long that they would be cut into more than a million pieces.
    pub fn new(parts: &[BatchPart], coalesced_bytes_max: u64) -> Result<Self> {
        let cap = coalesced_bytes_max.clamp(MIN_SLICE_BYTES, MAX_SLICE_BYTES);
        check(parts, cap)?;
        let stages = stages(parts);
        let mut pieces = Vec::with_capacity(parts.len());
        for (index, part) in parts.iter().enumerate() {
            let stage = stages.get(index).copied().unwrap_or_default();
            cut((index as u32, part), stage, cap, &mut pieces);
        }
        pieces.sort_unstable_by_key(|it| (it.place, it.offset, it.length_bytes, it.part));

        let mut plan = Self::default();
        let mut last = None;
        for piece in &pieces {
            if last != Some(piece.place) || !plan.extend(piece, cap) {
                let goes_on = last.is_some_and(|Place(group, _)| group == piece.place.0);
                plan.begin(piece, goes_on);
            }
            last = Some(piece.place);
        }
        Ok(plan)
    }

    /// Where the bytes of an operation belong.
    pub fn scatters_of(&self, operation: u32) -> &[Scatter] {
        let range = self.operations[operation as usize].scatters.clone();
        &self.scatters[range.start as usize..range.end as usize]
    }

    /// Bytes that will be moved: less than were asked for where reads overlap.
    pub fn moved_bytes(&self) -> u64 {
        self.operations.iter().map(|it| it.length_bytes).sum()
    }

    /// A range of an operation, cut where parts begin or end.
    pub fn runs_of(&self, operation: u32, range: Range<u64>) -> Vec<Range<u64>> {
        let scatters = self.scatters_of(operation).iter();
        let ends = scatters.flat_map(|it| {
            let first = it.operation_offset;
            [first, first + it.length_bytes]
        });
        let inside = ends.filter(|at| range.start < *at && *at < range.end);
        let mut cuts: Vec<u64> = inside.chain([range.start, range.end]).collect();
        cuts.sort_unstable();
        cuts.dedup();
        cuts.windows(2).map(|pair| pair[0]..pair[1]).collect()
    }

    /// The part that an operation is of: all of it, if it is a copy; else the first of several.
    pub fn part_of(&self, operation: u32) -> Option<u32> {
        let range = &self.operations.get(operation as usize)?.scatters;
        let first = self.scatters.get(range.start as usize)?;
        Some(first.part)
    }

    /// Adds the piece to the last operation if it lies in or next to it and there is room.
    fn extend(&mut self, piece: &Piece, cap: u64) -> bool {
        let mergeable = |it: &&mut Operation| it.kind != RequestKind::Copy;
        let Some(operation) = self.operations.last_mut().filter(mergeable) else {
            return false;
        };
        let end = operation.offset + operation.length_bytes;
        let new_end = end.max(piece.offset + piece.length_bytes);
        if piece.offset > end || new_end - operation.offset > cap {
            return false;
        }
        operation.length_bytes = new_end - operation.offset;
        operation.scatters.end += 1;
        let operation_offset = piece.offset - operation.offset;
        self.scatters.push(scatter(piece, operation_offset));
        true
    }

    /// Begins a new operation with the piece, in the last group or in one of its own.
    fn begin(&mut self, piece: &Piece, goes_on: bool) {
        // Fewer than MAX_OPERATIONS of both.
        let (operation, first) = (self.operations.len() as u32, self.scatters.len() as u32);
        let Place((_, engine, device), (resource, kind)) = piece.place;
        self.scatters.push(scatter(piece, 0));
        self.operations.push(Operation {
            kind,
            resource,
            offset: piece.offset,
            length_bytes: piece.length_bytes,
            scatters: first..first + 1,
        });
        match self.groups.last_mut().filter(|_| goes_on) {
            Some(group) => group.operations.end += 1,
            None => self.groups.push(Group {
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
        memory: piece.memory,
        length_bytes: piece.length_bytes,
    }
}

fn cut((index, part): (u32, &BatchPart), stage: u32, cap: u64, pieces: &mut Vec<Piece>) {
    let place = Place(
        (stage, part.engine, part.device),
        (part.resource(), part.kind),
    );
    // Nothing would be put together with pieces of a copy: the scheduler cuts it as it goes out.
    let cap = match part.kind {
        RequestKind::Copy => part.length_bytes,
        _ => cap,
    };
    let (there, here) = part.ends();
    let mut done = 0;
    while done < part.length_bytes {
        let length_bytes = cap.min(part.length_bytes - done);
        pieces.push(Piece {
            place,
            part: index,
            offset: there.first + done,
            memory: here.first + done,
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
        if !part.fits() {
            return refuse(format!(
                "part {index} is to {} between {:?} and {:?}; a batch reads from resources to \
                 memory, writes the other way, and copies",
                part.kind.verb(),
                part.src.space,
                part.dst.space
            ));
        }
        if !part.is_in_range() {
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
