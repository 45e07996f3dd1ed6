//! Memory of this host as an array's backing: `memio://cpu/dram`.
//!
//! The memory is mapped, so whoever opens it can use it in place ([`ResourceInfo::mapped`]); the
//! transfers of the [`Engine`] trait work on it, too, as copies that are done at once.
//!
//! [`Engine`]: crate::Engine
//! [`ResourceInfo::mapped`]: crate::ResourceInfo::mapped

mod allocation;
mod engine;
mod numa;

pub use engine::{MemIoEngine, MemIoOptions, MAX_RESOURCES};
