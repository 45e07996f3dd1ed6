//! Many reads as one request (section 8.1): sorted by address, coalesced, grouped by engine, their
//! bytes handed back part by part.
//!
//! A part longer than the cap is cut into pieces; every other part is one piece. An *operation*
//! reads one range of a resource that covers one or more pieces, adjacent or overlapping; no piece
//! is spread over two operations. A part fails if a byte of it cannot be read, and only then:
//! parts beside it, and parts that ask for the same bytes, do not fail with it unless their own
//! bytes are among those lost.

mod plan;
mod results;

pub use plan::{BatchPart, BatchPlan, Group, Operation, Scatter};
pub use results::{BatchResults, PartResult};
