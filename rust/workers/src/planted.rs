//! Bugs that the models plant, to show that they would find them. Builds for use contain none:
//! there `Planted::is` is false at compile time.

/// A bug.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Planted {
    /// None.
    #[default]
    Nothing,
    /// A worker leaves when it sees no task and the pool is closed, and forgets those which have
    /// been accepted and are on their way into a queue, or in the hands of a thief.
    LeavesBySight,
    /// A worker looks whether a task was withdrawn, and then runs it, in two steps.
    RunsAfterALook,
    /// A worker that steals while the pool closes drops what it stole.
    DropsStolenAtClose,
    /// A worker that was woken, or has taken several tasks, lets the others sleep.
    SharesNothing,
    /// The last worker to see that all is done does not tell the others.
    TellsNobody,
}

impl Planted {
    /// Whether `bug` is planted.
    pub(crate) const fn is(self, bug: Self) -> bool {
        cfg!(shuttle) && self as u8 == bug as u8
    }
}
