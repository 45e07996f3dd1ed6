//! Durations as a histogram of fixed size whose buckets grow with the value.
//!
//! Every power of two is divided into [`STEPS`] equal steps (values below are exact), as in
//! HdrHistogram by Gil Tene. A quantile is therefore too large by less than one part in
//! [`STEPS`], and never too small.

/// Steps in each power of two; the relative error of a quantile is below one over this.
pub const STEPS: u64 = 64;

/// Values from here on (about 4.9 hours in nanoseconds) are counted as this.
pub const MAX_VALUE: u64 = (1 << 44) - 1;

const STEP_BITS: u32 = STEPS.ilog2();
const BUCKET_COUNT: usize = bucket_of(MAX_VALUE) + 1;

/// Counts of values, 20 KB whatever is recorded. Made to be merged: each thread has its own.
#[derive(Clone)]
pub struct Histogram {
    counts: Box<[u64; BUCKET_COUNT]>,
    count: u64,
    sum: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: Box::new([0; BUCKET_COUNT]),
            count: 0,
            sum: 0,
            max: 0,
        }
    }
}

impl Histogram {
    /// Counts one value.
    pub fn record(&mut self, value: u64) {
        let value = value.min(MAX_VALUE);
        self.counts[bucket_of(value)] += 1;
        self.count += 1;
        self.sum = self.sum.saturating_add(value);
        self.max = self.max.max(value);
    }

    /// Adds another's counts to this one's.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts.iter()) {
            *mine += theirs;
        }
        self.count += other.count;
        self.sum = self.sum.saturating_add(other.sum);
        self.max = self.max.max(other.max);
    }

    /// How many values were recorded.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The sum of all values, unless it left 64 bits: then the largest number.
    pub const fn sum(&self) -> u64 {
        self.sum
    }

    /// For each of the bounds, which ascend, how many values are smaller. Exact for a bound below
    /// twice [`STEPS`] and for `1000 << k`, where a step begins; for others too few by the values
    /// of the step that the bound lies in.
    pub fn below<const N: usize>(&self, bounds: &[u64; N]) -> [u64; N] {
        let (mut bucket, mut seen) = (0, 0);
        bounds.map(|bound| {
            while bucket < BUCKET_COUNT && last_of(bucket) < bound {
                seen += self.counts[bucket];
                bucket += 1;
            }
            seen
        })
    }

    /// The largest, exactly; 0 if there is none.
    pub const fn max(&self) -> u64 {
        self.max
    }

    /// The mean, exactly unless the sum left 64 bits; 0 if there is none.
    pub fn mean(&self) -> f64 {
        self.sum as f64 / self.count.max(1) as f64
    }

    /// The value that a share `quantile` (0 to 1) of all values does not exceed: the one of rank
    /// `ceil(quantile * count)`, at least 1, rounded up by less than one part in [`STEPS`].
    /// 0 if there is none.
    pub fn quantile(&self, quantile: f64) -> u64 {
        let rank = (quantile.clamp(0.0, 1.0) * self.count as f64).ceil() as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if *count > 0 && seen >= rank {
                return last_of(bucket).min(self.max);
            }
        }
        self.max
    }
}

/// The bucket of a value that is not above [`MAX_VALUE`].
const fn bucket_of(value: u64) -> usize {
    if value < STEPS {
        return value as usize;
    }
    let shift = value.ilog2() - STEP_BITS;
    ((shift as u64 * STEPS) + (value >> shift)) as usize
}

/// The largest value of a bucket.
const fn last_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < 2 * STEPS {
        return bucket;
    }
    let shift = bucket / STEPS - 1;
    ((bucket - shift * STEPS + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values() -> impl Strategy<Value = Vec<u64>> {
        let value = (0u32..44).prop_flat_map(|bits| 0..(2u64 << bits).min(MAX_VALUE));
        prop::collection::vec(value, 1..300)
    }

    fn of(values: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        values.iter().for_each(|value| histogram.record(*value));
        histogram
    }

    proptest! {
        #[test]
        fn quantiles_are_as_exact_as_promised(mut values in values(), quantile in 0.0..=1.0f64) {
            let histogram = of(&values);
            values.sort_unstable();
            let rank = ((quantile * values.len() as f64).ceil() as usize).max(1);
            let exact = values[rank - 1];
            let found = histogram.quantile(quantile);
            prop_assert!(found >= exact, "{} < {}", found, exact);
            prop_assert!(found - exact <= exact / STEPS, "{} for {}", found, exact);
            prop_assert_eq!(histogram.quantile(1.0), histogram.max());
        }

        #[test]
        fn counts_below_are_exact(values in values(), shift in 0u32..25, small in 0..128u64) {
            let exact = |bound: u64| values.iter().filter(|value| **value < bound).count() as u64;
            let mut bounds = [small, 1000 << shift, u64::MAX];
            bounds.sort_unstable();
            prop_assert_eq!(of(&values).below(&bounds), bounds.map(exact));
            prop_assert_eq!(of(&values).sum(), values.iter().sum::<u64>());
        }

        #[test]
        fn merging_is_recording_all(a in values(), b in values()) {
            let mut merged = of(&a);
            merged.merge(&of(&b));
            let all = of(&[a, b].concat());
            prop_assert_eq!(merged.counts, all.counts);
            prop_assert_eq!((merged.count, merged.sum, merged.max), (all.count, all.sum, all.max));
        }
    }

    #[test]
    fn buckets_follow_each_other() {
        for bucket in 0..BUCKET_COUNT {
            assert_eq!(bucket_of(last_of(bucket)), bucket);
            assert_eq!(
                bucket_of((last_of(bucket) + 1).min(MAX_VALUE)),
                (bucket + 1).min(BUCKET_COUNT - 1)
            );
        }
        assert!(size_of::<[u64; BUCKET_COUNT]>() < 21_000);
        let mut histogram = Histogram::default();
        assert_eq!((histogram.quantile(0.5), histogram.mean()), (0, 0.0));
        histogram.record(u64::MAX);
        assert_eq!(histogram.max(), MAX_VALUE);
    }
}
