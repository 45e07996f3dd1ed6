//! What errands are for, and who waits for them.

use crate::requests::RequestState;
use gpuio_core::scheduling::SliceId;
use gpuio_core::Error;
use gpuio_memory::ring::Fault;
use std::sync::Arc;

/// Why an errand was started.
pub enum Purpose {
    /// Fills these L2 frames, in order, with consecutive pages.
    Load {
        /// The frames.
        frames: Vec<u32>,
    },
    /// Fills the L1 frames of these faults, in order, with consecutive pages.
    Fill {
        /// The faults.
        faults: Vec<Fault>,
    },
    /// Writes this L2 frame to its resource.
    Write {
        /// The frame.
        frame: u32,
        /// Flushes that the array had seen when the write was started.
        flushes: u64,
    },
    /// Makes a resource durable for a job.
    Sync {
        /// The job.
        job: u64,
    },
    /// Carries out a user's request.
    User(Arc<RequestState>),
    /// A leg of this slice of one.
    Leg(SliceId),
}

impl crate::traffic::Purpose for Purpose {
    fn began(&self) {
        if let Self::User(state) = self {
            state.began();
        }
    }

    fn moved(&self, bytes: u64) {
        if let Self::User(state) = self {
            state.moved(bytes);
        }
    }
}

/// Who waits for an L2 frame to be filled.
#[derive(Clone, Debug)]
pub enum Waiter {
    /// A kernel.
    Fault(Fault),
    /// A job, which learns of failures through `Core::job_errors`.
    Job(u64),
}

/// Packs an error into the source word of a failed answer: errno above, negated code below.
pub fn failure_word(error: &Error) -> u64 {
    let code = error.code.number().unsigned_abs();
    u64::from(error.os_error as u32) << 32 | u64::from(code)
}
