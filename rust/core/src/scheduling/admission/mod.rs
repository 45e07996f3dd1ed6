//! Whether a deadline can be met, and who gives way when not all can.
//!
//! The model of a device: what is in flight and what waits ahead is worked off by `depth` slots
//! side by side, each taking `ratio` times what was estimated (measured: a moving mean of service
//! time over estimate, and of how far single requests are from it). By Little's law that is right
//! whether the device works on all slots at once or has them queue. A request ends at
//!
//! ```text
//! now + in flight / 2 * ratio / depth
//!     + waiting ahead * (ratio + spread) / depth
//!     + own estimate * (ratio + 3 spread)
//! ```
//!
//! The spreads are the safety: without the first, and with 2 for 3, 98.4 % instead of 99.5 % of
//! the critical requests were in time in the simulation of 1.2 times overload.
//!
//! Requests with deadlines are taken to go in order of deadline. A new one is admitted if it and
//! all that matter as much are still in time. If not, less critical ones that have not begun are
//! given up, the least critical first; never one that is at least [`CRITICAL`].

use super::{InferenceQos, PriorityLevel, RequestId, CRITICAL};

/// Most requests with deadlines that wait at one device. Admission looks at each of them.
pub const MAX_PROMISES: usize = 1024;

/// Most requests that are given up for one.
const MAX_SHED: usize = 16;

/// Weight of the latest measurement in the moving means.
const NEWEST_WEIGHT: f64 = 1.0 / 32.0;

/// What is added to a request's length to tell its share of the device's time.
const OVERHEAD_BYTES: u64 = 16 << 10;

/// An admitted request that has not begun.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Promise {
    /// Which.
    pub id: RequestId,
    /// When it has to be done.
    pub due_ns: u64,
    /// What it is estimated to take.
    pub cost_ns: u64,
    /// How bad it is if it is late.
    pub criticality: f32,
}

/// What admission says.
#[derive(Clone, Debug, PartialEq)]
pub enum Admitted {
    /// Yes, if these are given up (mostly none).
    Yes {
        /// Less critical requests that have to end with an error now.
        shed: Vec<RequestId>,
    },
    /// No: it would end then, which is too late, or would make others late.
    No {
        /// When it would end.
        end_ns: u64,
    },
}

/// The admission control of one device.
pub struct Admission {
    /// By deadline.
    promises: Vec<Promise>,
    in_flight_ns: u64,
    /// Estimates of what waits without a deadline, by level.
    other_ns: [u64; 3],
    ratio: f64,
    spread: f64,
    ns_per_byte: f64,
}

impl Default for Admission {
    fn default() -> Self {
        Self {
            promises: Vec::new(),
            in_flight_ns: 0,
            other_ns: [0; 3],
            ratio: 1.0,
            spread: 0.0,
            ns_per_byte: 1.0,
        }
    }
}

impl Admission {
    /// What a request of this length is taken to last: the caller's estimate, or by length.
    pub fn cost_ns(&self, qos: Option<InferenceQos>, length_bytes: u64) -> u64 {
        match qos.map_or(0, |qos| qos.estimated_duration_us()) {
            0 => (weight(length_bytes) * self.ns_per_byte) as u64 + 1,
            estimated_us => estimated_us * 1000,
        }
    }

    /// Asks for a promise. Changes nothing: [`Admission::promise`] does.
    pub fn ask(&self, asked: Promise, level: PriorityLevel, now_ns: u64, depth: u32) -> Admitted {
        let mut promises = self.promises.clone();
        let place = promises.partition_point(|it| it.due_ns <= asked.due_ns);
        promises.insert(place, asked);
        let first_ns = now_ns + self.wait_ns(level, depth);
        let mut shed = Vec::new();
        loop {
            let Some((late, end_ns)) = self.first_late(&promises, asked, first_ns, depth) else {
                return Admitted::Yes { shed };
            };
            let victim = (0..=late)
                .filter(|at| is_less_critical(&promises[*at], &asked))
                .min_by(|a, b| {
                    promises[*a]
                        .criticality
                        .total_cmp(&promises[*b].criticality)
                });
            match victim {
                Some(victim) if shed.len() < MAX_SHED => {
                    shed.push(promises.remove(victim).id);
                }
                _ => return Admitted::No { end_ns },
            }
        }
    }

