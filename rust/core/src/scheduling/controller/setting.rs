//! The settings that can be tried, as rungs of three ladders.

use crate::scheduling::DeviceLimits;

const DEPTHS: [u32; 17] = [
    1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384,
];

const SLICES: [u64; 8] = [
    64 << 10,
    128 << 10,
    256 << 10,
    512 << 10,
    1 << 20,
    2 << 20,
    4 << 20,
    8 << 20,
];

const BATCHES: [u32; 6] = [1, 2, 4, 8, 16, 32];

/// For so many slots that bulk may take, there is one more that it may not; at least one.
const SLOTS_PER_RESERVED: u32 = 8;

/// A place on each ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    depth: usize,
    slice: usize,
    batch: usize,
}

/// What may be changed, in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    DepthUp,
    DepthDown,
    SliceUp,
    SliceDown,
    BatchUp,
    BatchDown,
}

impl Move {
    pub const ALL: [Self; 6] = [
        Self::DepthUp,
        Self::SliceUp,
        Self::BatchUp,
        Self::DepthDown,
        Self::SliceDown,
        Self::BatchDown,
    ];

    /// Whether what it leads to costs others less: shorter queues, shorter slices.
    pub fn is_thrifty(self) -> bool {
        matches!(self, Self::DepthDown | Self::SliceDown | Self::BatchDown)
    }
}

impl Setting {
    /// Little in flight: the first measurements show the latency of an idle device.
    pub const FIRST: Self = Self {
        depth: 0,
        slice: 2,
        batch: 0,
    };

    /// The setting whose rungs are the highest that do not exceed these limits.
    pub fn nearest(limits: &DeviceLimits) -> Self {
        let highest = |reached: usize| reached.saturating_sub(1);
        Self {
            depth: highest(DEPTHS.partition_point(|it| *it <= limits.bulk_depth)),
            slice: highest(SLICES.partition_point(|it| *it <= limits.slice_bytes)),
            batch: highest(BATCHES.partition_point(|it| *it <= limits.batch_count)),
        }
    }

    /// The setting after a move; `None` at the end of a ladder.
    pub fn after(self, step: Move) -> Option<Self> {
        let mut to = self;
        let (rung, last, up) = match step {
            Move::DepthUp => (&mut to.depth, DEPTHS.len() - 1, true),
            Move::DepthDown => (&mut to.depth, DEPTHS.len() - 1, false),
            Move::SliceUp => (&mut to.slice, SLICES.len() - 1, true),
            Move::SliceDown => (&mut to.slice, SLICES.len() - 1, false),
            Move::BatchUp => (&mut to.batch, BATCHES.len() - 1, true),
            Move::BatchDown => (&mut to.batch, BATCHES.len() - 1, false),
        };
        *rung = if up {
            rung.checked_add(1).filter(|it| *it <= last)?
        } else {
            rung.checked_sub(1)?
        };
        // A batch is never more than half of the depth: a larger one would make no difference.
        let is_useful = step != Move::BatchUp || 2 * to.limits().batch_count <= to.limits().depth;
        is_useful.then_some(to)
    }

    /// The smallest depth on the ladder that is at least this, everything else as it is.
    pub fn with_depth_of(self, slots: f64) -> Self {
        let rung = DEPTHS.partition_point(|depth| f64::from(*depth) < slots);
        Self {
            depth: rung.min(DEPTHS.len() - 1),
            ..self
        }
    }

    /// What the device gets.
    pub fn limits(self) -> DeviceLimits {
        let bulk_depth = DEPTHS[self.depth];
        let depth = bulk_depth + (bulk_depth / SLOTS_PER_RESERVED).max(1);
        DeviceLimits {
            depth,
            bulk_depth,
            slice_bytes: SLICES[self.slice],
            batch_count: BATCHES[self.batch].min(depth),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_valid_and_every_ladder_ends() {
        for step in Move::ALL {
            let mut setting = Setting::FIRST;
            let mut rungs = 0;
            while let Some(next) = setting.after(step) {
                assert!(next.limits().validate().is_ok(), "{next:?}");
                setting = next;
                rungs += 1;
            }
            assert!(rungs <= DEPTHS.len());
        }
        assert_eq!(Setting::FIRST.with_depth_of(33.0).limits().bulk_depth, 48);
        assert_eq!(Setting::FIRST.with_depth_of(1e9).limits().bulk_depth, 384);
    }
}
