//! What workers do.

use crate::requests::RequestState;
use gpuio_workers::Task;
use std::sync::Arc;

/// A copy within this process.
pub struct MemoryCopy {
    from: usize,
    to: usize,
    length_bytes: usize,
}

impl MemoryCopy {
    /// From one address to another. The ranges may overlap.
    ///
    /// # Safety
    /// Both ranges stay mapped, and nobody else writes to either or reads the target, until the
    /// copy has run or was dropped.
    pub unsafe fn new(from: usize, to: usize, length_bytes: usize) -> Self {
        Self {
            from,
            to,
            length_bytes,
        }
    }

    /// How many bytes.
    pub fn length_bytes(&self) -> usize {
        self.length_bytes
    }
}

impl Task for MemoryCopy {
    type Done = ();

    fn run(self) {
        // SAFETY: the promise of who made it.
        unsafe {
            std::ptr::copy(
                self.from as *const u8,
                self.to as *mut u8,
                self.length_bytes,
            )
        };
    }
}

/// The callbacks of a request that has ended.
pub struct Calls(pub Arc<RequestState>);

impl Task for Calls {
    type Done = ();

    fn run(self) {
        self.0.call_back();
    }
}
