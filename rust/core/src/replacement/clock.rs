//! CLOCK: first in, first out, with a second chance.

use super::ReplacementPolicy;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Absent,
    /// Resident, and not used since the hand came by.
    Unused,
    /// Resident, and used since.
    Used,
}

/// A hand goes round the frames in the order of their numbers. It passes over a frame that was
/// used since its last visit, once, and takes the first that was not.
pub struct Clock {
    states: Vec<State>,
    hand: usize,
}

impl Clock {
    /// A policy for frames 0 to `frame_count - 1`, none resident.
    ///
    /// # Panics
    /// If `frame_count` is `u32::MAX`.
    pub fn new(frame_count: u32) -> Self {
        assert_ne!(
            frame_count,
            u32::MAX,
            "the last frame number means no frame"
        );
        Self {
            states: vec![State::Absent; frame_count as usize],
            hand: 0,
        }
    }

    fn advance(&mut self) -> usize {
        let here = self.hand;
        self.hand = if here + 1 == self.states.len() {
            0
        } else {
            here + 1
        };
        here
    }
}

impl ReplacementPolicy for Clock {
    fn inserted(&mut self, frame: u32, _: u64) {
        // Filling a frame is no second use: a page that is used once gives way at the first visit.
        self.states[frame as usize] = State::Unused;
    }

    fn touched(&mut self, frame: u32) {
        let state = &mut self.states[frame as usize];
        if *state != State::Absent {
            *state = State::Used;
        }
    }

    fn removed(&mut self, frame: u32) {
        self.states[frame as usize] = State::Absent;
    }

    fn victim(&mut self, evictable: &mut dyn FnMut(u32) -> bool) -> Option<u32> {
        // The first round takes the second chances away, the second finds what it took them from.
        for _ in 0..2 * self.states.len() {
            let frame = self.advance();
            // Absent frames are not asked about, and one that has to stay keeps its chance.
            if self.states[frame] == State::Absent || !evictable(frame as u32) {
                continue;
            }
            match self.states[frame] {
                State::Used => self.states[frame] = State::Unused,
                _ => {
                    self.removed(frame as u32);
                    return Some(frame as u32);
                }
            }
        }
        None
    }
}
