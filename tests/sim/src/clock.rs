//! Virtual time: what happens next.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Things that will happen, each at its time; at the same time, in the order they were planned.
pub struct Agenda<T> {
    planned: BinaryHeap<Reverse<(u64, u64, T)>>,
    count: u64,
}

impl<T: Ord> Default for Agenda<T> {
    fn default() -> Self {
        Self {
            planned: BinaryHeap::new(),
            count: 0,
        }
    }
}

impl<T: Ord> Agenda<T> {
    /// Plans something.
    pub fn plan(&mut self, at_ns: u64, what: T) {
        self.count += 1;
        self.planned.push(Reverse((at_ns, self.count, what)));
    }

    /// When the next thing happens.
    pub fn next_ns(&self) -> Option<u64> {
        self.planned.peek().map(|Reverse((at_ns, ..))| *at_ns)
    }

    /// The next thing, and its time.
    pub fn pop(&mut self) -> Option<(u64, T)> {
        let Reverse((at_ns, _, what)) = self.planned.pop()?;
        Some((at_ns, what))
    }
}
