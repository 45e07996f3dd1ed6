//! Memory and devices: where kernels run, the memory they address, and who hands it out.
//!
//! - [`device`]: the [`Device`](device::Device) trait, the one abstraction over GPU and CPU.
//! - [`host`]: the host device: ordinary memory, kernels on CPU threads.
//! - [`cuda`]: NVIDIA GPUs, by the CUDA driver library, which is loaded at run time.
//! - [`directory`]: the words by which kernels find pages in L2.
//! - [`mapping`]: an owned, zeroed, page-aligned piece of the address space.
//! - [`pool`]: one allocation of a device, handed out in pieces by the [`allocator`]'s rules.
//! - [`region`]: what is known about a piece of memory: addresses, length, kind.
//! - [`registration`]: a cache of what is registered with a device.
//!
//! Everything unsafe that gpuio's Rust side does with memory happens in this crate, so that the
//! crates above it can stay safe code.

pub mod allocator;
pub mod cuda;
pub mod device;
pub mod directory;
pub mod frame_state;
pub mod host;
pub mod layout;
pub mod mapping;
pub mod pool;
pub mod region;
pub mod registration;
pub mod ring;
pub mod sync;
mod topology;

// The device contract under `tests/` names this crate from outside; unit tests run it as well.
#[cfg(test)]
extern crate self as gpuio_memory;
