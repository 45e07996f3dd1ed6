//! A table whose entries are named by handles that are never valid for another entry.

use crate::links::NIL;

/// Names an entry. A place that is used again has a new generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Handle {
    pub slot: u32,
    pub generation: u32,
}

impl Handle {
    pub const fn number(self) -> u64 {
        (self.generation as u64) << 32 | self.slot as u64
    }
}

struct Place<T> {
    generation: u32,
    /// The next free place, where this is free.
    next_free: u32,
    entry: Option<T>,
}

/// The table. Every operation takes O(1); memory is kept for the most entries there ever were.
pub(super) struct Slab<T> {
    places: Vec<Place<T>>,
    first_free: u32,
    len: usize,
}

impl<T> Slab<T> {
    pub const fn new() -> Self {
        Self {
            places: Vec::new(),
            first_free: NIL,
            len: 0,
        }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// Adds an entry.
    ///
    /// # Panics
    /// With 2^32 - 1 entries; callers bound them far below.
    pub fn insert(&mut self, entry: T) -> Handle {
        self.len += 1;
        if self.first_free != NIL {
            let slot = self.first_free;
            let place = &mut self.places[slot as usize];
            self.first_free = place.next_free;
            place.entry = Some(entry);
            return Handle {
                slot,
                generation: place.generation,
            };
        }
        let slot = u32::try_from(self.places.len()).expect("fewer than 2^32 entries");
        assert_ne!(slot, NIL);
        self.places.push(Place {
            generation: 0,
            next_free: NIL,
            entry: Some(entry),
        });
        Handle {
            slot,
            generation: 0,
        }
    }

    /// What the next [`Slab::insert`] will return.
    pub fn next_handle(&self) -> Handle {
        let slot = match self.first_free {
            NIL => self.places.len() as u32,
            slot => slot,
        };
        let place = self.places.get(slot as usize);
        Handle {
            slot,
            generation: place.map_or(0, |place| place.generation),
        }
    }

    pub fn get(&self, handle: Handle) -> Option<&T> {
        let place = self.places.get(handle.slot as usize)?;
        let is_same = place.generation == handle.generation;
        place.entry.as_ref().filter(|_| is_same)
    }

    pub fn get_mut(&mut self, handle: Handle) -> Option<&mut T> {
        let place = self.places.get_mut(handle.slot as usize)?;
        let is_same = place.generation == handle.generation;
        place.entry.as_mut().filter(|_| is_same)
    }

    /// The handle of the entry that stands in this place now.
    pub fn at(&self, slot: u32) -> Option<Handle> {
        let place = self.places.get(slot as usize)?;
        place.entry.as_ref().map(|_| Handle {
            slot,
            generation: place.generation,
        })
    }

    pub fn remove(&mut self, handle: Handle) -> Option<T> {
        self.get(handle)?;
        let place = &mut self.places[handle.slot as usize];
        place.generation = place.generation.wrapping_add(1);
        place.next_free = self.first_free;
        self.first_free = handle.slot;
        self.len -= 1;
        place.entry.take()
    }

    /// Every handle, in order of places.
    pub fn handles(&self) -> impl Iterator<Item = Handle> + '_ {
        (0..self.places.len() as u32).filter_map(|slot| self.at(slot))
    }

    pub fn memory_bytes(&self) -> usize {
        self.places.capacity() * size_of::<Place<T>>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_never_valid_for_another_entry() {
        let mut slab = Slab::new();
        let first = slab.insert('a');
        assert_eq!(slab.remove(first), Some('a'));
        let next = slab.next_handle();
        let second = slab.insert('b');
        assert_eq!(next, second);
        assert_eq!(second.slot, first.slot);
        assert_ne!(second.number(), first.number());
        assert_eq!(slab.get(first), None);
        assert_eq!(slab.remove(first), None);
        assert_eq!((slab.get(second), slab.len()), (Some(&'b'), 1));
        assert_eq!(slab.handles().collect::<Vec<_>>(), [second]);
    }
}
