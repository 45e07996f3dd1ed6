//! ADAPTIVE: finds how much a device should have in flight, in which pieces.
//!
//! The controller measures what a setting gives, then tries a neighbour: one rung up or down in
//! depth, slice length or batch size. A costlier neighbour (more in flight, longer slices) must
//! carry clearly more, a thrifty one must not carry less. So it climbs while there is something
//! to gain, and comes back down from queues that only add latency.
//!
//! - **Probing up** begins with little in flight and goes on while it pays; it is left out while
//!   the load does not even fill the slots there are.
//! - **Back-off on latency inflation**: if small urgent slices take more than
//!   [`URGENT_INFLATION`] times what they took at best, a setting's bandwidth counts less, by the
//!   square of the excess. Without urgent slices, latency is given up for bandwidth.
//! - **Little's law** (J. D. C. Little, *Operations Research* 9, 1961): what fills a device is its
//!   completion rate times its unloaded latency. If far more than that is in flight, the depth is
//!   tried that it gives.
//!
//! When no neighbour is better, probes become rarer, down to one in [`HOLD_MAX`] measurements; they
//! come quickly again once what is measured changes.

mod epoch;
mod setting;

use self::epoch::{Epoch, Measurement};
use self::setting::{Move, Setting};
use super::{DeviceLimits, PriorityLevel};

/// Measurements of the setting in force between two probes, once nothing better is found.
pub const HOLD_MAX: u32 = 32;

/// By how much the latency of urgent slices may grow over the best seen.
pub const URGENT_INFLATION: f64 = 2.0;

/// What a costlier setting must carry, relative to the one in force.
const COSTLIER_GAIN: f64 = 1.03;

/// What a thrifty setting must carry, relative to the one in force and to the best.
const THRIFTY_LOSS: f64 = 0.99;
const BEST_LOSS: f64 = 0.98;

/// The load fills the slots if this share of them is in use.
const FILLED: f64 = 0.75;

/// More than this times what Little's law asks for is far more.
const FAR_MORE: f64 = 2.0;

/// Slots beyond what Little's law asks for, because service times vary.
const HEADROOM: f64 = 1.25;

/// A measurement that differs by this factor means that the load or the device has changed.
const CHANGED: f64 = 1.25;

/// Weight of the latest measurement in the score of the setting in force.
const NEWEST_WEIGHT: f64 = 0.3;

/// How fast the memory of the best fades, each measurement: conditions change slowly, too.
const FADING: f64 = 0.999;

/// One completion.
#[derive(Clone, Copy, Debug)]
pub struct Observation {
    /// When.
    pub now_ns: u64,
    /// When the slice was handed out.
    pub dispatched_ns: u64,
    /// Bytes moved.
    pub bytes: u64,
    /// How important its request is.
    pub level: PriorityLevel,
    /// Slices in flight on the device, this one included.
    pub in_flight: u32,
}

enum Phase {
    /// The setting in force is measured; so often still before the next probe.
    Hold(u32),
    /// A neighbour is measured, reached by this move (`None`: by Little's law).
    Probe(Option<Move>, Setting),
}

/// Sets the limits of one device. See the [module](self).
pub struct Controller {
    setting: Setting,
    phase: Phase,
    epoch: Epoch,
    /// What the setting in force carries, and what the best did. 0 is not known.
    score: f64,
    best_score: f64,
    /// Least mean latencies seen: of all slices with this slice length, of urgent ones.
    base_latency_ns: f64,
    urgent_base_ns: f64,
    /// The next move to try, and how many in a row did not help.
    next_move: usize,
    failures: usize,
    hold: u32,
}

impl Default for Controller {
    /// A controller that knows nothing yet.
    fn default() -> Self {
        Self {
            setting: Setting::FIRST,
            phase: Phase::Hold(1),
            epoch: Epoch::new(0),
            score: 0.0,
            best_score: 0.0,
            base_latency_ns: f64::INFINITY,
            urgent_base_ns: f64::INFINITY,
            next_move: 0,
            failures: 0,
            hold: 1,
        }
    }
}

