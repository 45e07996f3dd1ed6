//! A pinned L2 frame in the hands of another thread.

use super::FrameStore;
use std::sync::Arc;

/// Keeps a frame's bytes in place until it is dropped. Made by the service thread, usable on any.
pub struct Lease {
    store: Arc<FrameStore>,
    frame: u32,
}

impl Lease {
    /// Takes over one pin that the service has put on the frame.
    pub(super) fn new(store: Arc<FrameStore>, frame: u32) -> Self {
        Self { store, frame }
    }

    /// The frame.
    pub fn frame(&self) -> u32 {
        self.frame
    }

    /// Where its bytes are.
    pub fn address(&self) -> usize {
        self.store.host_address(self.frame)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.store.states[self.frame as usize].unpin();
    }
}
