//! How fast a device works off bulk.

/// What of the past is kept with each slice.
const KEPT: f64 = 31.0 / 32.0;

/// Bytes, and the time in which bulk was in flight, both with the past fading.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    bytes: f64,
    busy_ns: f64,
    last_ns: u64,
}

impl Pace {
    /// A slice came back.
    pub fn observe(&mut self, bytes: u64, dispatched_ns: u64, now_ns: u64) {
        let since_ns = dispatched_ns.max(self.last_ns);
        self.bytes = KEPT * self.bytes + bytes as f64;
        self.busy_ns = KEPT * self.busy_ns + now_ns.saturating_sub(since_ns) as f64;
        self.last_ns = now_ns;
    }

    /// Bytes that are worked off in this time.
    pub fn bytes_in(&self, ns: u64) -> u64 {
        if self.busy_ns < 1.0 {
            return 0; // not known yet
        }
        (self.bytes / self.busy_ns * ns as f64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_time_does_not_count_and_the_past_fades() {
        let mut pace = Pace::default();
        assert_eq!(pace.bytes_in(1000), 0);
        pace.observe(100, 0, 50);
        pace.observe(100, 1000, 1050);
        // Two side by side, the second in the shade of the first.
        pace.observe(100, 2000, 2100);
        pace.observe(100, 2000, 2100);
        assert!((1950..2050).contains(&pace.bytes_in(1000)));
        (1..200).for_each(|k| pace.observe(100, 10_000 * k, 10_000 * k + 1000));
        assert!((100..110).contains(&pace.bytes_in(1000)));
    }
}
