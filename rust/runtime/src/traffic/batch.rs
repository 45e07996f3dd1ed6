//! Operations of a batch: right from or into the memory of the parts, without a buffer between.
//! Copies among them are the owner's, as other slices that are carried out elsewhere.
//!
//! Where several parts want the same bytes, they are read into the first one's memory and copied
//! to the others' from there.

use super::errand::{Purpose, Work};
use super::{Errand, Traffic};
use gpuio_core::scheduling::batch::{BatchPart, BatchPlan, Scatter};
use gpuio_core::scheduling::{Request, RequestKind, Slice};
use gpuio_core::Error;
use gpuio_engines::engine::{Engine, MemorySpan, ResourceId};
use std::ops::Range;

impl<E: Engine, P: Purpose> Traffic<E, P> {
    /// Starts a batch as one errand. Memory of the parts is named by its address in this process.
    ///
    /// # Errors
    /// The purpose comes back with what the scheduler said.
    pub fn start_batch(
        &mut self,
        request: Request,
        parts: Vec<BatchPart>,
        purpose: P,
        now_ns: u64,
    ) -> std::result::Result<Errand, (P, Error)> {
        let errand = self.errands.vacancy();
        let request = Request {
            user_data: errand.number(),
            ..request
        };
        let writes = parts.iter().filter(|it| it.kind == RequestKind::Write);
        let mut written: Vec<_> = writes.map(|it| ResourceId(it.resource().0)).collect();
        written.sort_unstable_by_key(|it| it.0);
        written.dedup();
        self.submit(
            errand,
            request,
            Work::Batch(written),
            purpose,
            parts,
            now_ns,
        )
    }

    /// Of a batch: the part that a slice of a COPY is of, and where in it the slice begins.
    pub fn part_of(&self, slice: &Slice) -> Option<(usize, u64)> {
        let plan = self.scheduler.batch_plan(slice.request)?;
        let part = plan.part_of(slice.operation)?;
        Some((part as usize, slice.memory_offset()))
    }
}

/// Calls `each` with the runs of the slice's bytes, in order: offset in the operation, length, and
/// the address of their memory.
fn runs(plan: &BatchPlan, slice: &Slice, mut each: impl FnMut(Range<u64>, usize)) {
    let mut at = slice.memory_offset();
    let end = at + slice.length_bytes;
    // In order of their first byte, so each run belongs to the first that reaches beyond `at`.
    for scatter in plan.scatters_of(slice.operation) {
        let last = (scatter.operation_offset + scatter.length_bytes).min(end);
        if last <= at || scatter.operation_offset > at {
            continue;
        }
        each(at..last, address(scatter, at));
        at = last;
    }
    debug_assert_eq!(at, end, "an operation has no gaps");
}

/// Where a byte of an operation lies in its part's memory.
fn address(scatter: &Scatter, operation_offset: u64) -> usize {
    (scatter.memory + operation_offset - scatter.operation_offset) as usize
}

/// The memory of a slice.
pub(super) fn pieces(plan: &BatchPlan, slice: &Slice) -> Vec<MemorySpan> {
    let mut pieces: Vec<MemorySpan> = Vec::new();
    runs(plan, slice, |run, address| {
        let length_bytes = (run.end - run.start) as usize;
        match pieces.last_mut() {
            Some(last) if last.address + last.length_bytes == address => {
                last.length_bytes += length_bytes;
                last.capacity_bytes += length_bytes;
            }
            _ => pieces.push(MemorySpan {
                address,
                length_bytes,
                capacity_bytes: length_bytes,
            }),
        }
    });
    pieces
}

/// Copies the first `bytes` of a slice, which have been read, to all parts that want them. Takes no
/// longer than filling the parts' memory byte by byte. What is written is of one part each.
pub(super) fn spread(plan: &BatchPlan, slice: &Slice, bytes: u64) {
    let scatters = plan.scatters_of(slice.operation);
    let wanted: u64 = scatters.iter().map(|it| it.length_bytes).sum();
    let operation = &plan.operations[slice.operation as usize];
    if wanted == operation.length_bytes {
        return; // nothing is wanted twice
    }
    let done = slice.memory_offset() + bytes;
    let mut sources: Vec<(Range<u64>, usize)> = Vec::new();
    runs(plan, slice, |run, address| {
        if run.start < done {
            sources.push((run.start..run.end.min(done), address));
        }
    });
    for scatter in scatters {
        let scatter_end = scatter.operation_offset + scatter.length_bytes;
        let from = sources.partition_point(|(run, _)| run.end <= scatter.operation_offset);
        let overlapping = sources[from..].iter();
        for (run, source) in overlapping.take_while(|(run, _)| run.start < scatter_end) {
            let first = scatter.operation_offset.max(run.start);
            let length = (scatter_end.min(run.end) - first) as usize;
            let from = source + (first - run.start) as usize;
            let to = address(scatter, first);
            if from != to {
                // SAFETY: both lie in memory that the batch's owner keeps until it has ended.
                unsafe { std::ptr::copy(from as *const u8, to as *mut u8, length) };
            }
        }
    }
}
