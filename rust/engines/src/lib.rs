//! I/O engines.
//!
//! [`engine`] is the contract; [`localio`] moves bytes of files and block devices, [`memio`] is
//! memory of this host, and [`registry::Engines`] opens any URI with the engine it belongs to.

mod check;
pub mod engine;
pub mod localio;
pub mod memio;
pub mod registry;

pub use engine::{
    Completion, Engine, EngineStats, MappedMemory, MemorySpan, OpenOptions, ResourceId,
    ResourceInfo, Transfer, TransferKind,
};
pub use registry::{Engines, EnginesOptions};
