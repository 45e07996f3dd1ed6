//! Operations of a batch: read right into the memory of the parts, without a buffer between.
//!
//! Where several parts want the same bytes, they are read into the first one's memory and copied
//! to the others' from there.

use super::errand::{Purpose, Target, Work};
use super::{Errand, Traffic};
use gpuio_core::scheduling::batch::{BatchPart, BatchPlan, Scatter};
use gpuio_core::scheduling::{Request, Slice};
use gpuio_core::Error;
use gpuio_engines::engine::{Engine, MemorySpan};
use std::ops::Range;

impl<E: Engine, P: Purpose> Traffic<E, P> {
    /// Starts a batch of reads as one errand. `dst` and `dst_offset` of the parts are not looked
    /// at: the bytes of part `k` go to `targets[k]`.
    ///
    /// # Errors
    /// The purpose comes back with what the scheduler said.
    pub fn start_batch(
        &mut self,
        request: Request,
        parts: Vec<BatchPart>,
        targets: Vec<Target>,
        purpose: P,
        now_ns: u64,
    ) -> std::result::Result<Errand, (P, Error)> {
        let errand = self.errands.vacancy();
        let request = Request {
            user_data: errand.number(),
            ..request
        };
        // Offsets in a part's memory are counted from the part's first byte.
        let parts = parts.into_iter().map(|part| BatchPart {
            dst_offset: 0,
            ..part
        });
        let (parts, work) = (parts.collect(), Work::Batch(targets));
        self.submit(errand, request, work, purpose, parts, now_ns)
    }
}

/// Calls `each` with the runs of the slice's bytes, in order: offset in the operation, length, and
/// the address that they are read to.
fn runs(
    plan: &BatchPlan,
    targets: &[Target],
    slice: &Slice,
    mut each: impl FnMut(Range<u64>, usize),
) {
    let (mut at, end) = (slice.dst_offset, slice.dst_offset + slice.length_bytes);
    // In order of their first byte, so each run belongs to the first that reaches beyond `at`.
    for scatter in plan.scatters_of(slice.operation) {
        let last = (scatter.operation_offset + scatter.length_bytes).min(end);
        if last <= at || scatter.operation_offset > at {
            continue;
        }
        each(at..last, address(targets, scatter, at));
        at = last;
    }
    debug_assert_eq!(at, end, "an operation has no gaps");
}

/// Where a byte of an operation lies in a part's memory.
fn address(targets: &[Target], scatter: &Scatter, operation_offset: u64) -> usize {
    let offset = scatter.dst_offset + operation_offset - scatter.operation_offset;
    targets[scatter.part as usize] + offset as usize
}

/// The memory of a slice.
pub(super) fn pieces(plan: &BatchPlan, targets: &[Target], slice: &Slice) -> Vec<MemorySpan> {
    let mut pieces: Vec<MemorySpan> = Vec::new();
    runs(plan, targets, slice, |run, address| {
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
/// longer than filling the parts' memory byte by byte.
pub(super) fn spread(plan: &BatchPlan, targets: &[Target], slice: &Slice, bytes: u64) {
    let scatters = plan.scatters_of(slice.operation);
    let wanted: u64 = scatters.iter().map(|it| it.length_bytes).sum();
    let operation = &plan.operations[slice.operation as usize];
    if wanted == operation.length_bytes {
        return; // nothing is wanted twice
    }
    let done = slice.dst_offset + bytes;
    let mut sources: Vec<(Range<u64>, usize)> = Vec::new();
    runs(plan, targets, slice, |run, address| {
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
            let to = address(targets, scatter, first);
            if from != to {
                // SAFETY: both lie in memory that the batch's owner keeps until it has ended.
                unsafe { std::ptr::copy(from as *const u8, to as *mut u8, length) };
            }
        }
    }
}
