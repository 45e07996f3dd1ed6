//! SIEVE (Zhang et al., NSDI 2024): a FIFO queue whose survivors stay where they are.

use super::ReplacementPolicy;
use crate::links::{Links, List, NIL};

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Absent,
    Unused,
    Used,
}

/// A hand goes from the oldest frame to the newest and then starts again. It takes the first that
/// was not used since its last visit; the others stay in place. New pages stand at the end where
/// the hand comes last but, unlike under [`Clock`](super::Clock), among their like: a scan is
/// swept out without the hand returning to the old, used pages.
pub struct Sieve {
    links: Links,
    list: List,
    states: Vec<State>,
    /// The next frame to look at; [`NIL`]: the oldest.
    hand: u32,
}

impl Sieve {
    /// A policy for frames 0 to `frame_count - 1`, none resident.
    pub fn new(frame_count: u32) -> Self {
        Self {
            links: Links::new(frame_count),
            list: List::EMPTY,
            states: vec![State::Absent; frame_count as usize],
            hand: NIL,
        }
    }
}

impl ReplacementPolicy for Sieve {
    fn inserted(&mut self, frame: u32, _: u64) {
        self.removed(frame);
        self.states[frame as usize] = State::Unused;
        self.links.push_head(&mut self.list, frame);
    }

    fn touched(&mut self, frame: u32) {
        let state = &mut self.states[frame as usize];
        if *state != State::Absent {
            *state = State::Used;
        }
    }

    fn removed(&mut self, frame: u32) {
        let state = &mut self.states[frame as usize];
        if std::mem::replace(state, State::Absent) == State::Absent {
            return;
        }
        if self.hand == frame {
            self.hand = self.links.towards_head(frame);
        }
        self.links.unlink(&mut self.list, frame);
    }

    fn victim(&mut self, evictable: &mut dyn FnMut(u32) -> bool) -> Option<u32> {
        // The first round takes the marks away, the second finds what it took them from.
        for _ in 0..2 * self.list.length {
            let frame = if self.hand == NIL {
                self.list.tail
            } else {
                self.hand
            };
            self.hand = self.links.towards_head(frame);
            // What has to stay keeps its mark.
            if !evictable(frame) {
                continue;
            }
            match self.states[frame as usize] {
                State::Used => self.states[frame as usize] = State::Unused,
                _ => {
                    self.removed(frame);
                    return Some(frame);
                }
            }
        }
        None
    }
}
