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
//! - A probe that visibly harms urgent slices is broken off.
//!
//! A move that did not help is left out more and more often, at last [`SKIPS_MAX`] times for each
//! time it is tried; all are tried again once what is measured changes.

mod epoch;
mod setting;

use self::epoch::{Epoch, Measurement};
use self::setting::{Move, Setting};
use super::{DeviceLimits, PriorityLevel};

/// How often a move that never helped is left out before it is tried again.
pub const SKIPS_MAX: u32 = 63;

/// By how much the tail latency (mean and two standard deviations) of urgent slices may grow over
/// the best seen.
pub const URGENT_INFLATION: f64 = 2.5;

/// What a costlier setting must carry, relative to the one in force.
const COSTLIER_GAIN: f64 = 1.02;

/// Less than this may be chance: the setting is measured once more.
const CLEAR_GAIN: f64 = 1.06;

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

/// A probe is broken off when urgent slices exceed what is allowed by this factor.
const HARMFUL: f64 = 1.2;

/// Urgent slices that have to suffer for that.
const ENOUGH_HARMED: u64 = 16;

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
    /// The setting in force is measured.
    Hold,
    /// A neighbour is measured, reached by this move; or what Little's law says, instead of it.
    /// And what it carried when it was measured before.
    Probe(Move, Setting, Option<f64>),
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
    /// The next move to try.
    next_move: usize,
    /// For each move: how often it is left out still, and how often it was last.
    skips: [(u32, u32); Move::ALL.len()],
}

impl Default for Controller {
    /// A controller that knows nothing yet.
    fn default() -> Self {
        Self {
            setting: Setting::FIRST,
            phase: Phase::Hold,
            epoch: Epoch::new(0),
            score: 0.0,
            best_score: 0.0,
            base_latency_ns: f64::INFINITY,
            urgent_base_ns: f64::INFINITY,
            next_move: 0,
            skips: [(0, 0); Move::ALL.len()],
        }
    }
}

impl Controller {
    /// A controller that begins with about these limits: what is known of the device beforehand. It
    /// goes on from there as from any other setting.
    pub fn starting_at(limits: &DeviceLimits) -> Self {
        Self {
            setting: Setting::nearest(limits),
            ..Self::default()
        }
    }

    /// The limits in force.
    pub fn limits(&self) -> DeviceLimits {
        match self.phase {
            Phase::Hold => self.setting.limits(),
            Phase::Probe(_, setting, _) => setting.limits(),
        }
    }

    /// What is in flight is not what the limits say, but less: what is seen of it tells nothing of
    /// them, so the measurement begins anew.
    pub fn interrupt(&mut self, now_ns: u64) {
        self.epoch = Epoch::new(now_ns);
    }

    /// Learns of a completion. [`Controller::limits`] may differ afterwards.
    pub fn observe(&mut self, seen: Observation) {
        let depth = self.limits().depth;
        let Some(measured) = self.epoch.add(&seen, depth) else {
            self.break_off_harmful(seen.now_ns);
            return;
        };
        let score = self.score_of(&measured);
        self.best_score *= FADING;
        match self.phase {
            Phase::Hold => self.held(score, &measured),
            Phase::Probe(step, setting, before) => {
                self.probed(step, setting, before, score, &measured);
            }
        }
        self.epoch = Epoch::new(seen.now_ns);
    }

    /// Bandwidth, less where urgent slices take too long.
    fn score_of(&mut self, measured: &Measurement) -> f64 {
        self.base_latency_ns = self.base_latency_ns.min(measured.latency_ns);
        let Some(urgent_ns) = measured.urgent_tail_ns else {
            return measured.bandwidth;
        };
        self.urgent_base_ns = self.urgent_base_ns.min(urgent_ns);
        let excess = urgent_ns / (URGENT_INFLATION * self.urgent_base_ns);
        measured.bandwidth / excess.max(1.0).powi(2)
    }

    fn held(&mut self, score: f64, measured: &Measurement) {
        let is_changed = score > self.score * CHANGED || score * CHANGED < self.score;
        if self.score == 0.0 || is_changed {
            self.score = score;
            self.best_score = score;
            self.skips = Default::default();
        } else {
            self.score += NEWEST_WEIGHT * (score - self.score);
        }
        self.best_score = self.best_score.max(self.score);
        self.phase = self.probe(measured);
    }

    /// The next move, unless it is left out or makes no sense.
    fn probe(&mut self, measured: &Measurement) -> Phase {
        let depth = f64::from(self.setting.limits().bulk_depth);
        let is_filled = measured.in_flight >= FILLED * depth;
        let needed = measured.rate * self.base_latency_ns * HEADROOM;
        let by_law = self.setting.with_depth_of(needed);
        let step = Move::ALL[self.next_move];
        let (skips, _) = &mut self.skips[self.next_move];
        if *skips > 0 {
            *skips -= 1;
            self.next_move = (self.next_move + 1) % Move::ALL.len();
            return Phase::Hold;
        }
        if step == Move::DepthDown && depth > FAR_MORE * needed && by_law != self.setting {
            return Phase::Probe(step, by_law, None);
        }
        let is_idle_probe = step == Move::DepthUp && !is_filled;
        match self.setting.after(step) {
            Some(setting) if !is_idle_probe => Phase::Probe(step, setting, None),
            _ => {
                self.turn_away();
                Phase::Hold
            }
        }
    }

    fn probed(
        &mut self,
        step: Move,
        to: Setting,
        before: Option<f64>,
        score: f64,
        measured: &Measurement,
    ) {
        let mean = before.map_or(score, |before| (before + score) / 2.0);
        let is_better = if step.is_thrifty() {
            mean >= THRIFTY_LOSS * self.score && mean >= BEST_LOSS * self.best_score
        } else {
            mean >= COSTLIER_GAIN * self.score
        };
        if !is_better {
            self.turn_away();
            self.phase = Phase::Hold;
            return;
        }
        let is_clear = mean >= CLEAR_GAIN * self.score;
        if before.is_none() && !is_clear {
            self.phase = Phase::Probe(step, to, Some(score));
            return;
        }
        if matches!(step, Move::SliceUp | Move::SliceDown) {
            self.base_latency_ns = measured.latency_ns;
        }
        self.setting = to;
        self.score = mean;
        self.best_score = self.best_score.max(mean);
        if is_clear {
            self.skips = Default::default();
        } else {
            self.skips[self.next_move] = (0, 0);
        }
        self.phase = self.probe(measured);
    }

    /// Ends a probe under which urgent slices suffer.
    fn break_off_harmful(&mut self, now_ns: u64) {
        let allowed_ns = HARMFUL * URGENT_INFLATION * self.urgent_base_ns;
        let is_probe = matches!(self.phase, Phase::Probe(..));
        if is_probe && self.epoch.urgent_tail_ns(ENOUGH_HARMED) > Some(allowed_ns) {
            self.turn_away();
            self.phase = Phase::Hold;
            self.epoch = Epoch::new(now_ns);
        }
    }

    /// The move does not help: it is left out the next times.
    fn turn_away(&mut self) {
        let (skips, last) = &mut self.skips[self.next_move];
        *last = (2 * *last + 1).min(SKIPS_MAX);
        *skips = *last;
        self.next_move = (self.next_move + 1) % Move::ALL.len();
    }
}
