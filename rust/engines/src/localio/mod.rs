//! Regular files and block devices: `localio:///path`.
//!
//! [`LocalIoEngine`] keeps the books: it cuts transfers into kernel requests ([`plan`]), resumes
//! short ones, and types the errors. A [`Backend`](backend::Backend) carries the requests:
//! [`uring`] where the kernel has io_uring and allows it, [`threads`] elsewhere.
//!
//! Every file has two descriptors, one with `O_DIRECT`. What is aligned goes past the page cache,
//! an unaligned head or tail through it. The length of a file is never remembered: a file may
//! shrink or grow while it is open.

mod alignment;
pub mod backend;
mod engine;
mod failure;
mod file;
mod flow;
mod judge;
mod operation;
pub mod plan;
mod resource;
pub mod threads;
pub mod uring;

pub use engine::{LocalIoEngine, LocalIoOptions, QUEUE_DEPTH_MAX};
pub use resource::MAX_RESOURCES;
