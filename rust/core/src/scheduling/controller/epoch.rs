//! What is measured while one setting is in force.

use super::Observation;
use crate::scheduling::PriorityLevel;

/// Fewest completions of a measurement, without urgent ones.
const MIN_COUNT: u64 = 64;

/// Completions for each slot, so that every slot is seen several times.
const COUNT_PER_SLOT: u64 = 16;

/// Mean latencies that a measurement lasts at least.
const LATENCIES: f64 = 8.0;

/// Completions that always suffice.
const MAX_COUNT: u64 = 8192;

/// Urgent completions from which their deviation means something.
const MIN_URGENT_COUNT: u64 = 64;

/// Completions of slices that were handed out since a setting came into force.
pub(super) struct Epoch {
    began_ns: u64,
    first_ns: u64,
    last_ns: u64,
    count: u64,
    bytes: u64,
    latency_sum_ns: u64,
    urgent_count: u64,
    urgent_sum_ns: f64,
    urgent_squares: f64,
    in_flight_sum: u64,
}

/// What a setting gave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measurement {
    /// Bytes a nanosecond.
    pub bandwidth: f64,
    /// Mean, from dispatch to completion.
    pub latency_ns: f64,
    /// Completions a nanosecond.
    pub rate: f64,
    /// The same latency of slices of the highest level, mean and two standard deviations; `None`
    /// if there were too few.
    pub urgent_tail_ns: Option<f64>,
    /// Mean number of slices in flight.
    pub in_flight: f64,
}

impl Epoch {
    pub fn new(began_ns: u64) -> Self {
        Self {
            began_ns,
            first_ns: 0,
            last_ns: 0,
            count: 0,
            bytes: 0,
            latency_sum_ns: 0,
            urgent_count: 0,
            urgent_sum_ns: 0.0,
            urgent_squares: 0.0,
            in_flight_sum: 0,
        }
    }

    /// Takes a completion into account, and says what was measured once that is enough.
    pub fn add(&mut self, seen: &Observation, depth: u32) -> Option<Measurement> {
        if seen.dispatched_ns < self.began_ns {
            return None; // handed out under the setting before
        }
        let latency_ns = seen.now_ns.saturating_sub(seen.dispatched_ns);
        if self.count == 0 {
            self.first_ns = seen.now_ns;
        } else {
            // The first only begins the time, or one too many would be counted.
            self.bytes += seen.bytes;
        }
        self.last_ns = seen.now_ns;
        self.count += 1;
        self.latency_sum_ns += latency_ns;
        self.in_flight_sum += u64::from(seen.in_flight);
        if seen.level == PriorityLevel::High {
            self.urgent_count += 1;
            self.urgent_sum_ns += latency_ns as f64;
            self.urgent_squares += (latency_ns as f64).powi(2);
        }
        self.is_enough(depth).then(|| self.measurement())
    }

    fn is_enough(&self, depth: u32) -> bool {
        let elapsed_ns = self.last_ns.saturating_sub(self.first_ns) as f64;
        let latency_ns = self.latency_sum_ns as f64 / self.count as f64;
        let has_urgent = self.urgent_count == 0 || self.urgent_count >= MIN_URGENT_COUNT;
        let wanted = MIN_COUNT.max(COUNT_PER_SLOT * u64::from(depth));
        let is_long = elapsed_ns >= LATENCIES * latency_ns && elapsed_ns > 0.0;
        (self.count - self.urgent_count >= wanted && is_long && has_urgent)
            || self.count >= MAX_COUNT
    }

    /// The latency of urgent slices, mean and two standard deviations; `None` if there were fewer
    /// than that.
    pub fn urgent_tail_ns(&self, count: u64) -> Option<f64> {
        if self.urgent_count < count {
            return None;
        }
        let count = self.urgent_count as f64;
        let mean = self.urgent_sum_ns / count;
        let variance = (self.urgent_squares / count - mean * mean).max(0.0);
        Some(mean + 2.0 * variance.sqrt())
    }

    fn measurement(&self) -> Measurement {
        let elapsed_ns = self.last_ns.saturating_sub(self.first_ns).max(1) as f64;
        Measurement {
            bandwidth: self.bytes as f64 / elapsed_ns,
            latency_ns: self.latency_sum_ns as f64 / self.count as f64,
            rate: (self.count - 1) as f64 / elapsed_ns,
            urgent_tail_ns: self.urgent_tail_ns(MIN_URGENT_COUNT),
            in_flight: self.in_flight_sum as f64 / self.count as f64,
        }
    }
}
