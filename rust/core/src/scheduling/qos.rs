//! By when a request has to be done, and how much that matters.

use crate::{Error, ErrorCode, Result};

/// Requests at least this critical are shed last and never once they were admitted.
pub const CRITICAL: f32 = 0.8;

/// The farthest deadline: an hour. What may take longer has no deadline.
pub const MAX_DEADLINE_US: u64 = 3_600_000_000;

/// The specification's `gpuio_inference_qos_t`. Made by [`InferenceQos::new`], so always valid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InferenceQos {
    deadline_us: u64,
    estimated_duration_us: u64,
    criticality: f32,
}

impl InferenceQos {
    /// The request has to be done `deadline_us` after it is submitted.
    ///
    /// `estimated_duration_us` is how long it takes on an idle device, 0 if unknown;
    /// `criticality` runs from 0 (shed first) to 1 (shed last).
    ///
    /// # Errors
    /// `InvalidArgument`: a deadline of 0 or beyond [`MAX_DEADLINE_US`], an estimate beyond the
    /// deadline, a criticality that is not a number from 0 to 1.
    pub fn new(deadline_us: u64, estimated_duration_us: u64, criticality: f32) -> Result<Self> {
        let refuse = |why: String| {
            Err(Error::new(
                ErrorCode::InvalidArgument,
                "set a deadline",
                why,
            ))
        };
        if deadline_us == 0 || deadline_us > MAX_DEADLINE_US {
            return refuse(format!(
                "deadline_us is {deadline_us}; it must lie between 1 and {MAX_DEADLINE_US}"
            ));
        }
        if estimated_duration_us > deadline_us {
            return refuse(format!(
                "estimated_duration_us is {estimated_duration_us}, more than the deadline of \
                 {deadline_us}: it can never be met"
            ));
        }
        if !(0.0..=1.0).contains(&criticality) {
            return refuse(format!(
                "criticality is {criticality}; it must lie between 0 and 1"
            ));
        }
        Ok(Self {
            deadline_us,
            estimated_duration_us,
            criticality,
        })
    }

    /// Microseconds from submission.
    pub const fn deadline_us(&self) -> u64 {
        self.deadline_us
    }

    /// Microseconds on an idle device; 0 if unknown.
    pub const fn estimated_duration_us(&self) -> u64 {
        self.estimated_duration_us
    }

    /// From 0 to 1.
    pub const fn criticality(&self) -> f32 {
        self.criticality
    }

    /// Whether it is shed last; see [`CRITICAL`].
    pub fn is_critical(&self) -> bool {
        self.criticality >= CRITICAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_never_be_met_is_refused() {
        for (deadline, estimate, criticality) in [
            (0, 0, 0.5),
            (MAX_DEADLINE_US + 1, 0, 0.5),
            (10, 11, 0.5),
            (10, 5, -0.1),
            (10, 5, 1.1),
            (10, 5, f32::NAN),
        ] {
            let error = InferenceQos::new(deadline, estimate, criticality).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArgument);
        }
        let qos = InferenceQos::new(10, 10, 0.8).unwrap();
        assert!(qos.is_critical());
    }
}
