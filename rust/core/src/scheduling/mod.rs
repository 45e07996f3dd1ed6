//! Requests, streams and the order in which they reach the engines.
//!
//! Everything here is a value that is told the time and decides: what goes next, what is admitted,
//! what is tried again. Threads, engines and buffers are the runtime's; see
//! `docs/scheduling.md` for the whole and the figures.

pub mod admission;
pub mod batch;
mod class;
pub mod controller;
pub mod courtesy;
mod events;
mod figures;
mod heap;
pub mod histogram;
mod limits;
mod policy;
mod qos;
mod ready;
mod request;
pub mod retry;
pub mod scheduler;
mod slab;
pub mod slicing;
mod streams;

pub use admission::MAX_PROMISES;
pub use class::{PriorityLevel, RequestClass, CLASS_COUNT};
pub use controller::{Controller, Observation, SKIPS_MAX, URGENT_INFLATION};
pub use courtesy::{Courtesy, CourtesyOptions};
pub use events::{EventId, EventState, MAX_EVENTS};
pub use figures::{ClassFigures, Figures};
pub use limits::DeviceLimits;
pub use policy::SchedulerPolicy;
pub use qos::{InferenceQos, CRITICAL, MAX_DEADLINE_US};
pub use ready::{Popped, ReadyQueues, Room, Waiting, STARVATION_AGE_NS};
pub use request::{
    DeviceId, EngineKind, RegionId, Request, RequestId, RequestKind, RequestStatus, StreamId,
    ATOMIC_BYTES,
};
pub use scheduler::{Ended, Outcome, Scheduler, SchedulerOptions, Slice, SliceId};
pub use streams::MAX_STREAM_MARKS;
