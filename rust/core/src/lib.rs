//! Pure logic of gpuio: no I/O, no clock, no threads. Time, randomness and devices come in as
//! arguments, so a simulator can drive every line of it deterministically.
#![forbid(unsafe_code)]

pub mod config;
pub mod error;
pub mod exposition;
pub mod limits;
mod links;
pub mod page_entry;
pub mod prefetch;
pub mod random;
pub mod replacement;
pub mod scheduling;
mod suggest;
pub mod units;
pub mod uri;

pub use error::{Error, ErrorCode, Result};
