//! Least recently used.

use super::ReplacementPolicy;
use crate::links::{Links, List, NIL};

/// Evicts the frame that was not used for the longest time. A scan longer than the cache empties
/// it of everything else.
pub struct Lru {
    links: Links,
    list: List,
    is_resident: Vec<bool>,
}

impl Lru {
    /// A policy for frames 0 to `frame_count - 1`, none resident.
    pub fn new(frame_count: u32) -> Self {
        Self {
            links: Links::new(frame_count),
            list: List::EMPTY,
            is_resident: vec![false; frame_count as usize],
        }
    }
}

impl ReplacementPolicy for Lru {
    fn inserted(&mut self, frame: u32, _: u64) {
        self.removed(frame);
        self.is_resident[frame as usize] = true;
        self.links.push_head(&mut self.list, frame);
    }

    fn touched(&mut self, frame: u32) {
        if self.is_resident[frame as usize] {
            self.links.move_to_head(&mut self.list, frame);
        }
    }

    fn removed(&mut self, frame: u32) {
        if std::mem::take(&mut self.is_resident[frame as usize]) {
            self.links.unlink(&mut self.list, frame);
        }
    }

    fn victim(&mut self, evictable: &mut dyn FnMut(u32) -> bool) -> Option<u32> {
        // What cannot go is in use right now, which is a use: at the head it does not stand in
        // the way of the next victim. A pass over frames that all stay keeps their order.
        for _ in 0..self.list.length {
            let frame = self.list.tail;
            debug_assert_ne!(frame, NIL);
            if evictable(frame) {
                self.removed(frame);
                return Some(frame);
            }
            self.links.move_to_head(&mut self.list, frame);
        }
        None
    }
}
