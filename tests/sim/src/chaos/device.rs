//! How simulated devices behave.

use super::setup::Faults;
use crate::random::Seeded;
use gpuio_core::random::Random;
use gpuio_core::scheduling::{Outcome, Slice};
use gpuio_core::{Error, ErrorCode};

/// What will come of a slice.
pub(super) struct Fate {
    pub took_ns: u64,
    pub outcome: Outcome,
    /// Bytes that are really moved: a device may do more than it admits to.
    pub moved: u64,
}

/// Decides about one slice.
pub(super) fn fate(slice: &Slice, faults: Faults, random: &mut Seeded) -> Fate {
    let base_ns = 5_000.0 + slice.length_bytes as f64 * 20.0;
    let slow = if random.chance(faults.delay) {
        100.0
    } else {
        1.0
    };
    let took_ns = (base_ns * (0.5 + random.next_unit()) * slow) as u64;
    let length = slice.length_bytes;
    let (outcome, moved) = if random.chance(faults.error) {
        failure(slice, random)
    } else if random.chance(faults.short) && !slice.kind.is_atomic() {
        // Rarely nothing at all, which counts as an error.
        let bytes = if random.chance(0.02) {
            0
        } else {
            random.within(1, length)
        };
        (Outcome { bytes, error: None }, bytes)
    } else {
        let bytes = length;
        (Outcome { bytes, error: None }, length)
    };
    Fate {
        took_ns,
        outcome,
        moved,
    }
}

fn failure(slice: &Slice, random: &mut Seeded) -> (Outcome, u64) {
    let code = random.pick(&[
        ErrorCode::Network,
        ErrorCode::Busy,
        ErrorCode::Timeout,
        ErrorCode::Io,
    ]);
    let error = Some(Error::new(code, slice.kind.verb(), "a simulated fault"));
    let length = slice.length_bytes;
    if slice.kind.is_atomic() {
        // Busy says that nothing happened; of the others nobody knows.
        let is_done = code != ErrorCode::Busy && random.chance(0.5);
        let moved = if is_done { length } else { 0 };
        return (Outcome { bytes: 0, error }, moved);
    }
    let bytes = random.below(length);
    (Outcome { bytes, error }, random.within(bytes, length))
}
