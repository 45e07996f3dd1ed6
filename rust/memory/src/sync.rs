//! Atomics, by one name for the real ones and loom's: `--cfg loom` switches.

#[cfg(loom)]
pub use loom::sync::atomic;
#[cfg(not(loom))]
pub use std::sync::atomic;
