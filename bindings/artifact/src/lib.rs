//! Nothing but the static library that CMake links into `libgpuio`.
//!
//! A crate of its own because the archive must be cargo's only product: with a second crate type
//! beside it, cargo's dependency file names the other one and the build never sees a change.

// Without a mention the linker would drop the bridge, and with it everything below.
extern crate gpuio_bindings;
