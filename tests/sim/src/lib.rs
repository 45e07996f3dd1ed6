//! Drives gpuio's scheduler in virtual time, against simulated devices. See `docs/scheduling.md`.
#![forbid(unsafe_code)]

pub mod chaos;
pub mod clock;
pub mod load;
pub mod random;
