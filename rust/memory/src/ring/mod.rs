//! The fault ring, seen from the host: requests come in here, and answers go out through the
//! completions. The protocol is explained in `cpp/include/gpuio/device/fault_ring.hpp`.
//!
//! A ring entry is two words that each carry the lap's parity; the consumer takes an entry when
//! both show the parity of its lap. It never writes to the ring.

mod entry;
mod producer;

pub use entry::Fault;
pub use producer::Producer;

use crate::sync::atomic::{AtomicU64, Ordering};
use entry::{parity_of, PARITY};

/// Takes faults off a ring, in the order of their tickets.
///
/// There is one consumer a ring. Producers never overwrite an entry that was not taken: each holds
/// a slot until its fault is answered, and there are no more slots than entries.
#[derive(Debug)]
pub struct Consumer {
    head: u64,
    mask: u64,
}

impl Consumer {
    /// A consumer for a ring of `capacity` entries (a power of two), born zeroed.
    pub fn new(capacity: usize) -> Self {
        assert!(
            capacity.is_power_of_two(),
            "a ring's capacity is a power of two"
        );
        Self {
            head: 0,
            mask: capacity as u64 - 1,
        }
    }

    /// Takes the next fault if it is there. Does not wait.
    pub fn take(&mut self, words: &[[AtomicU64; 2]]) -> Option<Fault> {
        assert_eq!(
            words.len() as u64,
            self.mask + 1,
            "the ring this was made for"
        );
        let entry = &words[(self.head & self.mask) as usize];
        let parity = parity_of(self.head / (self.mask + 1));
        // Acquire: what the producer wrote before it pushed (a frame's bytes) is seen after this.
        let first = entry[0].load(Ordering::Acquire);
        if first & PARITY != parity {
            return None;
        }
        let second = entry[1].load(Ordering::Acquire);
        if second & PARITY != parity {
            return None;
        }
        self.head += 1;
        Some(Fault::unpack(first, second))
    }

    /// Whether the next fault is there, without taking it.
    pub fn has_next(&self, words: &[[AtomicU64; 2]]) -> bool {
        let entry = &words[(self.head & self.mask) as usize];
        let parity = parity_of(self.head / (self.mask + 1));
        entry
            .iter()
            .all(|word| word.load(Ordering::Acquire) & PARITY == parity)
    }

    /// Faults taken since the ring was made.
    pub fn taken(&self) -> u64 {
        self.head
    }
}
