//! Transfers in flight: what each token means.

use gpuio_core::Error;
use gpuio_memory::ring::Fault;

/// Why a transfer was queued.
#[derive(Debug)]
pub enum Purpose {
    /// Fills these L2 frames, in order, with consecutive pages.
    Load {
        /// The frames.
        frames: Vec<u32>,
    },
    /// Fills the L1 frames of these faults, in order, with consecutive pages.
    Fill {
        /// The faults.
        faults: Vec<Fault>,
    },
    /// Writes this L2 frame to its resource.
    Write {
        /// The frame.
        frame: u32,
        /// Flushes that the array had seen when the write was started.
        flushes: u64,
    },
    /// Makes a resource durable for a job.
    Sync {
        /// The job.
        job: u64,
    },
}

/// Tokens and their purposes. Bounded by what the engines accept.
#[derive(Debug, Default)]
pub struct Transfers {
    slots: Vec<Option<Purpose>>,
    free: Vec<usize>,
    in_flight: usize,
}

impl Transfers {
    /// A token for this purpose.
    pub fn begin(&mut self, purpose: Purpose) -> u64 {
        self.in_flight += 1;
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.slots[index] = Some(purpose);
        index as u64
    }

    /// The purpose of a token, which is free again.
    pub fn end(&mut self, token: u64) -> Option<Purpose> {
        let purpose = self.slots.get_mut(token as usize)?.take()?;
        self.free.push(token as usize);
        self.in_flight -= 1;
        Some(purpose)
    }

    /// The faults whose L1 frames are being filled.
    pub fn fills(&self) -> impl Iterator<Item = &Fault> {
        self.slots
            .iter()
            .flatten()
            .flat_map(|purpose| match purpose {
                Purpose::Fill { faults } => faults.as_slice(),
                _ => &[],
            })
    }

    /// Transfers in flight.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }
}

/// Who waits for an L2 frame to be filled.
#[derive(Clone, Debug)]
pub enum Waiter {
    /// A kernel.
    Fault(Fault),
    /// A job, which learns of failures through `Core::job_errors`.
    Job(u64),
}

/// Packs an error into the source word of a failed answer: errno above, negated code below.
pub fn failure_word(error: &Error) -> u64 {
    let code = error.code.number().unsigned_abs();
    u64::from(error.os_error as u32) << 32 | u64::from(code)
}
