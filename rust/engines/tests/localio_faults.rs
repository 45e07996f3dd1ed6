//! localio when things go wrong: injected outcomes, and real files that misbehave.

#[path = "localio_faults/block_device.rs"]
mod block_device;
#[path = "localio_faults/files.rs"]
mod files;
#[path = "localio_faults/full_disk.rs"]
mod full_disk;
#[path = "localio_faults/injected.rs"]
mod injected;
#[path = "localio_faults/injector.rs"]
mod injector;
#[path = "localio_faults/refused.rs"]
mod refused;
mod support;
