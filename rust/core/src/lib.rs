//! Pure logic of gpuio: no I/O, no clock, no threads. Time, randomness and devices come in as
//! arguments, so a simulator can drive every line of it deterministically.
#![forbid(unsafe_code)]

pub mod config;
pub mod error;
pub mod limits;
pub mod page_entry;
pub mod prefetch;
pub mod replacement;
mod suggest;
pub mod units;
pub mod uri;

pub use error::{Error, ErrorCode, Result};