    /// Whether no further promise can be kept track of.
    pub fn is_full(&self) -> bool {
        self.promises.len() >= MAX_PROMISES
    }

    /// A request with a deadline waits from now on.
    pub fn promise(&mut self, promise: Promise) {
        let place = self
            .promises
            .partition_point(|it| it.due_ns <= promise.due_ns);
        self.promises.insert(place, promise);
    }

    /// It waits no longer: it has begun, or ended without.
    pub fn withdraw(&mut self, id: RequestId, due_ns: u64) {
        let from = self.promises.partition_point(|it| it.due_ns < due_ns);
        if let Some(at) = self.promises[from..].iter().position(|it| it.id == id) {
            self.promises.remove(from + at);
        }
    }

    /// A request without a deadline waits from now on (`true`), or no longer.
    pub fn other(&mut self, level: PriorityLevel, cost_ns: u64, waits: bool) {
        add(&mut self.other_ns[level as usize], cost_ns, waits);
    }

    /// A request is in flight from now on (`true`), or no longer.
    pub fn in_flight(&mut self, cost_ns: u64, is_in_flight: bool) {
        add(&mut self.in_flight_ns, cost_ns, is_in_flight);
    }

    /// A request that was estimated took this long from its first slice to its end.
    pub fn measured(&mut self, is_estimated: bool, cost_ns: u64, length_bytes: u64, took_ns: u64) {
        if !is_estimated {
            let ns_per_byte = took_ns as f64 / weight(length_bytes);
            self.ns_per_byte += NEWEST_WEIGHT * (ns_per_byte - self.ns_per_byte);
        }
        let off = took_ns as f64 / cost_ns.max(1) as f64 - self.ratio;
        self.ratio += NEWEST_WEIGHT * off;
        self.spread += NEWEST_WEIGHT * (off.abs() - self.spread);
    }

    /// Whether a request that begins now will be too late.
    pub fn is_hopeless(&self, cost_ns: u64, due_ns: u64, now_ns: u64) -> bool {
        now_ns as f64 + cost_ns as f64 * self.ratio > due_ns as f64
    }

    /// The wait for what goes before every request with a deadline.
    fn wait_ns(&self, level: PriorityLevel, depth: u32) -> u64 {
        let others: u64 = self.other_ns[..=level as usize].iter().sum();
        let ahead_ns = (self.in_flight_ns / 2 + others) as f64;
        (ahead_ns * self.ratio / f64::from(depth)) as u64
    }

    /// The first promise that would be late and matters to whoever asks, and when it would end.
    fn first_late(
        &self,
        promises: &[Promise],
        asked: Promise,
        first_ns: u64,
        depth: u32,
    ) -> Option<(usize, u64)> {
        let mut begin_ns = first_ns as f64;
        for (at, promise) in promises.iter().enumerate() {
            let cost_ns = promise.cost_ns as f64;
            let end_ns = begin_ns + cost_ns * (self.ratio + 3.0 * self.spread);
            // Those before the new one go as they would without it.
            let is_touched = promise.due_ns > asked.due_ns || promise.id == asked.id;
            if is_touched && end_ns > promise.due_ns as f64 {
                return Some((at, end_ns as u64));
            }
            begin_ns += cost_ns * (self.ratio + self.spread) / f64::from(depth);
        }
        None
    }
}

/// Whether the promise may be given up for the one who asks.
fn is_less_critical(promise: &Promise, asked: &Promise) -> bool {
    promise.criticality < asked.criticality && promise.criticality < CRITICAL
}

fn weight(length_bytes: u64) -> f64 {
    length_bytes.saturating_add(OVERHEAD_BYTES) as f64
}

fn add(sum: &mut u64, cost_ns: u64, more: bool) {
    *sum = if more {
        sum.saturating_add(cost_ns)
    } else {
        sum.saturating_sub(cost_ns)
    };
}

#[cfg(test)]
mod tests;
