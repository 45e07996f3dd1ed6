//! What differs from seed to seed.

use super::bytes::MAX_STREAMS;
use crate::random::Seeded;
use gpuio_core::scheduling::retry::RetryPolicy;
use gpuio_core::scheduling::{CourtesyOptions, DeviceLimits, SchedulerOptions, SchedulerPolicy};

/// How often things go wrong, as probabilities for each slice.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    /// It fails, perhaps after some bytes.
    pub error: f64,
    /// It moves fewer bytes than asked, without an error.
    pub short: f64,
    /// It takes a hundred times as long.
    pub delay: f64,
}

/// One simulated world.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub options: SchedulerOptions,
    pub stream_count: u64,
    pub faults: Faults,
    /// Mean wait between arrivals, in nanoseconds; how many come at once.
    pub arrival_ns: f64,
    pub burst: u64,
    /// Probabilities for each arrival.
    pub cancel: f64,
    pub promote: f64,
    pub mark: f64,
    pub deadline: f64,
    /// Shut down after so many requests.
    pub shut_down_after: Option<usize>,
}

impl Setup {
    pub fn new(policy: SchedulerPolicy, random: &mut Seeded, requests: usize) -> Self {
        let device_count = random.within(1, 4) as usize;
        let depth = random.pick(&[1u32, 2, 4, 8, 32]);
        let limits = DeviceLimits {
            depth,
            bulk_depth: random.within(1, u64::from(depth)) as u32,
            slice_bytes: random.pick(&[64, 128, 512, 1000]),
            batch_count: random.pick(&[1, 2, 4]).min(depth),
        };
        let level = random.pick(&[0.0, 0.3, 1.0, 3.0]);
        let burst = random.pick(&[1, 4, 32]);
        // From idle devices to more than they can do.
        let load = random.pick(&[0.3, 0.8, 1.3]);
        let per_second_slots = f64::from(depth) * device_count as f64;
        let arrival_ns = 40_000.0 * burst as f64 / (load * per_second_slots);
        Self {
            options: SchedulerOptions {
                policy,
                devices: vec![limits; device_count],
                adapts_limits: random.chance(0.3),
                admits_by_deadline: random.chance(0.7),
                queued_max: random.pick(&[8, 100, 1000]),
                starvation_age_ns: random.pick(&[20_000, 200_000, 2_000_000]),
                courtesy: courtesy(&mut random.clone()),
                retry: retry(random),
            },
            stream_count: random.within(1, MAX_STREAMS),
            faults: Faults {
                error: 0.02 * level,
                short: 0.03 * level,
                delay: 0.002 * level,
            },
            arrival_ns,
            burst,
            cancel: random.pick(&[0.0, 0.05, 0.3]),
            mark: random.pick(&[0.0, 0.1, 0.4]),
            deadline: random.pick(&[0.02, 0.5]),
            shut_down_after: random
                .chance(0.25)
                .then(|| random.below(requests as u64) as usize),
            promote: random.pick(&[0.0, 0.1]),
        }
    }
}

/// With bounds that matter to slices as short as these. Of a copy, so that no other choice changes.
fn courtesy(random: &mut Seeded) -> Option<CourtesyOptions> {
    let least_bytes = random.pick(&[64, 128, 600]);
    let first_bytes = least_bytes * random.pick(&[1, 2, 8]);
    random.chance(0.5).then_some(CourtesyOptions {
        least_bytes,
        first_bytes,
    })
}

fn retry(random: &mut Seeded) -> RetryPolicy {
    RetryPolicy {
        max_retries: random.within(0, 5) as u32,
        initial_backoff_us: random.pick(&[10, 100]),
        max_backoff_us: 2_000,
        backoff_multiplier: 2.0,
        total_deadline_us: random.pick(&[0, 500, 1_000_000]),
    }
}
