//! What ties gpuio together: the context, its cache tiers, and the service that moves pages.
//!
//! ```text
//! kernels ──► page table, frames (L1, near the device)
//!    │ faults                 ▲ pages
//!    ▼                        │
//! fault ring ──► service ──► L2 (pinned host memory) ◄──► engines ◄──► files, memory
//!                  ▲
//! host ── commands ┘ (open, read, write, prefetch, flush, settle, close)
//! ```

mod array;
mod assembly;
pub mod context;
pub mod endpoint;
pub mod geometry;
mod l1;
pub mod l2;
mod line;
mod log;
pub mod requests;
mod service;
pub mod settings;
mod shared;
mod traffic;
mod wake;

pub use assembly::devices;
pub use context::{ArrayHandle, Context, Stats};
