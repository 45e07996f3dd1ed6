//! A binary heap whose members know their place in it, so that any can be taken out.

use crate::links::NIL;

/// A member: the smallest `(urgency, sequence)` is first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub urgency: u64,
    pub sequence: u64,
    pub slot: u32,
}

impl Entry {
    fn is_before(&self, other: &Self) -> bool {
        (self.urgency, self.sequence) < (other.urgency, other.sequence)
    }
}

/// Where each slot lies in the heap that it is in. A slot is in at most one heap, so many heaps
/// share these.
#[derive(Default)]
pub(super) struct Positions(Vec<u32>);

impl Positions {
    /// Knows slots below this.
    pub fn grow(&mut self, slot_count: usize) {
        self.0.resize(slot_count.max(self.0.len()), NIL);
    }

    /// Whether the slot is in a heap.
    pub fn contains(&self, slot: u32) -> bool {
        self.0.get(slot as usize).is_some_and(|it| *it != NIL)
    }

    pub fn memory_bytes(&self) -> usize {
        self.0.capacity() * size_of::<u32>()
    }
}

/// The heap. Every operation but [`Heap::first`] takes O(log n).
#[derive(Default)]
pub(super) struct Heap(Vec<Entry>);

impl Heap {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn first(&self) -> Option<&Entry> {
        self.0.first()
    }

    /// Adds a slot that is in no heap.
    pub fn push(&mut self, positions: &mut Positions, entry: Entry) {
        debug_assert!(
            !positions.contains(entry.slot),
            "slot {} is in a heap",
            entry.slot
        );
        self.0.push(entry);
        self.rise(positions, self.0.len() - 1);
    }

    /// Takes out a slot that is in this heap.
    pub fn remove(&mut self, positions: &mut Positions, slot: u32) -> Entry {
        let at = positions.0[slot as usize] as usize;
        let removed = self.0.swap_remove(at);
        assert_eq!(removed.slot, slot, "a slot that is in another heap");
        positions.0[slot as usize] = NIL;
        if at < self.0.len() {
            self.sink(positions, at);
            self.rise(positions, at);
        }
        removed
    }

    pub fn memory_bytes(&self) -> usize {
        self.0.capacity() * size_of::<Entry>()
    }

    fn place(&mut self, positions: &mut Positions, at: usize, entry: Entry) {
        self.0[at] = entry;
        // Fewer members than slots, and those are u32.
        positions.0[entry.slot as usize] = at as u32;
    }

    fn rise(&mut self, positions: &mut Positions, mut at: usize) {
        let entry = self.0[at];
        while at > 0 {
            let parent = (at - 1) / 2;
            if !entry.is_before(&self.0[parent]) {
                break;
            }
            self.place(positions, at, self.0[parent]);
            at = parent;
        }
        self.place(positions, at, entry);
    }

    fn sink(&mut self, positions: &mut Positions, mut at: usize) {
        let entry = self.0[at];
        loop {
            let mut child = 2 * at + 1;
            if child >= self.0.len() {
                break;
            }
            if child + 1 < self.0.len() && self.0[child + 1].is_before(&self.0[child]) {
                child += 1;
            }
            if !self.0[child].is_before(&entry) {
                break;
            }
            self.place(positions, at, self.0[child]);
            at = child;
        }
        self.place(positions, at, entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_is_a_sorted_set(steps in prop::collection::vec((0u32..40, 0u64..8), 0..400)) {
            let (mut heap, mut positions) = (Heap::default(), Positions::default());
            positions.grow(40);
            let mut model = BTreeSet::new();
            let mut urgencies = [0; 40];
            for (slot, urgency) in steps {
                if positions.contains(slot) {
                    heap.remove(&mut positions, slot);
                    model.remove(&(urgencies[slot as usize], u64::from(slot)));
                } else {
                    let entry = Entry { urgency, sequence: u64::from(slot), slot };
                    heap.push(&mut positions, entry);
                    urgencies[slot as usize] = urgency;
                    model.insert((urgency, u64::from(slot)));
                }
                let first = heap.first().map(|it| (it.urgency, it.sequence));
                prop_assert_eq!(first, model.first().copied());
                prop_assert_eq!(heap.len(), model.len());
            }
        }
    }
}
