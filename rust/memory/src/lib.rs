//! Memory and devices: where kernels run, the memory they address, and who hands it out.
//!
//! - [`device`]: the [`Device`](device::Device) trait, the one abstraction over GPU and CPU.
//! - [`host`]: the host device: ordinary memory, kernels on CPU threads.
//! - [`cuda`]: NVIDIA GPUs, by the CUDA driver library, which is loaded at run time.
//! - [`mapping`]: an owned, zeroed, page-aligned piece of the address space.
//!
//! Everything unsafe that gpuio's Rust side does with memory happens in this crate, so that the
//! crates above it can stay safe code.

pub mod cuda;
pub mod device;
pub mod host;
pub mod layout;
pub mod mapping;
pub mod ring;
pub mod sync;
mod topology;
