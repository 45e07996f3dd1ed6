//! Many reads and writes as one request (section 8.1): sorted by address, coalesced, grouped by
//! engine, their results handed back part by part.
//!
//! A part longer than the cap is cut into pieces; every other part is one piece. An *operation*
//! reads or writes one range of a resource that covers one or more pieces, adjacent or (of reads)
//! overlapping; no piece is spread over two operations.
//!
//! **Order.** A batch does what its parts would do one after the other, in the order of the list,
//! also where they overlap in a resource or in memory. Parts that meet are of different *stages*,
//! and a stage begins when the one before has ended; whether it went well does not matter, as in a
//! stream. Within a stage there is no order, and nothing that would show one.
//!
//! **Failure.** A part fails if a byte of it cannot be moved, and only then: when an operation
//! fails, its parts are tried again, each alone.

mod plan;
mod results;
mod stages;

pub use plan::{BatchPart, BatchPlan, Group, Operation, Scatter};
pub use results::{BatchResults, PartResult};
