//! What the scheduler did, counted.

use super::histogram::Histogram;
use super::{RequestClass, CLASS_COUNT};

/// What happened to the requests of one class.
#[derive(Clone, Default)]
pub struct ClassFigures {
    /// Nanoseconds from a request's turn (its stream came to it) to its first slice.
    pub wait_ns: Histogram,
    /// Nanoseconds from the first slice to the end.
    pub service_ns: Histogram,
    /// Accepted.
    pub submitted: u64,
    /// Ended well.
    pub completed: u64,
    /// Ended with an error; those that were shed are among them.
    pub failed: u64,
    /// Withdrawn.
    pub cancelled: u64,
    /// Ended well, later than their deadline.
    pub deadline_misses: u64,
    /// Refused at submission because their deadline could not be met.
    pub refused: u64,
    /// Given up for the sake of more critical ones, or because their deadline had become
    /// impossible.
    pub shed: u64,
    /// Served out of the policy's order by the starvation guard.
    pub aged: u64,
}

/// Figures of all classes. Each worker has its own; [`Figures::merge`] adds them up.
#[derive(Clone, Default)]
pub struct Figures {
    classes: [ClassFigures; CLASS_COUNT],
    /// Slices handed out by one call of dispatch: what an engine gets with one submission.
    pub batch_sizes: Histogram,
    /// Slices handed out.
    pub slices: u64,
    /// Bytes that slices moved.
    pub bytes: u64,
    /// Slices tried again after an error.
    pub retries: u64,
    /// Slices that moved less than asked and went on.
    pub short_transfers: u64,
    /// Times that a worker took tasks, one or several, from another. Counted by the runtime.
    pub steals: u64,
}

impl Figures {
    /// One class's.
    pub fn class(&self, class: RequestClass) -> &ClassFigures {
        &self.classes[class as usize]
    }

    /// One class's, to count in.
    pub fn class_mut(&mut self, class: RequestClass) -> &mut ClassFigures {
        &mut self.classes[class as usize]
    }

    /// The sum of a count over all classes, as in `figures.total(|it| it.completed)`.
    pub fn total(&self, count: impl Fn(&ClassFigures) -> u64) -> u64 {
        self.classes.iter().map(count).sum()
    }

    /// Adds another's to these.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.classes.iter_mut().zip(&other.classes) {
            mine.wait_ns.merge(&theirs.wait_ns);
            mine.service_ns.merge(&theirs.service_ns);
            mine.submitted += theirs.submitted;
            mine.completed += theirs.completed;
            mine.failed += theirs.failed;
            mine.cancelled += theirs.cancelled;
            mine.deadline_misses += theirs.deadline_misses;
            mine.refused += theirs.refused;
            mine.shed += theirs.shed;
            mine.aged += theirs.aged;
        }
        self.batch_sizes.merge(&other.batch_sizes);
        self.slices += other.slices;
        self.bytes += other.bytes;
        self.retries += other.retries;
        self.short_transfers += other.short_transfers;
        self.steals += other.steals;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_adds_every_figure() {
        let mut one = Figures::default();
        let class = one.class_mut(RequestClass::Checkpoint);
        class.wait_ns.record(5);
        class.service_ns.record(6);
        let counts = [
            &mut class.submitted,
            &mut class.completed,
            &mut class.failed,
            &mut class.cancelled,
            &mut class.deadline_misses,
            &mut class.refused,
            &mut class.shed,
            &mut class.aged,
        ];
        counts.into_iter().for_each(|count| *count = 1);
        one.batch_sizes.record(3);
        (one.slices, one.bytes, one.retries) = (1, 1, 1);
        (one.short_transfers, one.steals) = (1, 1);
        let mut two = one.clone();
        two.merge(&one);
        let class = two.class(RequestClass::Checkpoint);
        assert_eq!((class.wait_ns.count(), class.service_ns.count()), (2, 2));
        let sums = [
            two.total(|it| it.submitted),
            two.total(|it| it.completed),
            two.total(|it| it.failed),
            two.total(|it| it.cancelled),
            two.total(|it| it.deadline_misses),
            two.total(|it| it.refused),
            two.total(|it| it.shed),
            two.total(|it| it.aged),
            two.slices,
            two.bytes,
            two.retries,
            two.short_transfers,
            two.steals,
            two.batch_sizes.count(),
        ];
        assert_eq!(sums, [2; 14]);
    }
}
