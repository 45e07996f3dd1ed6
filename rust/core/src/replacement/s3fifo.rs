//! S3-FIFO (Yang et al., SOSP 2023): three FIFO queues.

use super::ghost::Ghost;
use super::ReplacementPolicy;
use crate::links::{Links, List};

/// Uses that are counted; more make no difference.
const MAX_USES: u8 = 3;

/// Uses in the small queue from which a page moves to the main one.
const PROMOTING_USES: u8 = 2;

/// The small queue's share of the frames, as a divisor.
const SMALL_DIVISOR: usize = 10;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Queue {
    Absent,
    Small,
    Main,
}

#[derive(Clone, Copy)]
struct Entry {
    key_hash: u64,
    queue: Queue,
    uses: u8,
}

const ABSENT: Entry = Entry {
    key_hash: 0,
    queue: Queue::Absent,
    uses: 0,
};

/// New pages enter a small queue of a tenth of the frames; those used again by the time they reach
/// its end move to the main queue, the others are evicted and remembered by their hash. A page
/// that is remembered when it returns enters the main queue at once. There, each use is worth one
/// more round.
pub struct S3Fifo {
    links: Links,
    small: List,
    main: List,
    ghost: Ghost,
    entries: Vec<Entry>,
    small_target: usize,
}

impl S3Fifo {
    /// A policy for frames 0 to `frame_count - 1`, none resident.
    pub fn new(frame_count: u32) -> Self {
        let frames = frame_count as usize;
        let small_target = (frames / SMALL_DIVISOR).max(1);
        Self {
            links: Links::new(frame_count),
            small: List::EMPTY,
            main: List::EMPTY,
            ghost: Ghost::new(frames.saturating_sub(small_target)),
            entries: vec![ABSENT; frames],
            small_target,
        }
    }

    /// One pass over the small queue: promotes, and takes the first that may go.
    fn evict_small(&mut self, evictable: &mut dyn FnMut(u32) -> bool) -> Option<u32> {
        for _ in 0..self.small.length {
            let frame = self.small.tail;
            let entry = &mut self.entries[frame as usize];
            if entry.uses >= PROMOTING_USES {
                entry.uses = 0;
                entry.queue = Queue::Main;
                self.links.unlink(&mut self.small, frame);
                self.links.push_head(&mut self.main, frame);
            } else if evictable(frame) {
                self.ghost.add(entry.key_hash);
                self.removed(frame);
                return Some(frame);
            } else {
                self.links.move_to_head(&mut self.small, frame);
            }
        }
        None
    }

    /// Passes over the main queue until a page without uses left may go.
    fn evict_main(&mut self, evictable: &mut dyn FnMut(u32) -> bool) -> Option<u32> {
        for _ in 0..=MAX_USES {
            let mut any_evictable = false;
            for _ in 0..self.main.length {
                let frame = self.main.tail;
                if evictable(frame) {
                    any_evictable = true;
                    let uses = &mut self.entries[frame as usize].uses;
                    if *uses == 0 {
                        self.removed(frame);
                        return Some(frame);
                    }
                    *uses -= 1;
                }
                self.links.move_to_head(&mut self.main, frame);
            }
            if !any_evictable {
                break;
            }
        }
        None
    }
}

impl ReplacementPolicy for S3Fifo {
    fn inserted(&mut self, frame: u32, key_hash: u64) {
        self.removed(frame);
        let (queue, list) = match self.ghost.take(key_hash) {
            true => (Queue::Main, &mut self.main),
            false => (Queue::Small, &mut self.small),
        };
        self.entries[frame as usize] = Entry {
            key_hash,
            queue,
            uses: 0,
        };
        self.links.push_head(list, frame);
    }

    fn touched(&mut self, frame: u32) {
        let entry = &mut self.entries[frame as usize];
        // An absent frame's count is overwritten when it is filled.
        entry.uses = (entry.uses + 1).min(MAX_USES);
    }

    fn removed(&mut self, frame: u32) {
        let entry = std::mem::replace(&mut self.entries[frame as usize], ABSENT);
        match entry.queue {
            Queue::Absent => {}
            Queue::Small => self.links.unlink(&mut self.small, frame),
            Queue::Main => self.links.unlink(&mut self.main, frame),
        }
    }

    fn victim(&mut self, evictable: &mut dyn FnMut(u32) -> bool) -> Option<u32> {
        if self.small.length >= self.small_target {
            if let Some(frame) = self.evict_small(evictable) {
                return Some(frame);
            }
        }
        if let Some(frame) = self.evict_main(evictable) {
            return Some(frame);
        }
        // Nothing in main may go. What the small queue promotes now may still go from there.
        self.evict_small(evictable)
            .or_else(|| self.evict_main(evictable))
    }
}
