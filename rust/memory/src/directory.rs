//! The words of the L2 directory: where a page lies in L2, for kernels to copy it without asking.
//!
//! `cpp/include/gpuio/device/directory.hpp` has the reader. A reader looks at the word, copies from
//! the frame that it names, and looks again: were the two words the same, it has the page's bytes.
//! Two orders make that true. A word is stored after the bytes it vouches for. And it is withdrawn
//! before anything else is stored in the frame: who has read some of that finds the word changed.

use crate::sync::atomic::{fence, AtomicU64, Ordering};

/// See the module's comment. Written by the service thread alone.
#[derive(Debug)]
#[repr(transparent)]
pub struct DirectoryWord(AtomicU64);

/// Tells one publishing from all others: 1 to `u32::MAX`, and around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation(u32);

impl Generation {
    /// The first.
    pub const FIRST: Self = Self(1);

    /// The one after this. It comes again after 4 billion others: a reader would have to sleep for
    /// that long between its two looks, and the page to lie in the same frame.
    pub fn next(self) -> Self {
        Self(self.0.checked_add(1).unwrap_or(1))
    }
}

impl DirectoryWord {
    /// A word that says nothing.
    pub fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Says that the frame holds the page, whose bytes are all there.
    pub fn publish(&self, frame: u32, generation: Generation) {
        let word = u64::from(generation.0) << 32 | u64::from(frame);
        self.0.store(word, Ordering::Release);
    }

    /// Says nothing any more. The fence, not the store, keeps what is stored in the frame from now
    /// on behind it.
    pub fn withdraw(&self) {
        self.0.store(0, Ordering::Relaxed);
        fence(Ordering::Release);
    }

    /// The frame that it names and the word itself, as a reader sees it.
    pub fn look(&self) -> Option<(u32, u64)> {
        let word = self.0.load(Ordering::Acquire);
        (word != 0).then_some((word as u32, word))
    }

    /// Whether it is still the word that was seen: then what was loaded since are the page's bytes.
    pub fn still_says(&self, seen: u64) -> bool {
        fence(Ordering::Acquire);
        self.0.load(Ordering::Relaxed) == seen
    }
}

impl Default for DirectoryWord {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_word_names_its_frame_until_it_is_withdrawn() {
        let word = DirectoryWord::new();
        assert_eq!(word.look(), None);
        word.publish(0, Generation::FIRST);
        assert_eq!(word.look(), Some((0, 1 << 32)));
        word.withdraw();
        assert_eq!(word.look(), None);
        assert!(!word.still_says(1 << 32));
    }

    #[test]
    fn the_same_frame_published_again_is_another_word() {
        let word = DirectoryWord::new();
        word.publish(7, Generation::FIRST);
        let (_, seen) = word.look().unwrap();
        assert!(word.still_says(seen));
        word.withdraw();
        word.publish(7, Generation::FIRST.next());
        assert!(!word.still_says(seen));
        assert_eq!(word.look().map(|(frame, _)| frame), Some(7));
    }

    #[test]
    fn generations_go_around_without_zero() {
        assert_eq!(Generation(u32::MAX).next(), Generation::FIRST);
        let word = DirectoryWord::new();
        word.publish(u32::MAX, Generation(u32::MAX));
        assert_eq!(word.look(), Some((u32::MAX, u64::MAX)));
    }
}
