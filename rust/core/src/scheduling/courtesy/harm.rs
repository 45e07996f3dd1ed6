//! How much bulk urgent slices can bear beside them, found by trying.
//!
//! No model of the device is needed: what is compared is an urgent slice's time with the least that
//! slices of about its length took lately. On a disk with one head each seek and each byte of bulk
//! adds to it; on a drive that works on many slices side by side none does until it is full.
//!
//! What is borne grows a little with each urgent slice that was in time beside about as much bulk,
//! and shrinks a lot with each that was late. The two balance when one in a hundred is late: it is
//! the 99th percentile that is kept within bounds, whatever the distribution, and single stalls of
//! a device change little.

use super::least::Least;
use super::{Beside, CourtesyOptions};

/// An urgent slice that took longer than so many times its own time was late.
const LATE: f64 = 2.5;

/// The factors for one that was late and for one that was not; and that before the first was late.
const SHRINKS: f64 = 0.9;
const GROWS: f64 = 1.001;
const GROWS_AT_FIRST: f64 = 1.05;

/// Lengths are told apart by powers of two; these, and the longer ones together.
const LENGTHS: usize = 24;

/// See the [module](self).
#[derive(Clone, Debug)]
pub(super) struct Harm {
    /// Times of urgent slices, by the logarithm of their length.
    own_ns: [Least; LENGTHS],
    least_bytes: f64,
    bearable_bytes: f64,
    was_late: bool,
}

impl Harm {
    pub fn new(options: &CourtesyOptions) -> Self {
        Self {
            own_ns: [Least::default(); LENGTHS],
            least_bytes: options.least_bytes as f64,
            bearable_bytes: options.first_bytes as f64,
            was_late: false,
        }
    }

    /// An urgent slice came back, beside which this was in flight when it went out. Those before it
    /// may each have taken as long as it does.
    pub fn observe(&mut self, length_bytes: u64, took_ns: u64, beside: Beside) {
        let place = (length_bytes.max(1).ilog2() as usize).min(LENGTHS - 1);
        if beside.urgent_count == 0 {
            self.own_ns[place].add(took_ns);
        }
        let Some(own_ns) = self.own_ns[place].get() else {
            return;
        };
        let bulk_bytes = beside.bulk_bytes as f64;
        let in_time_ns = LATE * own_ns as f64 * f64::from(1 + beside.urgent_count);
        if took_ns as f64 > in_time_ns && beside.bulk_bytes > 0 {
            self.was_late = true;
            self.bearable_bytes = (SHRINKS * self.bearable_bytes).max(self.least_bytes);
        } else if bulk_bytes >= self.bearable_bytes / 2.0 {
            let grows = if self.was_late { GROWS } else { GROWS_AT_FIRST };
            self.bearable_bytes *= grows;
        }
    }

    /// Bytes of bulk in flight that urgent slices can bear.
    pub fn bearable_bytes(&self) -> u64 {
        self.bearable_bytes as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: CourtesyOptions = CourtesyOptions {
        least_bytes: 1000,
        first_bytes: 4000,
    };

    fn beside(bulk_bytes: u64) -> Beside {
        Beside {
            bulk_bytes,
            urgent_count: 0,
        }
    }

    /// Urgent slices that take 100, and one more for each so many bytes beside them; now and then
    /// one alone.
    fn after(slices: u32, bytes_per_ns: f64) -> Harm {
        let mut harm = Harm::new(&OPTIONS);
        for k in 0..slices {
            let bytes = harm.bearable_bytes() * u64::from(k >= 8 && k % 16 != 0);
            let wait_ns = (bytes as f64 / bytes_per_ns) as u64;
            harm.observe(64, 100 + wait_ns, beside(bytes));
        }
        harm
    }

    #[test]
    fn it_settles_where_slices_are_just_in_time() {
        for bytes_per_ns in [10.0, 100.0, 10_000.0] {
            let found = after(3000, bytes_per_ns).bearable_bytes() as f64;
            let bound = (150.0 * bytes_per_ns).max(1000.0);
            let range = 0.85 * bound..=1.05 * bound;
            assert!(range.contains(&found), "{found} {bound}");
        }
    }

    #[test]
    fn it_never_falls_below_the_least() {
        assert_eq!(after(500, 0.001).bearable_bytes(), 1000);
    }

    #[test]
    fn what_was_not_tried_does_not_grow() {
        let mut harm = Harm::new(&OPTIONS);
        (0..1000).for_each(|_| harm.observe(64, 100, beside(1999)));
        assert_eq!(harm.bearable_bytes(), 4000);
    }

    #[test]
    fn lengths_have_times_of_their_own() {
        let mut harm = Harm::new(&OPTIONS);
        for _ in 0..100 {
            harm.observe(64, 100, beside(1000));
            harm.observe(1 << 20, 5000, beside(1000));
        }
        assert_eq!(harm.bearable_bytes(), 4000);
    }

    #[test]
    fn waiting_for_each_other_is_not_held_against_bulk() {
        let mut harm = Harm::new(&OPTIONS);
        (0..8).for_each(|_| harm.observe(64, 100, beside(0)));
        let crowd = Beside {
            urgent_count: 9,
            ..beside(1000)
        };
        harm.observe(64, 2500, crowd);
        assert_eq!(harm.bearable_bytes(), 4000);
        harm.observe(64, 2501, crowd);
        assert!(harm.bearable_bytes() < 4000);
    }
}
