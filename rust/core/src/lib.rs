//! Pure logic of gpuio: no I/O, no clock, no threads. Time, randomness and devices come in as
//! arguments, so a simulator can drive every line of it deterministically.
#![forbid(unsafe_code)]

pub mod error;

pub use error::{Error, ErrorCode, Result};
