//! A bounded memory of pages that are not kept: hashes only.

use hashbrown::HashMap;
use std::collections::VecDeque;

/// The last `capacity` hashes that were added and not taken since.
pub struct Ghost {
    /// Oldest first, each with the number of its addition. An entry that was taken or added again
    /// stays here until it is the oldest; its number then differs from the map's.
    order: VecDeque<(u64, u64)>,
    newest: HashMap<u64, u64>,
    capacity: usize,
    additions: u64,
}

impl Ghost {
    /// Remembers at most `capacity` hashes; all memory is allocated now.
    pub fn new(capacity: usize) -> Self {
        Self {
            order: VecDeque::with_capacity(capacity),
            newest: HashMap::with_capacity(capacity),
            capacity,
            additions: 0,
        }
    }

    /// Adds a hash; the oldest is forgotten if it is one too many.
    pub fn add(&mut self, hash: u64) {
        if self.capacity == 0 {
            return;
        }
        if self.order.len() == self.capacity {
            if let Some((oldest, number)) = self.order.pop_front() {
                if self.newest.get(&oldest) == Some(&number) {
                    self.newest.remove(&oldest);
                }
            }
        }
        self.additions += 1;
        self.order.push_back((hash, self.additions));
        self.newest.insert(hash, self.additions);
    }

    /// Whether the hash was there; it is not afterwards.
    pub fn take(&mut self, hash: u64) -> bool {
        self.newest.remove(&hash).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_and_what_is_taken_is_gone() {
        let mut ghost = Ghost::new(3);
        (1..=4).for_each(|hash| ghost.add(hash));
        assert!(!ghost.take(1));
        assert!(ghost.take(2) && !ghost.take(2));
        // Added again: the old place in the queue no longer counts.
        ghost.add(2);
        ghost.add(5);
        assert!(ghost.take(2) && ghost.take(5) && !ghost.take(3));
        assert!(ghost.order.len() <= 3);
        // Nor does it make the new one be forgotten with it.
        let mut ghost = Ghost::new(3);
        ghost.add(1);
        assert!(ghost.take(1));
        [1, 2, 3].into_iter().for_each(|hash| ghost.add(hash));
        assert!(ghost.take(1));
        let mut none = Ghost::new(0);
        none.add(1);
        assert!(!none.take(1));
    }
}
