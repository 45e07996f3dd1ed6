//! Simulations for speed: devices with a queue, a bandwidth and an overhead, and what the
//! scheduler makes of them.

pub mod beside;
pub mod closed;
pub mod device;
pub mod overload;
pub mod settings;
pub mod workloads;
