//! What kernels copy themselves: pages lent to them out of L2, and places in L2 to write back to.
//!
//! A kernel acknowledges when it has copied. Until then the frame is pinned. An *offer*, the answer
//! to a prefetch, may never be acknowledged, since nobody may ever come for the page: so it can be
//! withdrawn when L2 needs the frame, and whoever is copying then finds that out afterwards.

use super::core::Core;
use crate::l2::{L2State, L2};
use crate::shared::SharedBlocks;
use gpuio_core::{Error, ErrorCode};
use gpuio_memory::layout::Outcome;
use gpuio_memory::ring::Fault;
use std::collections::VecDeque;

/// Offers withdrawn at a time when L2 needs a frame.
const WITHDRAWN_A_TIME: usize = 16;
/// Offers looked at in one turn, at least; and the part of all of them.
const OFFERS_A_TURN: usize = 64;
const TURNS_FOR_ALL: usize = 16;

/// A frame of L2 that a kernel is copying from or to.
pub struct Lent {
    pub fault: Fault,
    /// None: the place is mapped memory.
    pub frame: Option<u32>,
    /// The kernel writes a page back to it.
    pub is_target: bool,
}

/// Answers to prefetches, oldest first.
#[derive(Default)]
pub struct Offers {
    offers: VecDeque<(Fault, u32)>,
    /// Where the next turn begins to look.
    next: usize,
}

impl Offers {
    /// Makes an offer of a frame, pinned for it.
    pub fn make(&mut self, fault: Fault, frame: u32, shared: &SharedBlocks, l2: &L2) {
        shared.answer(&fault, Outcome::Offer, l2.device_address(frame));
        self.offers.push_back((fault, frame));
    }

    /// Lets go of frames of acknowledged offers. Looks at all offers in `TURNS_FOR_ALL` turns: far
    /// sooner than a slot's generations come round.
    fn poll(&mut self, shared: &SharedBlocks, l2: &L2) -> bool {
        let before = self.offers.len();
        for _ in 0..OFFERS_A_TURN.max(before / TURNS_FOR_ALL).min(before) {
            if self.next >= self.offers.len() {
                self.next = 0;
            }
            match self.offers.get(self.next) {
                Some((fault, frame)) if shared.is_acknowledged(fault) => {
                    l2.unpin(*frame);
                    self.offers.remove(self.next);
                }
                Some(_) => self.next += 1,
                None => break,
            }
        }
        self.offers.len() != before
    }

    /// Withdraws up to `count` of the oldest. Returns whether there were any.
    pub fn withdraw(&mut self, count: usize, shared: &SharedBlocks, l2: &L2) -> bool {
        let count = count.min(self.offers.len());
        for (fault, frame) in self.offers.drain(..count) {
            // The slot of one that was acknowledged may have been used again.
            if !shared.is_acknowledged(&fault) {
                shared.withdraw(&fault);
            }
            l2.unpin(frame);
        }
        self.next = 0;
        count > 0
    }
}

impl Core {
    /// Lets go of what kernels have finished copying. Returns whether there was anything.
    pub fn poll_acknowledged(&mut self) -> bool {
        let any = self.offers.poll(&self.shared, &self.l2);
        let mut done = Vec::new();
        let shared = &self.shared;
        self.lent.retain(|lent| {
            let copying = !shared.is_acknowledged(&lent.fault);
            if !copying {
                done.push((lent.frame, lent.is_target));
            }
            copying
        });
        for &(frame, is_target) in &done {
            let Some(frame) = frame else { continue };
            self.l2.unpin(frame);
            if is_target {
                self.l2.set_dirty(frame);
                self.l2.publish(frame); // a page in use a moment ago may be again
                self.serve_waiters(frame);
            }
        }
        any || !done.is_empty()
    }

    /// Lends a kernel the frame, pinned, or mapped memory, that it is to write a page back to.
    pub fn lend_target(&mut self, fault: Fault, address: u64, frame: Option<u32>) {
        self.shared.answer(&fault, Outcome::Copy, address);
        self.lent.push(Lent {
            fault,
            frame,
            is_target: true,
        });
    }

    /// Withdraws some offers, since L2 needs their frames. Returns whether there were any.
    pub fn withdraw_some(&mut self) -> bool {
        self.offers
            .withdraw(WITHDRAWN_A_TIME, &self.shared, &self.l2)
    }

