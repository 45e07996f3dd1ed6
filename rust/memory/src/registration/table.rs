//! The entries of a registration cache: found by exact range in O(1), by a covering or
//! overlapping range in O(log n), and in the order in which they became idle.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use gpuio_core::{Error, ErrorCode, Result};

use crate::mapping::PAGE_BYTES;

/// Whole pages of the address space; not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Range {
    pub(super) address: usize,
    pub(super) length_bytes: usize,
}

impl Range {
    /// The pages that hold these bytes.
    pub(super) fn covering(address: usize, length_bytes: usize) -> Result<Self> {
        let end = address.checked_add(length_bytes);
        let rounded_end = end.and_then(|end| end.checked_next_multiple_of(PAGE_BYTES));
        match rounded_end {
            Some(end) if address > 0 && length_bytes > 0 => {
                let start = address & !(PAGE_BYTES - 1);
                Ok(Self {
                    address: start,
                    length_bytes: end - start,
                })
            }
            _ => Err(Error::new(
                ErrorCode::InvalidArgument,
                "register memory",
                format!("{length_bytes} bytes at {address:#x} are no range of the address space"),
            )),
        }
    }

    fn end(self) -> usize {
        self.address + self.length_bytes
    }

    fn covers(self, other: Self) -> bool {
        self.address <= other.address && other.end() <= self.end()
    }
}

impl fmt::Display for Range {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:#x}..{:#x}", self.address, self.end())
    }
}

/// Names an entry for as long as it exists; never used again afterwards.
pub(super) type Slot = u64;

struct Entry<H> {
    range: Range,
    handle: H,
    user_count: usize,
    /// When it became idle last; its key in `idle` while it has no users.
    idle_since: u64,
}

pub(super) struct Table<H> {
    entries: HashMap<Slot, Entry<H>>,
    by_range: HashMap<Range, Slot>,
    /// By first address. The ranges do not overlap, so their ends are in the same order.
    by_address: BTreeMap<usize, Slot>,
    /// Entries without users, the one that has been idle longest first.
    idle: BTreeMap<u64, Slot>,
    next_slot: Slot,
    /// Counts releases: the clock of `idle_since`.
    release_count: u64,
}

impl<H> Table<H> {
    pub(super) fn new() -> Self {
        Self {
            entries: HashMap::new(),
            by_range: HashMap::new(),
            by_address: BTreeMap::new(),
            idle: BTreeMap::new(),
            next_slot: 0,
            release_count: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The entry's range and handle. The slot must be one that exists.
    pub(super) fn get(&self, slot: Slot) -> (Range, &H) {
        let entry = &self.entries[&slot];
        (entry.range, &entry.handle)
    }

    /// Adds a user to the entry that covers the range, if there is one.
    pub(super) fn take_covering(&mut self, range: Range) -> Option<Slot> {
        let slot = match self.by_range.get(&range) {
            Some(&slot) => slot,
            None => {
                let (_, &slot) = self.by_address.range(..=range.address).next_back()?;
                self.entries[&slot].range.covers(range).then_some(slot)?
            }
        };
        let entry = self.entries.get_mut(&slot)?;
        if entry.user_count == 0 {
            self.idle.remove(&entry.idle_since);
        }
        entry.user_count += 1;
        Some(slot)
    }

    /// Adds an entry with one user. The range must overlap no entry.
    pub(super) fn insert_in_use(&mut self, range: Range, handle: H) -> Slot {
        let slot = self.next_slot;
        self.next_slot += 1;
        self.entries.insert(
            slot,
            Entry {
                range,
                handle,
                user_count: 1,
                idle_since: 0,
            },
        );
        self.by_range.insert(range, slot);
        self.by_address.insert(range.address, slot);
        slot
    }

    /// Takes a user away.
    pub(super) fn release(&mut self, slot: Slot) {
        let Some(entry) = self.entries.get_mut(&slot) else {
            return;
        };
        entry.user_count -= 1;
        if entry.user_count == 0 {
            entry.idle_since = self.release_count;
            self.idle.insert(self.release_count, slot);
            self.release_count += 1;
        }
    }

    /// The last entry that shares a page with the range.
    pub(super) fn find_overlapping(&self, range: Range) -> Option<Slot> {
        let (_, &slot) = self.by_address.range(..range.end()).next_back()?;
        (self.entries[&slot].range.end() > range.address).then_some(slot)
    }

    pub(super) fn remove_oldest_idle(&mut self) -> Option<(Range, H)> {
        let (_, slot) = self.idle.pop_first()?;
        self.remove(slot)
    }

    /// Removes the entry, unless it has users.
    pub(super) fn remove_idle(&mut self, slot: Slot) -> Option<(Range, H)> {
        let entry = self.entries.get(&slot)?;
        if entry.user_count > 0 {
            return None;
        }
        self.idle.remove(&entry.idle_since);
        self.remove(slot)
    }

    fn remove(&mut self, slot: Slot) -> Option<(Range, H)> {
        let entry = self.entries.remove(&slot)?;
        self.by_range.remove(&entry.range);
        self.by_address.remove(&entry.range.address);
        Some((entry.range, entry.handle))
    }
}
