//! How each part of a batch ended.

use super::part::BatchPart;
use super::plan::BatchPlan;
use crate::{Error, Result};

/// How one part ended: `Ok`, or the error that took bytes from it, with the offset and the number
/// of bytes that were moved nevertheless.
pub type PartResult = Result<()>;

/// Collects what became of the operations of a plan.
#[derive(Clone, Debug)]
pub struct BatchResults {
    done_bytes: Vec<u64>,
    errors: Vec<Option<Box<Error>>>,
}

impl BatchResults {
    /// For a batch of this many parts.
    pub fn new(part_count: usize) -> Self {
        Self {
            done_bytes: vec![0; part_count],
            errors: vec![None; part_count],
        }
    }

    /// `length_bytes` of an operation, from its byte `offset` on, were moved. Each byte is told of
    /// once.
    pub fn moved(&mut self, plan: &BatchPlan, operation: u32, offset: u64, length_bytes: u64) {
        let end = offset + length_bytes;
        for scatter in plan.scatters_of(operation) {
            let first = scatter.operation_offset.max(offset);
            let last = (scatter.operation_offset + scatter.length_bytes).min(end);
            self.done_bytes[scatter.part as usize] += last.saturating_sub(first);
        }
    }

    /// These bytes of an operation cannot be moved. Every part that has one of them fails; of
    /// several errors a part keeps the first it is told of.
    pub fn lost(
        &mut self,
        plan: &BatchPlan,
        operation: u32,
        offset: u64,
        length_bytes: u64,
        error: &Error,
    ) {
        let end = offset + length_bytes;
        let operation_start = plan.operations[operation as usize].offset;
        for scatter in plan.scatters_of(operation) {
            let first = scatter.operation_offset.max(offset);
            let last = (scatter.operation_offset + scatter.length_bytes).min(end);
            if first < last {
                let error = || Box::new(error.clone().with_offset(operation_start + first));
                self.errors[scatter.part as usize].get_or_insert_with(error);
            }
        }
    }

    /// Whether a part has failed.
    pub fn has_failures(&self) -> bool {
        self.errors.iter().any(Option::is_some)
    }

    /// The result of each part, in the order of the parts. `rest` is the error of those whose
    /// bytes were neither moved nor lost: the batch was cancelled or shed before.
    pub fn into_results(self, parts: &[BatchPart], rest: &Error) -> Vec<PartResult> {
        let ends = self.errors.into_iter().zip(self.done_bytes).zip(parts);
        ends.map(|((error, done_bytes), part)| match error {
            Some(error) => Err(error.with_bytes_done(done_bytes)),
            None if done_bytes < part.length_bytes => {
                let error = rest.clone().with_offset(part.offset());
                Err(error.with_bytes_done(done_bytes))
            }
            None => Ok(()),
        })
        .collect()
    }
}