    /// Takes places back that kernels gave up writing to before they began. No kernel runs. Those
    /// pages are still in L1, FLUSHING, until it is repaired.
    pub fn abandon_targets(&mut self) {
        self.poll_acknowledged();
        let lent = std::mem::take(&mut self.lent);
        for lent in lent {
            match lent.frame {
                Some(frame) if lent.is_target => self.abandon(frame),
                _ => self.lent.push(lent),
            }
        }
    }

    fn abandon(&mut self, frame: u32) {
        self.l2.unpin(frame);
        if self.l2.state(frame) == L2State::Loading {
            let message = "a kernel gave up writing this page back; synchronize, then try again";
            let error = Error::new(ErrorCode::Timeout, "read a page", message);
            self.fail_waiters(frame, &error);
            self.l2.discard(frame);
        }
    }

    /// Takes back everything that is lent. No kernel runs, and none will look at the answers.
    pub fn reclaim_lent(&mut self) {
        self.abandon_targets();
        for lent in self.lent.drain(..) {
            if let Some(frame) = lent.frame {
                self.l2.unpin(frame);
            }
        }
        self.offers.withdraw(usize::MAX, &self.shared, &self.l2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::l2::PageKey;
    use gpuio_core::config::PolicyKind;
    use gpuio_memory::host::HostDevice;
    use std::sync::atomic::{AtomicU64, Ordering};

    const FRAMES: u32 = 4;

    struct World {
        shared: SharedBlocks,
        l2: L2,
        offers: Offers,
    }

    /// All frames of L2 are offered, by slots of the same numbers.
    fn offered() -> World {
        let device = HostDevice::new();
        let mut world = World {
            shared: SharedBlocks::new(&device, 64, -1).unwrap(),
            l2: L2::new(&device, FRAMES, 4096, PolicyKind::Lru).unwrap(),
            offers: Offers::default(),
        };
        for slot in 0..FRAMES {
            let key = PageKey {
                array: 0,
                page: slot.into(),
            };
            let frame = world.l2.claim(key).unwrap();
            world.l2.set_valid(frame);
            world.l2.pin(frame);
            let offer = fault(slot, 1);
            world.offers.make(offer, frame, &world.shared, &world.l2);
        }
        world
    }

    fn fault(slot: u32, generation: u32) -> Fault {
        Fault {
            operation: 2,
            array: 0,
            page: slot.into(),
            slot,
            generation,
            frame: 0,
        }
    }

    fn completion(shared: &SharedBlocks, slot: u32) -> &[AtomicU64; 2] {
        let [_, completions, _] = shared.device_addresses();
        let address = completions + u64::from(slot) * 32;
        // SAFETY: its first words, status and source; on the host both addresses are the same.
        unsafe { &*(address as *const [AtomicU64; 2]) }
    }

    fn status(shared: &SharedBlocks, slot: u32) -> u64 {
        completion(shared, slot)[0].load(Ordering::Acquire)
    }

    fn can_claim(world: &mut World) -> bool {
        let frame = world.l2.claim(PageKey { array: 1, page: 0 });
        frame.map(|frame| world.l2.discard(frame)).is_some()
    }

    #[test]
    fn a_withdrawn_offer_gives_its_frame_back_and_says_so() {
        let mut world = offered();
        assert!(!can_claim(&mut world));
        let source = || completion(&world.shared, 0)[1].load(Ordering::Relaxed);
        let before = source();
        assert_ne!(before, 0);
        assert!(world.offers.withdraw(1, &world.shared, &world.l2));
        assert_eq!(source(), before, "a kernel may be about to read from there");
        assert!(can_claim(&mut world));
        assert_eq!(
            status(&world.shared, 0),
            1 << 16 | Outcome::Withdrawn as u64
        );
        assert_eq!(status(&world.shared, 1), 1 << 16 | Outcome::Offer as u64);
    }

    #[test]
    fn an_acknowledged_offer_gives_its_frame_back_and_leaves_the_slot_alone() {
        let mut world = offered();
        world.shared.acknowledge(2, 1);
        // The slot is in use again, and answered.
        world.shared.answer(&fault(2, 2), Outcome::Copy, 7);
        assert!(world
            .offers
            .withdraw(FRAMES as usize, &world.shared, &world.l2));
        assert_eq!(status(&world.shared, 2), 2 << 16 | Outcome::Copy as u64);

        let mut world = offered();
        assert!(!world.offers.poll(&world.shared, &world.l2));
        world.shared.acknowledge(3, 1);
        assert!(world.offers.poll(&world.shared, &world.l2));
        assert!(can_claim(&mut world));
        assert!(!world.offers.poll(&world.shared, &world.l2));
    }
}
