//! What the simulation remembers of a request.

use gpuio_core::scheduling::batch::BatchPart;
use gpuio_core::scheduling::{Request, RequestId};

/// One request, from its submission on.
pub(super) struct Live {
    pub id: RequestId,
    pub request: Request,
    pub parts: Vec<BatchPart>,
    pub buffer: u64,
    /// Its place in its stream.
    pub position: usize,
    /// For atomic operations: what is added or stored, and what was there.
    pub operand: u64,
    pub old_value: u64,
    pub in_flight: u32,
    /// The oracle knows that it waits for a slot.
    pub is_ready: bool,
    pub has_begun: bool,
    /// Its class was of the highest level when it came.
    pub came_urgent: bool,
    pub is_cancelled: bool,
    pub has_ended: bool,
}
