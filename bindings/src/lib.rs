//! The CXX bridge between gpuio's Rust core and its C++ headers.
//!
//! Nothing throws and nothing panics across it: every function fills a [`ffi::Status`] instead, and
//! a panic below becomes GPUIO_ERROR_GENERAL. The C++ side (`cpp/src/`) turns statuses into
//! exceptions.
#![allow(missing_docs)] // cxx generates items of its own; what is written here is documented

mod bridge;
mod guard;
mod handles;
#[cfg(test)]
mod layout_test;
mod requests;

pub use bridge::ffi;
