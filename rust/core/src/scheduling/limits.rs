//! What a device is given at a time.

use super::slicing::{MAX_SLICE_BYTES, MIN_SLICE_BYTES};
use crate::limits::MAX_QUEUE_DEPTH;
use crate::{Error, ErrorCode, Result};

/// How much of a device's capacity requests may take. Fixed by the caller, or set by a
/// [`Controller`](super::Controller).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceLimits {
    /// Slices in flight.
    pub depth: u32,
    /// Of those, bulk: slices of a request that is longer than one slice, or of the lowest level.
    /// No more than the device works on side by side, so that an urgent request never waits behind
    /// more than one; and less than `depth`, so that it finds a slot.
    pub bulk_depth: u32,
    /// Longest slice.
    pub slice_bytes: u64,
    /// Free slots to wait for before they are filled, so that one submission carries several
    /// slices. Never more than half of `depth`, and no waiting while something urgent is there,
    /// nothing is in flight, or fewer requests than that wait.
    pub batch_count: u32,
}

impl Default for DeviceLimits {
    /// What suits a solid-state drive.
    fn default() -> Self {
        Self {
            depth: 64,
            bulk_depth: 16,
            slice_bytes: 256 << 10,
            batch_count: 8,
        }
    }
}

impl DeviceLimits {
    /// Refuses what makes no sense.
    ///
    /// # Errors
    /// `InvalidArgument`: a depth of 0 or beyond [`MAX_QUEUE_DEPTH`], a bulk depth of 0 or beyond
    /// the depth, a slice length outside [`MIN_SLICE_BYTES`] to [`MAX_SLICE_BYTES`], a batch of
    /// none.
    pub fn validate(&self) -> Result<()> {
        let refuse = |what: &str, value: u64, from: u64, to: u64| {
            let message = format!("{what} is {value}; it must lie between {from} and {to}");
            let operation = "set a device's limits";
            Err(Error::new(ErrorCode::InvalidArgument, operation, message))
        };
        let (depth, bulk_depth) = (u64::from(self.depth), u64::from(self.bulk_depth));
        if depth == 0 || self.depth > MAX_QUEUE_DEPTH {
            return refuse("depth", depth, 1, u64::from(MAX_QUEUE_DEPTH));
        }
        if bulk_depth == 0 || bulk_depth > depth {
            return refuse("bulk_depth", bulk_depth, 1, depth);
        }
        if !(MIN_SLICE_BYTES..=MAX_SLICE_BYTES).contains(&self.slice_bytes) {
            let (from, to) = (MIN_SLICE_BYTES, MAX_SLICE_BYTES);
            return refuse("slice_bytes", self.slice_bytes, from, to);
        }
        if self.batch_count == 0 || self.batch_count > self.depth {
            return refuse("batch_count", u64::from(self.batch_count), 1, depth);
        }
        Ok(())
    }

    /// How many slots must be free before `waiting_count` requests that are not urgent are given
    /// some, with something in flight.
    pub(super) fn free_slots_awaited(&self, waiting_count: usize) -> u32 {
        let batch = self.batch_count.min(self.depth / 2).max(1);
        batch.min(u32::try_from(waiting_count).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_refused() {
        let good = DeviceLimits::default();
        assert!(good.validate().is_ok());
        for bad in [
            DeviceLimits { depth: 0, ..good },
            DeviceLimits {
                depth: MAX_QUEUE_DEPTH + 1,
                ..good
            },
            DeviceLimits {
                bulk_depth: 0,
                ..good
            },
            DeviceLimits {
                bulk_depth: 65,
                ..good
            },
            DeviceLimits {
                slice_bytes: MIN_SLICE_BYTES - 1,
                ..good
            },
            DeviceLimits {
                batch_count: 0,
                ..good
            },
        ] {
            assert_eq!(bad.validate().unwrap_err().code, ErrorCode::InvalidArgument);
        }
    }
}
