//! The producer's half in Rust, step for step what `push_fault` does on the device. It serves the
//! models and the tests; kernels use the C++ one.

use super::entry::{parity_of, Fault};
use crate::sync::atomic::{AtomicU64, Ordering};

/// Pushes faults. Any number of threads may share one.
#[derive(Debug, Default)]
pub struct Producer {
    tail: AtomicU64,
}

impl Producer {
    /// A producer for a ring nothing was pushed on yet.
    pub fn new() -> Self {
        Self {
            tail: AtomicU64::new(0),
        }
    }

    /// Pushes a fault. The caller holds the fault's slot, and there are no more slots than
    /// entries, so the entry is free; this never waits.
    pub fn push(&self, words: &[[AtomicU64; 2]], fault: Fault) {
        let ticket = self.tail.fetch_add(1, Ordering::AcqRel);
        let lap = ticket / words.len() as u64;
        let entry = &words[ticket as usize & (words.len() - 1)];
        let [first, second] = fault.pack(parity_of(lap));
        entry[0].store(first, Ordering::Release);
        entry[1].store(second, Ordering::Release);
    }
}
