//! How much bulk a device is given where urgent requests come: learned from what comes back.
//!
//! A drive has one queue, and what it was given it does: an urgent request that finds thirty slices
//! of a megabyte there waits for all of them, whatever the scheduler thinks. So while urgent
//! requests are expected, so much bulk is in flight on a device as
//!
//! ```text
//!     urgent slices can bear    +    is worked off before the next may come
//!        (`harm`, found by trying)           (`lull` x `pace`)
//! ```
//!
//! as one slice, or several of full length. Where urgent requests come
//! at random the second part is nothing; where a program asks, thinks and asks again, bulk has the
//! drive meanwhile.
//!
//! **The floor.** One bulk slice of [`CourtesyOptions::least_bytes`] may always be in flight, so a
//! device is never without bulk that waits, however much it harms.
//!
//! **Safety.** Before anything is known, it is [`CourtesyOptions::first_bytes`]. It is never more
//! than the device's limits, and does not grow beyond twice what was tried.
//!
//! What was bulk and is promoted does not count as urgent here: it is part of a stream whose
//! throughput matters.

mod harm;
mod least;
mod lull;
mod pace;
#[cfg(test)]
mod tests;

use self::harm::Harm;
use self::lull::Lull;
use self::pace::Pace;
use super::slicing::MIN_SLICE_BYTES;
use crate::{Error, ErrorCode, Result};

/// Between which bounds bulk is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CourtesyOptions {
    /// Bytes of bulk that may be in flight whatever harm they do, as one slice.
    pub least_bytes: u64,
    /// Bytes that may be in flight while nothing is known of the device.
    pub first_bytes: u64,
}

impl Default for CourtesyOptions {
    fn default() -> Self {
        Self {
            least_bytes: 64 << 10,
            first_bytes: 128 << 10,
        }
    }
}

impl CourtesyOptions {
    pub(super) fn validate(&self) -> Result<()> {
        if self.least_bytes >= MIN_SLICE_BYTES && self.first_bytes >= self.least_bytes {
            return Ok(());
        }
        let message = format!(
            "courtesy's least is {} bytes, its first {}; the least must be at least {} and no more \
             than the first",
            self.least_bytes, self.first_bytes, MIN_SLICE_BYTES
        );
        let operation = "make a scheduler";
        Err(Error::new(ErrorCode::InvalidArgument, operation, message))
    }
}

/// What is learned of one device. See the [module](self).
#[derive(Clone, Debug)]
pub struct Courtesy {
    options: CourtesyOptions,
    harm: Harm,
    lull: Lull,
    pace: Pace,
}

/// An urgent slice that came back.
#[derive(Clone, Copy, Debug)]
pub struct UrgentSlice {
    /// Its length.
    pub length_bytes: u64,
    /// From going out to coming back.
    pub took_ns: u64,
    /// What was in flight when it went out. `None`: slices that are neither bulk nor urgent were,
    /// too, or it failed, so that its time says nothing of bulk.
    pub beside: Option<Beside>,
}

/// What is in flight on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beside {
    /// Bytes of bulk.
    pub bulk_bytes: u64,
    /// Urgent slices.
    pub urgent_count: u32,
}

impl Courtesy {
    /// Nothing is known yet.
    pub fn new(options: CourtesyOptions) -> Self {
        Self {
            options,
            harm: Harm::new(&options),
            lull: Lull::default(),
            pace: Pace::default(),
        }
    }

    /// An urgent request came.
    pub fn urgent_request(&mut self, now_ns: u64) {
        self.lull.request_came(now_ns);
    }

    /// Urgent slices in flight.
    pub fn urgent_count(&self) -> u32 {
        self.lull.in_flight()
    }

    /// An urgent slice goes out.
    pub fn urgent_goes(&mut self) {
        self.lull.slice_went();
    }

    /// An urgent slice came back.
    pub fn urgent_returns(&mut self, slice: UrgentSlice, now_ns: u64) {
        self.lull.slice_came_back(now_ns);
        if let Some(beside) = slice.beside {
            self.harm.observe(slice.length_bytes, slice.took_ns, beside);
        }
    }

    /// A bulk slice came back with so many bytes.
    pub fn bulk_returns(&mut self, bytes: u64, dispatched_ns: u64, now_ns: u64) {
        self.pace.observe(bytes, dispatched_ns, now_ns);
    }

    /// Whether urgent requests are expected, so that bulk is held back.
    pub fn is_in_force(&self, now_ns: u64) -> bool {
        self.lull.expects(now_ns)
    }

    /// Bytes of bulk that may be in flight now. `None`: as many as there are slots for, as no
    /// urgent request is expected.
    pub fn allowed_bytes(&self, now_ns: u64) -> Option<u64> {
        if !self.is_in_force(now_ns) {
            return None;
        }
        if self.lull.is_sample() {
            return Some(self.options.least_bytes);
        }
        let meanwhile = self.pace.bytes_in(self.lull.quiet_ns(now_ns));
        Some(self.harm.bearable_bytes().saturating_add(meanwhile))
    }

    /// How long a further bulk slice may be beside so many bytes of bulk, on a device that is given
    /// none longer than `slice_bytes`. `None`: it has to wait. Two short ones would take longer
    /// than one of the length of both, so there is one, or several of full length.
    pub fn room_bytes(&self, bulk_bytes: u64, slice_bytes: u64, now_ns: u64) -> Option<u64> {
        let Some(allowed) = self.allowed_bytes(now_ns) else {
            return Some(u64::MAX);
        };
        let room = allowed.saturating_sub(bulk_bytes);
        let shortest = allowed.min(slice_bytes).max(self.options.least_bytes);
        (room >= shortest).then_some(room)
    }
}
