//! ADAPTIVE beside every fixed setting of a grid.

use super::closed::{run, Performance};
use super::workloads::{Workload, ALL};
use gpuio_core::scheduling::DeviceLimits;

const DEPTHS: [u32; 12] = [1, 2, 4, 6, 8, 12, 16, 32, 64, 96, 128, 256];
const SLICES: [u64; 6] = [64 << 10, 256 << 10, 512 << 10, 1 << 20, 4 << 20, 8 << 20];
const BATCHES: [u32; 3] = [1, 8, 32];

/// What share of the best fixed setting's score counts as losing nothing.
pub const ENOUGH: f64 = 0.95;

/// Every fixed setting. As with the controller, bulk leaves slots free, an eighth more.
pub fn grid() -> Vec<DeviceLimits> {
    let mut all = Vec::new();
    for depth in DEPTHS {
        for slice_bytes in SLICES {
            for batch in BATCHES.into_iter().filter(|batch| *batch <= depth) {
                all.push(DeviceLimits {
                    depth: depth + (depth / 8).max(1),
                    bulk_depth: depth,
                    slice_bytes,
                    batch_count: batch,
                });
            }
        }
    }
    all
}

/// One workload's results.
pub struct Comparison {
    /// What was run.
    pub workload: Workload,
    /// In the order of [`grid`].
    pub fixed: Vec<Performance>,
    /// With the controller.
    pub adaptive: Performance,
}

impl Comparison {
    /// Runs everything.
    pub fn new(workload: &Workload, seed: u64) -> Self {
        let fixed = grid()
            .into_iter()
            .map(|limits| run(workload, Some(limits), seed));
        Self {
            workload: *workload,
            fixed: fixed.collect(),
            adaptive: run(workload, None, seed),
        }
    }

    /// The best fixed setting.
    pub fn best(&self) -> &Performance {
        let best = self.fixed.iter().max_by(|a, b| a.score.total_cmp(&b.score));
        best.expect("the grid is not empty")
    }

    /// What share of the best fixed score a score is.
    pub fn share(&self, performance: &Performance) -> f64 {
        performance.score / self.best().score
    }
}

/// All workloads.
pub fn compare_all(seed: u64) -> Vec<Comparison> {
    ALL.iter()
        .map(|workload| Comparison::new(workload, seed))
        .collect()
}

/// The fixed setting whose worst share over all workloads is the best, and that share.
pub fn best_compromise(all: &[Comparison]) -> (DeviceLimits, f64) {
    let worst = |at: usize| {
        let shares = all.iter().map(|it| it.share(&it.fixed[at]));
        shares.fold(f64::INFINITY, f64::min)
    };
    let settings = grid().into_iter().enumerate();
    let (best, limits) = settings
        .max_by(|(a, _), (b, _)| worst(*a).total_cmp(&worst(*b)))
        .expect("the grid is not empty");
    (limits, worst(best))
}
