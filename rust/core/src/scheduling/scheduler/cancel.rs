//! Requests are withdrawn, given up, or all of them at once.

use super::Scheduler;
use crate::scheduling::{RequestId, RequestStatus};
use crate::{Error, ErrorCode};

impl Scheduler {
    /// Withdraws a request. Returns `false` if it has ended already.
    ///
    /// One with nothing in flight ends at once, wherever it waits. Else no further slice goes out
    /// and it ends when those in flight have come back: CANCELLED, or COMPLETED if those were the
    /// last and all went well.
    pub fn cancel(&mut self, id: RequestId, now_ns: u64) -> bool {
        let Some(record) = self.records.get_mut(id.0) else {
            return false;
        };
        record.is_cancelled = true;
        self.settle(id, now_ns);
        true
    }

    /// Accepts nothing more and cancels everything. What is in flight still has to be completed:
    /// the scheduler is empty when [`Scheduler::request_count`] is 0.
    pub fn shut_down(&mut self, now_ns: u64) {
        self.is_shut_down = true;
        let all: Vec<_> = self.records.handles().map(RequestId).collect();
        for id in all {
            self.cancel(id, now_ns);
        }
    }

    /// Gives up a request that has not begun: its deadline cannot be met any more, or a more
    /// critical one needs its place.
    pub(super) fn shed(&mut self, id: RequestId, now_ns: u64) {
        let Some(record) = self.records.get_mut(id.0) else {
            return;
        };
        debug_assert!(record.status < RequestStatus::InProgress);
        let message = "given up under overload: its deadline cannot be met beside more critical \
                       requests; ask for less, later, or with a higher criticality";
        let error = Error::new(ErrorCode::Timeout, record.request.kind.verb(), message);
        record.failure = Some(Box::new(error));
        let class = record.request.class;
        self.figures.class_mut(class).shed += 1;
        self.settle(id, now_ns);
    }
}
