//! Many transfers as one request (section 8.1): sorted by address, coalesced, grouped by engine,
//! their results handed back part by part.
//!
//! A part longer than the cap is cut into pieces; every other part is one piece. An *operation*
//! reads or writes one range of a resource that covers one or more pieces, adjacent or (of reads)
//! overlapping; no piece is spread over two operations. What is not between a resource and memory
//! is a *copy*: one operation, never cut here nor coalesced.
//!
//! **Order.** A batch does what its parts would do one after the other, in the order of the list,
//! also where they overlap, in whatever space. Parts that meet are of different *stages*,
//! and a stage begins when the one before has ended; whether it went well does not matter, as in a
//! stream. Within a stage there is no order, and nothing that would show one.
//!
//! **Failure.** A part fails if a byte of it cannot be moved, and only then: when an operation
//! fails, its parts are tried again, each alone.

mod part;
mod plan;
mod results;
mod stages;

pub use part::{BatchPart, BatchPlace, Space};
pub use plan::{BatchPlan, Group, Operation, Scatter};
pub use results::{BatchResults, PartResult};