impl Controller {
    /// The limits in force.
    pub fn limits(&self) -> DeviceLimits {
        match self.phase {
            Phase::Hold(_) => self.setting.limits(),
            Phase::Probe(_, setting) => setting.limits(),
        }
    }

    /// Learns of a completion. [`Controller::limits`] may differ afterwards.
    pub fn observe(&mut self, seen: Observation) {
        let depth = self.limits().depth;
        let Some(measured) = self.epoch.add(&seen, depth) else {
            return;
        };
        let score = self.score_of(&measured);
        self.best_score *= FADING;
        match self.phase {
            Phase::Hold(left) => self.held(left, score, &measured),
            Phase::Probe(step, setting) => self.probed(step, setting, score, &measured),
        }
        self.epoch = Epoch::new(seen.now_ns);
    }

    /// Bandwidth, less where urgent slices take too long.
    fn score_of(&mut self, measured: &Measurement) -> f64 {
        self.base_latency_ns = self.base_latency_ns.min(measured.latency_ns);
        let Some(urgent_ns) = measured.urgent_latency_ns else {
            return measured.bandwidth;
        };
        self.urgent_base_ns = self.urgent_base_ns.min(urgent_ns);
        let excess = urgent_ns / (URGENT_INFLATION * self.urgent_base_ns);
        measured.bandwidth / excess.max(1.0).powi(2)
    }

    fn held(&mut self, left: u32, score: f64, measured: &Measurement) {
        let is_changed = score > self.score * CHANGED || score * CHANGED < self.score;
        if self.score == 0.0 || is_changed {
            self.score = score;
            self.best_score = score;
            self.failures = 0;
            self.hold = 1;
        } else {
            self.score += NEWEST_WEIGHT * (score - self.score);
        }
        self.best_score = self.best_score.max(self.score);
        self.phase = match left.min(self.hold) {
            0 | 1 => self.probe(measured),
            left => Phase::Hold(left - 1),
        };
    }

    /// The next probe that makes sense; to hold on if none does.
    fn probe(&mut self, measured: &Measurement) -> Phase {
        let depth = f64::from(self.setting.limits().depth);
        let is_filled = measured.in_flight >= FILLED * depth;
        let needed = measured.rate * self.base_latency_ns * HEADROOM;
        let by_law = self.setting.with_depth_of(needed);
        if self.failures == 0 && depth > FAR_MORE * needed && by_law != self.setting {
            return Phase::Probe(None, by_law);
        }
        for _ in Move::ALL {
            let step = Move::ALL[self.next_move % Move::ALL.len()];
            let is_idle_probe = step == Move::DepthUp && !is_filled;
            match self.setting.after(step) {
                Some(setting) if !is_idle_probe => return Phase::Probe(Some(step), setting),
                _ => self.turn_away(),
            }
        }
        Phase::Hold(self.hold)
    }

    fn probed(&mut self, step: Option<Move>, to: Setting, score: f64, measured: &Measurement) {
        let is_thrifty = step.is_none_or(Move::is_thrifty);
        let is_better = if is_thrifty {
            score >= THRIFTY_LOSS * self.score && score >= BEST_LOSS * self.best_score
        } else {
            score >= COSTLIER_GAIN * self.score
        };
        if !is_better {
            self.turn_away();
            self.phase = Phase::Hold(self.hold);
            return;
        }
        if matches!(step, Some(Move::SliceUp | Move::SliceDown)) {
            self.base_latency_ns = measured.latency_ns;
        }
        self.setting = to;
        self.score = score;
        self.best_score = self.best_score.max(score);
        self.failures = 0;
        self.hold = 1;
        self.phase = self.probe(measured);
    }

    /// This direction does not help: another next time, and later once all were tried.
    fn turn_away(&mut self) {
        self.next_move += 1;
        self.failures += 1;
        if self.failures % Move::ALL.len() == 0 {
            self.hold = (self.hold * 2).min(HOLD_MAX);
        }
    }
}
