//! The state of one L2 frame: one atomic word, because two kinds of thread touch it.
//!
//! The service thread owns the state and makes every transition. Other threads hold **leases**: the
//! service pins a frame for them, they copy from or to it, and unpin it. All a lease may do to the
//! word is take its pin off. So a transition never has to wait, and the only race is between an
//! unpin and the service's question "is nobody using this frame any more?".

use crate::sync::atomic::{AtomicU64, Ordering};

/// What an L2 frame holds. The specification's cache states, and LOADING.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum L2State {
    /// No page (the specification's INVALID).
    Free = 0,
    /// A page is being read into it.
    Loading = 1,
    /// A page, the same as in the resource.
    Valid = 2,
    /// A page, newer than in the resource.
    Dirty = 3,
    /// A page that is being written to the resource.
    Flushing = 4,
}

const STATE_MASK: u64 = 7;
const ONE_PIN: u64 = 8;

/// See the module's comment.
#[derive(Debug)]
pub struct FrameState(AtomicU64);

impl FrameState {
    /// A free frame.
    pub fn new() -> Self {
        Self(AtomicU64::new(L2State::Free as u64))
    }

    /// The state. Service thread only: nobody else may rely on it.
    pub fn state(&self) -> L2State {
        match self.0.load(Ordering::Relaxed) & STATE_MASK {
            0 => L2State::Free,
            1 => L2State::Loading,
            2 => L2State::Valid,
            3 => L2State::Dirty,
            _ => L2State::Flushing,
        }
    }

    /// Moves to another state; pins stay. Service thread only.
    pub fn set_state(&self, next: L2State) {
        let now = self.state() as u64;
        self.0
            .fetch_add((next as u64).wrapping_sub(now), Ordering::Relaxed);
    }

    /// Pins the frame. Service thread only: a frame nobody pins can be claimed at any time.
    pub fn pin(&self) {
        self.0.fetch_add(ONE_PIN, Ordering::Relaxed);
    }

    /// Takes one pin off. Any thread that holds one. Release: what was read from the frame has been
    /// read before the frame can be claimed for something else.
    pub fn unpin(&self) {
        let before = self.0.fetch_sub(ONE_PIN, Ordering::Release);
        debug_assert!(before >= ONE_PIN, "a pin is taken off once");
    }

    /// Whether nobody holds a pin. Acquire, see `unpin`.
    pub fn is_unpinned(&self) -> bool {
        self.0.load(Ordering::Acquire) < ONE_PIN
    }

    /// Claims the frame for another page: true if it was VALID and unpinned; it is then FREE.
    pub fn try_claim(&self) -> bool {
        let unpinned = L2State::Valid as u64;
        self.0
            .compare_exchange(
                unpinned,
                L2State::Free as u64,
                Ordering::Acquire,
                Ordering::Relaxed,
            )
            .is_ok()
    }
}

impl Default for FrameState {
    fn default() -> Self {
        Self::new()
    }
}
