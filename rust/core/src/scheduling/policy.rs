//! In which order waiting requests of a device go.

use super::RequestClass;
use std::fmt;

/// The specification's scheduling algorithms.
///
/// | policy | order | guard against starvation |
/// | --- | --- | --- |
/// | FIFO | as they were submitted | needs none |
/// | PRIORITY | by class; within a class as submitted | yes |
/// | DEADLINE | earliest deadline first | yes |
/// | ADAPTIVE | by level; within a level earliest deadline first | yes |
///
/// A request without a deadline counts as due after its class's
/// [`implied_deadline_ns`](RequestClass::implied_deadline_ns). ADAPTIVE also lets a
/// [`Controller`](super::Controller) set each device's limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum SchedulerPolicy {
    /// First in, first out.
    Fifo = 0,
    /// The most important class first.
    Priority = 1,
    /// The earliest deadline first.
    Deadline = 2,
    /// The most important level first, its earliest deadline first, limits by measurement.
    #[default]
    Adaptive = 3,
}

impl SchedulerPolicy {
    /// Every policy, in the order of the numbers.
    pub const ALL: [Self; 4] = [Self::Fifo, Self::Priority, Self::Deadline, Self::Adaptive];

    /// What a request is sorted by, the smallest first; equals go as they were submitted.
    /// `due_ns` is when it has to be done.
    pub(super) const fn urgency(self, class: RequestClass, due_ns: u64) -> u64 {
        const LEVEL_SHIFT: u32 = 62;
        const LATEST: u64 = (1 << LEVEL_SHIFT) - 1;
        match self {
            Self::Fifo => 0,
            Self::Priority => class as u64,
            Self::Deadline => due_ns,
            Self::Adaptive => {
                let due = if due_ns < LATEST { due_ns } else { LATEST };
                (class.level() as u64) << LEVEL_SHIFT | due
            }
        }
    }

    /// Whether important requests pass others, so that bulk is held back in favour of them and
    /// waiting must be bounded by a guard.
    pub const fn preempts(self) -> bool {
        !matches!(self, Self::Fifo)
    }
}

impl fmt::Display for SchedulerPolicy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Fifo => "fifo",
            Self::Priority => "priority",
            Self::Deadline => "deadline",
            Self::Adaptive => "adaptive",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RequestClass::{Background, InferenceRealtime, TrainingBw, TrainingFw};

    #[test]
    fn each_policy_prefers_what_it_is_named_after() {
        let before = |policy: SchedulerPolicy, a: (RequestClass, u64), b: (RequestClass, u64)| {
            policy.urgency(a.0, a.1) < policy.urgency(b.0, b.1)
        };
        use SchedulerPolicy::{Adaptive, Deadline, Fifo, Priority};
        assert!(!before(Fifo, (InferenceRealtime, 1), (Background, 2)));
        assert!(before(Priority, (TrainingFw, 9), (TrainingBw, 1)));
        assert!(before(Deadline, (Background, 1), (InferenceRealtime, 2)));
        assert!(before(Adaptive, (TrainingBw, 1), (TrainingFw, 2)));
        assert!(before(
            Adaptive,
            (InferenceRealtime, u64::MAX),
            (Background, 1)
        ));
        for (number, policy) in SchedulerPolicy::ALL.into_iter().enumerate() {
            assert_eq!(policy as usize, number);
        }
    }
}
