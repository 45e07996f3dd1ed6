//! What the least of the latest values was.

/// Values after which the older half of those that count is forgotten.
const WINDOW: u32 = 128;

/// Values from which the least of them means something.
const ENOUGH: u32 = 8;

/// The least of the last 128 to 256 values: what is better than nearly all there is now, and is
/// forgotten when conditions change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Least {
    older: u64,
    newer: u64,
    newer_count: u32,
    has_older: bool,
}

impl Default for Least {
    fn default() -> Self {
        Self {
            older: u64::MAX,
            newer: u64::MAX,
            newer_count: 0,
            has_older: false,
        }
    }
}

impl Least {
    pub fn add(&mut self, value: u64) {
        self.newer = self.newer.min(value);
        self.newer_count += 1;
        if self.newer_count == WINDOW {
            *self = Self {
                older: self.newer,
                has_older: true,
                ..Self::default()
            };
        }
    }

    /// `None` while there are too few values.
    pub fn get(&self) -> Option<u64> {
        let is_known = self.has_older || self.newer_count >= ENOUGH;
        is_known.then(|| self.older.min(self.newer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_known_after_a_few_and_forgotten_after_many() {
        let mut least = Least::default();
        least.add(3);
        (1..ENOUGH - 1).for_each(|_| least.add(9));
        assert_eq!(least.get(), None);
        least.add(9);
        assert_eq!(least.get(), Some(3));
        (0..WINDOW).for_each(|_| least.add(9));
        assert_eq!(least.get(), Some(3));
        (0..WINDOW).for_each(|_| least.add(9));
        assert_eq!(least.get(), Some(9));
    }
}
