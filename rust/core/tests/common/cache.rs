//! A cache without data that drives a replacement policy: for the tests and for the measurement.

use gpuio_core::replacement::ReplacementPolicy;
use std::collections::HashMap;

/// A cache of page numbers.
pub struct Cache {
    policy: Box<dyn ReplacementPolicy>,
    frames_by_page: HashMap<u64, u32>,
    pages: Vec<Option<u64>>,
    used: u32,
}

impl Cache {
    /// An empty cache of this many frames.
    pub fn new(policy: Box<dyn ReplacementPolicy>, frame_count: u32) -> Self {
        let pages = vec![None; frame_count as usize];
        Self {
            policy,
            frames_by_page: HashMap::new(),
            pages,
            used: 0,
        }
    }

    /// Uses a page; whether it was there.
    pub fn access(&mut self, page: u64) -> bool {
        if let Some(frame) = self.frames_by_page.get(&page) {
            self.policy.touched(*frame);
            return true;
        }
        let frame = if (self.used as usize) < self.pages.len() {
            self.used += 1;
            self.used - 1
        } else {
            self.policy
                .victim(&mut |_| true)
                .expect("every frame may go")
        };
        if let Some(old) = self.pages[frame as usize].replace(page) {
            self.frames_by_page.remove(&old);
        }
        self.frames_by_page.insert(page, frame);
        self.policy.inserted(frame, hash(page));
        false
    }
}

/// A page's hash (the finalizer of splitmix64).
pub fn hash(page: u64) -> u64 {
    let x = (page ^ (page >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
