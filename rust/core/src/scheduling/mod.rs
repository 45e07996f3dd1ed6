//! Requests, streams and the order in which they reach the engines.
//!
//! Everything here is a value that is told the time and decides: what goes next, what is admitted,
//! what is tried again. Threads, engines and buffers are the runtime's; see
//! `docs/scheduling.md` for the whole and the figures.

mod class;
mod heap;
pub mod histogram;
mod policy;
mod qos;
mod ready;
mod request;
pub mod retry;
mod slab;
pub mod slicing;

pub use class::{PriorityLevel, RequestClass, CLASS_COUNT};
pub use policy::SchedulerPolicy;
pub use qos::{InferenceQos, CRITICAL, MAX_DEADLINE_US};
pub use ready::{Popped, ReadyQueues, Room, Waiting, STARVATION_AGE_NS};
pub use request::{
    DeviceId, EngineKind, RegionId, Request, RequestId, RequestKind, RequestStatus, StreamId,
    ATOMIC_BYTES,
};
