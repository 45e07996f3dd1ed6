//! Buffers for bytes on their way between two places that neither the engines nor the device can
//! move between at once.

use gpuio_core::Result;
use gpuio_memory::device::{Device, SharedMemory};
use std::sync::Arc;

/// Bytes of one buffer.
pub const BUFFER_BYTES: u64 = 1 << 20;
/// So many are in use at a time; more wait.
const BUFFERS: usize = 4;

/// See the module's comment. Pinned, so that the copy engine can use them.
pub struct Staging {
    device: Arc<dyn Device>,
    memory: Option<Box<dyn SharedMemory>>,
    free: Vec<usize>,
}

impl Staging {
    /// On a GPU the memory is allocated now, because that waits for kernels; else when it is used.
    pub fn new(device: &Arc<dyn Device>) -> Result<Self> {
        let mut staging = Self {
            device: Arc::clone(device),
            memory: None,
            free: Vec::new(),
        };
        if device.stream() != 0 {
            staging.allocate()?;
        }
        Ok(staging)
    }

    fn allocate(&mut self) -> Result<()> {
        let memory = self
            .device
            .allocate_shared(BUFFERS * BUFFER_BYTES as usize)?;
        let start = memory.host_address();
        self.free = (0..BUFFERS)
            .map(|k| start + k * BUFFER_BYTES as usize)
            .collect();
        self.memory = Some(memory);
        Ok(())
    }

    /// The address of a buffer, if one is free.
    pub fn take(&mut self) -> Result<Option<usize>> {
        if self.memory.is_none() {
            self.allocate()?;
        }
        Ok(self.free.pop())
    }

    pub fn give_back(&mut self, buffer: usize) {
        debug_assert!(self.free.len() < BUFFERS);
        self.free.push(buffer);
    }
}
