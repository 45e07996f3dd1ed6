//! When urgent requests come: a program that waits for one, thinks and asks for the next leaves a
//! while in between that bulk can have.

use super::least::Least;

/// How long urgent requests are expected after one, at least and at most: a program whose thread
/// was not let run for some milliseconds is not gone, and one that asks every few seconds does not
/// need bulk to wait all the time.
const PATIENCE_MIN_NS: u64 = 20_000_000;
const PATIENCE_MAX_NS: u64 = 2_000_000_000;

/// How many mean waits without an urgent request show that none is coming. Of waits at random,
/// one in three thousand is longer; the request after it finds all of bulk.
const MEAN_WAITS: f64 = 8.0;

/// Of so many lulls one is for seeing what urgent slices take by themselves.
const SAMPLE_EVERY: u64 = 16;

/// Weight of the latest wait in the mean.
const NEWEST_WEIGHT: f64 = 1.0 / 32.0;

/// See the [module](self).
#[derive(Clone, Debug)]
pub(super) struct Lull {
    /// Urgent slices in flight.
    in_flight: u32,
    /// When the last came back, if no request came since.
    quiet_since_ns: Option<u64>,
    /// How often that has happened.
    count: u64,
    /// Waits from there to the next request.
    waits: Least,
    mean_wait_ns: f64,
    /// From when on none is expected.
    until_ns: u64,
}

impl Default for Lull {
    fn default() -> Self {
        Self {
            in_flight: 0,
            quiet_since_ns: None,
            count: 0,
            waits: Least::default(),
            mean_wait_ns: PATIENCE_MIN_NS as f64 / MEAN_WAITS,
            until_ns: 0,
        }
    }
}

impl Lull {
    /// An urgent request came.
    pub fn request_came(&mut self, now_ns: u64) {
        if let Some(since_ns) = self.quiet_since_ns.take() {
            let wait_ns = now_ns.saturating_sub(since_ns);
            self.waits.add(wait_ns);
            let counted_ns = wait_ns.min(PATIENCE_MAX_NS) as f64;
            self.mean_wait_ns += NEWEST_WEIGHT * (counted_ns - self.mean_wait_ns);
        }
        self.expect_more(now_ns);
    }

    /// Urgent slices in flight.
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// An urgent slice went out.
    pub fn slice_went(&mut self) {
        self.in_flight += 1;
    }

    /// An urgent slice came back.
    pub fn slice_came_back(&mut self, now_ns: u64) {
        self.in_flight -= 1;
        if self.in_flight == 0 {
            self.quiet_since_ns = Some(now_ns);
            self.count += 1;
        }
        self.expect_more(now_ns);
    }

    /// Whether urgent requests are there or may come.
    pub fn expects(&self, now_ns: u64) -> bool {
        self.in_flight > 0 || now_ns < self.until_ns
    }

    /// Whether it is the turn of a lull in which bulk keeps to its least, so that it is seen now
    /// and then what an urgent slice takes nearly by itself.
    pub fn is_sample(&self) -> bool {
        self.count % SAMPLE_EVERY == 0
    }

    /// For how long none will come, going by the shortest of the latest waits.
    pub fn quiet_ns(&self, now_ns: u64) -> u64 {
        let Some((since_ns, wait_ns)) = self.quiet_since_ns.zip(self.waits.get()) else {
            return 0;
        };
        since_ns.saturating_add(wait_ns).saturating_sub(now_ns)
    }

    fn expect_more(&mut self, now_ns: u64) {
        let patience_ns = (MEAN_WAITS * self.mean_wait_ns) as u64;
        let patience_ns = patience_ns.clamp(PATIENCE_MIN_NS, PATIENCE_MAX_NS);
        self.until_ns = now_ns.saturating_add(patience_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One request after the other, each 100 after the end of the one before, until this time.
    fn after(requests: u64) -> (Lull, u64) {
        let (mut lull, mut now_ns) = (Lull::default(), 0);
        for _ in 0..requests {
            lull.request_came(now_ns);
            lull.slice_went();
            now_ns += 10;
            lull.slice_came_back(now_ns);
            now_ns += 100;
        }
        (lull, now_ns - 100)
    }

    #[test]
    fn a_program_that_thinks_is_quiet_meanwhile() {
        assert_eq!(after(8).0.quiet_ns(0), 0);
        let (mut lull, end_ns) = after(20);
        assert_eq!(lull.quiet_ns(end_ns + 30), 70);
        assert_eq!(lull.quiet_ns(end_ns + 300), 0);
        lull.request_came(end_ns + 40);
        assert_eq!(lull.quiet_ns(end_ns + 40), 0);
    }

    #[test]
    fn it_is_expected_again_for_a_while() {
        let (lull, end_ns) = after(20);
        assert!(lull.expects(end_ns + PATIENCE_MIN_NS - 1));
        assert!(!lull.expects(end_ns + PATIENCE_MIN_NS));
        assert!(!Lull::default().expects(0));
    }

    #[test]
    fn one_that_is_in_flight_is_there_however_long() {
        let (mut lull, end_ns) = after(20);
        lull.slice_went();
        assert!(lull.expects(end_ns + PATIENCE_MAX_NS));
    }
}
