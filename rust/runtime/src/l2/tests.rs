//! What kernels find in the directory, and what their marks do to the replacement.

use super::*;
use gpuio_memory::host::HostDevice;
use std::sync::atomic::{AtomicU64, Ordering};

const FRAMES: u32 = 4;
const PAGES: u64 = 16;

/// An L2 of `FRAMES` frames, and the words of array 0.
struct World {
    l2: L2,
    directory: u64,
}

impl World {
    fn new(policy: PolicyKind) -> Self {
        let device = HostDevice::new();
        let mut l2 = L2::new(&device, FRAMES, 4096, policy).unwrap();
        let directory = l2.open_directory(&device, 0, PAGES).unwrap();
        Self { l2, directory }
    }

    /// The word of a page of array 0: its frame and generation, as kernels see them.
    fn word(&self, page: u64) -> Option<(u32, u32)> {
        assert!(page < PAGES);
        let address = self.directory + page * 8;
        // SAFETY: one of the array's words; on the host both addresses are the same.
        let word = unsafe { &*(address as *const AtomicU64) }.load(Ordering::Acquire);
        (word != 0).then_some((word as u32, (word >> 32) as u32))
    }

    /// As a kernel that copies from the frame.
    fn mark(&self, frame: u32) {
        let address = self.l2.shared_addresses()[1] + u64::from(frame) * 8;
        // SAFETY: the frame's mark, as above.
        unsafe { &*(address as *const AtomicU64) }.store(1, Ordering::Relaxed);
    }

    fn claim(&mut self, array: u32, page: u64) -> Option<u32> {
        self.l2.claim(PageKey { array, page })
    }

    /// Brings a page, as a load does, and lets kernels see it.
    fn bring(&mut self, page: u64) -> u32 {
        let frame = self.claim(0, page).unwrap();
        self.l2.begin_load(frame);
        self.l2.set_valid(frame);
        self.l2.publish(frame);
        frame
    }

    fn held(&self) -> Vec<u64> {
        let held = |&page: &u64| self.l2.find(PageKey { array: 0, page }).is_some();
        (0..PAGES).filter(held).collect()
    }
}

#[test]
fn only_a_page_whose_bytes_are_there_is_published() {
    let mut world = World::new(PolicyKind::Lru);
    let frame = world.claim(0, 3).unwrap();
    world.l2.publish(frame);
    world.l2.begin_load(frame);
    world.l2.publish(frame);
    assert_eq!(world.word(3), None);
    world.l2.set_valid(frame);
    assert_eq!(world.word(3), None);
    world.l2.publish(frame);
    let word = world.word(3);
    assert_eq!(word.map(|(frame, _)| frame), Some(frame));
    world.l2.publish(frame);
    assert_eq!(world.word(3), word);
}

#[test]
fn an_eviction_withdraws_the_word_before_the_frame_is_given_away() {
    let mut world = World::new(PolicyKind::Lru);
    for page in 0..4 {
        world.bring(page);
    }
    let (frame, generation) = world.word(0).unwrap();
    assert_eq!(world.claim(0, 4), Some(frame));
    assert_eq!(world.word(0), None);
    assert_eq!(world.word(4), None);
    world.l2.set_valid(frame);
    world.l2.publish(frame);
    // The first page comes back, into another frame or this one: it is another word.
    let back = world.bring(0);
    let (now, again) = world.word(0).unwrap();
    assert_eq!(now, back);
    assert_ne!(again, generation);
}

#[test]
fn what_is_dirty_or_being_written_stays_published() {
    let mut world = World::new(PolicyKind::Lru);
    let frame = world.bring(5);
    let word = world.word(5);
    world.l2.set_dirty(frame);
    world.l2.begin_flush(frame);
    world.l2.end_flush(frame, false);
    assert_eq!(world.word(5), word);
    world.l2.begin_flush(frame);
    world.l2.end_flush(frame, true);
    assert_eq!(world.word(5), word);
}

#[test]
fn a_page_that_goes_and_an_array_that_goes_leave_no_word() {
    let mut world = World::new(PolicyKind::Lru);
    let frame = world.bring(7);
    world.l2.discard(frame);
    assert_eq!(world.word(7), None);
    world.l2.close_directory(0);
    let frame = world.bring(7);
    assert!(!world.l2.meta[frame as usize].published);
    // An array without a directory beside one that has one.
    let other = world.claim(1, 2).unwrap();
    world.l2.set_valid(other);
    world.l2.publish(other);
    assert!(!world.l2.meta[other as usize].published);
    world.l2.discard(other);
}

#[test]
fn pages_that_kernels_use_without_asking_stay() {
    for policy in [
        PolicyKind::Lru,
        PolicyKind::Clock,
        PolicyKind::Sieve,
        PolicyKind::S3Fifo,
    ] {
        let mut world = World::new(policy);
        let used = world.bring(0);
        for page in 1..PAGES {
            world.mark(used);
            world.bring(page);
        }
        assert!(world.held().contains(&0), "{policy:?}: {:?}", world.held());
    }
}

#[test]
fn marks_of_all_frames_keep_none_from_giving_way() {
    for policy in [
        PolicyKind::Lru,
        PolicyKind::Clock,
        PolicyKind::Sieve,
        PolicyKind::S3Fifo,
    ] {
        let mut world = World::new(policy);
        for page in 0..PAGES {
            for frame in 0..FRAMES {
                world.mark(frame);
            }
            world.bring(page);
        }
        assert_eq!(world.held().len(), FRAMES as usize, "{policy:?}");
        // A mark that was left for the page before says nothing of the new one.
        let newest = world.l2.find(PageKey {
            array: 0,
            page: PAGES - 1,
        });
        assert!(!world.l2.directories.take_mark(newest.unwrap()));
    }
}
