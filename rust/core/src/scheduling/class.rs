//! How important a request is: the specification's six classes on its three levels.

/// What a request is for: the specification's `gpuio_ai_priority_t`. The first is served first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RequestClass {
    /// A person waits for the answer; also what the system itself cannot do without.
    InferenceRealtime = 0,
    /// Training, forward pass.
    TrainingFw = 1,
    /// Training, backward pass. Ordinary requests are of this class unless they say otherwise.
    TrainingBw = 2,
    /// Saving a model.
    Checkpoint = 3,
    /// Writing engrams back.
    EngramSync = 4,
    /// Read-ahead, clean-up.
    Background = 5,
}

/// The specification's three priorities (section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PriorityLevel {
    /// System operations and what is small and cannot wait.
    High = 0,
    /// Standard requests.
    Medium = 1,
    /// Background and bulk.
    Low = 2,
}

/// How many classes there are.
pub const CLASS_COUNT: usize = RequestClass::ALL.len();

impl RequestClass {
    /// Every class, the most important first.
    pub const ALL: [Self; 6] = [
        Self::InferenceRealtime,
        Self::TrainingFw,
        Self::TrainingBw,
        Self::Checkpoint,
        Self::EngramSync,
        Self::Background,
    ];

    /// The specification's name, without its prefix: what figures are labelled with.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InferenceRealtime => "INFERENCE_REALTIME",
            Self::TrainingFw => "TRAINING_FW",
            Self::TrainingBw => "TRAINING_BW",
            Self::Checkpoint => "CHECKPOINT",
            Self::EngramSync => "ENGRAM_SYNC",
            Self::Background => "BACKGROUND",
        }
    }

    /// The level of this class.
    pub const fn level(self) -> PriorityLevel {
        match self {
            Self::InferenceRealtime => PriorityLevel::High,
            Self::TrainingFw | Self::TrainingBw => PriorityLevel::Medium,
            Self::Checkpoint | Self::EngramSync | Self::Background => PriorityLevel::Low,
        }
    }

    /// The time after which a request without a deadline of its own counts as due, in nanoseconds
    /// from its turn: what DEADLINE and ADAPTIVE sort it by. Not a promise, and not counted as a
    /// missed deadline.
    pub const fn implied_deadline_ns(self) -> u64 {
        const MS: u64 = 1_000_000;
        match self {
            Self::InferenceRealtime => MS,
            Self::TrainingFw => 10 * MS,
            Self::TrainingBw => 20 * MS,
            Self::Checkpoint => 500 * MS,
            Self::EngramSync => 1_000 * MS,
            Self::Background => 2_000 * MS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_more_important_class_has_no_lower_level_and_no_later_deadline() {
        for (number, pair) in RequestClass::ALL.windows(2).enumerate() {
            assert_eq!(pair[0] as usize, number);
            assert!(pair[0].level() <= pair[1].level());
            assert!(pair[0].implied_deadline_ns() < pair[1].implied_deadline_ns());
        }
        assert_eq!(RequestClass::Background as usize, CLASS_COUNT - 1);
    }
}
