//! Slices come back, requests end.

use super::record::{Fragment, Record};
use super::{withdrawn, Ended, Flight, FragmentKey, Outcome, Scheduler, SliceId};
use crate::random::Random;
use crate::scheduling::batch::PartResult;
use crate::scheduling::retry::{Failure, Verdict};
use crate::scheduling::{Observation, Request, RequestId, RequestStatus};
use crate::{Error, ErrorCode, Result};
use std::cmp::Reverse;

impl Scheduler {
    /// The engine is done with a slice: its memory is no longer touched.
    ///
    /// # Errors
    /// `InvalidArgument`: no such slice is in flight (it came back before), or it moved more bytes
    /// than it has. Nothing has changed then: the engine is defective.
    pub fn complete(
        &mut self,
        slice: SliceId,
        outcome: Outcome,
        now_ns: u64,
        random: &mut dyn Random,
    ) -> Result<()> {
        let flight = self.flights.get(slice.0);
        if flight.is_none_or(|it| outcome.bytes > it.fragment.length_bytes) {
            let message = "the slice is not in flight, or has fewer bytes";
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                "complete a slice",
                message,
            ));
        }
        let Some(flight) = self.flights.remove(slice.0) else {
            return Ok(());
        };
        self.observe(&flight, outcome.bytes, now_ns);
        self.stir(flight.device);
        self.figures.bytes += outcome.bytes;
        let Some(record) = self.records.get_mut(flight.request.0) else {
            return Ok(());
        };
        record.in_flight -= 1;
        record.bytes_completed += outcome.bytes;
        let done = flight.fragment;
        if let Some(batch) = &mut record.batch {
            let bytes = outcome.bytes;
            batch
                .results
                .moved(&batch.plan, done.operation, done.offset, bytes);
        }
        let rest = Fragment {
            offset: done.offset + outcome.bytes,
            length_bytes: done.length_bytes - outcome.bytes,
            ..done
        };
        if rest.length_bytes > 0 {
            let error = outcome
                .error
                .or_else(|| (outcome.bytes == 0).then(no_progress));
            match error {
                Some(error) => self.failed(flight.request, rest, error, now_ns, random),
                None => self.go_on(flight.request, rest),
            }
        }
        self.settle(flight.request, now_ns);
        Ok(())
    }

    /// Lets the retries whose time has come wait for a slot.
    pub fn expire(&mut self, now_ns: u64) {
        while self.next_timer_ns().is_some_and(|due_ns| due_ns <= now_ns) {
            let Some(Reverse((_, _, id, key))) = self.timers.pop() else {
                return;
            };
            if let Some(record) = self.records.get_mut(id.0) {
                record.waiting_retries -= 1;
                record.redo(fragment_of(key));
                self.wait_for_slot(id, now_ns);
            }
        }
    }

    fn observe(&mut self, flight: &Flight, bytes: u64, now_ns: u64) {
        let device = &mut self.devices[flight.device.0 as usize];
        let in_flight = device.in_flight;
        device.comes_back(flight, bytes, now_ns);
        let record = self.records.get(flight.request.0);
        let Some((controller, record)) = device.controller.as_mut().zip(record) else {
            return;
        };
        if device
            .courtesy
            .as_ref()
            .is_some_and(|it| it.is_in_force(now_ns))
        {
            return controller.interrupt(now_ns);
        }
        controller.observe(Observation {
            now_ns,
            dispatched_ns: flight.dispatched_ns,
            bytes,
            level: record.request.class.level(),
            in_flight,
        });
        device.limits = controller.limits();
    }

    /// A short transfer: the rest is handed out again.
    fn go_on(&mut self, id: RequestId, rest: Fragment) {
        self.figures.short_transfers += 1;
        if let Some(record) = self.records.get_mut(id.0) {
            // It made progress, so this is not another attempt of the same.
            let attempts = rest.attempts - 1;
            record.redo(Fragment { attempts, ..rest });
        }
    }

    /// A slice failed: it is tried again, or its request fails; of a batch, those parts do.
    fn failed(
        &mut self,
        id: RequestId,
        rest: Fragment,
        error: Error,
        now_ns: u64,
        random: &mut dyn Random,
    ) {
        let Some(record) = self.records.get_mut(id.0).filter(|it| it.goes_on()) else {
            return; // it ends anyway
        };
        let failure = Failure {
            kind: record.ends(rest.operation).kind,
            attempts: rest.attempts,
            first_ns: rest.first_ns,
            deadline_ns: record.request.qos.map(|_| record.due_ns),
        };
        match self.options.retry.decide(failure, error, now_ns, random) {
            Verdict::RetryAt { at_ns } => {
                record.waiting_retries += 1;
                self.figures.retries += 1;
                self.next_sequence += 1;
                let timer = (at_ns, self.next_sequence, id, key_of(rest));
                self.timers.push(Reverse(timer));
            }
            Verdict::GiveUp(error) => match &mut record.batch {
                Some(_) => lost(record, rest, &error),
                None => {
                    let first = record.request.src_offset;
                    let error = error.with_offset(first + rest.offset);
                    record.failure = Some(Box::new(error));
                }
            },
        }
    }

    /// Ends a request if nothing is left to be done; else lets it wait for a slot.
    pub(super) fn settle(&mut self, id: RequestId, now_ns: u64) {
        let Some(record) = self.records.get(id.0) else {
            return;
        };
        if !record.goes_on() {
            self.ready.remove(id.slot());
        }
        if record.is_settled() {
            self.end(id, now_ns);
        } else {
            self.wait_for_slot(id, now_ns);
        }
    }

    /// Ends a request that has no slice in flight.
    fn end(&mut self, id: RequestId, now_ns: u64) {
        let has_begun = self.status(id) == Some(RequestStatus::InProgress);
        if has_begun {
            self.set_in_flight(id, false);
        } else {
            self.withdraw_promise(id);
        }
        let Some(mut record) = self.records.remove(id.0) else {
            return;
        };
        let is_whole = record.bytes_completed == record.total_bytes();
        let request = record.request;
        let failure = record.failure.take().map(|it| *it);
        let (mut status, mut error) = match failure {
            Some(error) => (RequestStatus::Error, Some(error)),
            None if is_whole || !record.is_cancelled => (RequestStatus::Completed, None),
            None => (RequestStatus::Cancelled, Some(withdrawn(request.kind))),
        };
        let mut parts: Vec<PartResult> = Vec::new();
        if let Some(batch) = record.batch.take() {
            let unread = error.clone().unwrap_or_else(|| withdrawn(request.kind));
            parts = batch.results.into_results(&batch.parts, &unread);
            if status == RequestStatus::Completed {
                error = parts.iter().find_map(|part| part.clone().err());
                status = error.as_ref().map_or(status, |_| RequestStatus::Error);
            }
        }
        record.become_status(status);
        if has_begun && status == RequestStatus::Completed {
            self.measure(request, record.cost_ns, record.started_ns, now_ns);
        }
        let class = self.figures.class_mut(request.class);
        if has_begun {
            let service_ns = now_ns.saturating_sub(record.started_ns);
            class.service_ns.record(service_ns);
        }
        let is_late = request.qos.is_some() && now_ns > record.due_ns;
        match status {
            RequestStatus::Completed => class.completed += 1,
            RequestStatus::Cancelled => class.cancelled += 1,
            _ => class.failed += 1,
        }
        class.deadline_misses += u64::from(is_late && status == RequestStatus::Completed);
        self.ended.push_back(Ended {
            id,
            user_data: request.user_data,
            status,
            bytes_completed: record.bytes_completed,
            error: error.map(|it| it.with_bytes_done(record.bytes_completed)),
            parts,
        });
        self.leave_stream(id, request, now_ns);
    }

    fn leave_stream(&mut self, id: RequestId, request: Request, now_ns: u64) {
        let mut turns = Vec::new();
        let records = &self.records;
        let is_live = |id: RequestId| records.get(id.0).is_some();
        let stream = request.stream;
        self.streams.ended(stream, id, now_ns, &is_live, &mut turns);
        self.make_ready(turns, now_ns);
    }

    /// Tells admission how long a request took.
    fn measure(&mut self, request: Request, cost_ns: u64, started_ns: u64, now_ns: u64) {
        if !self.options.admits() {
            return;
        }
        let is_estimated = request.qos.is_some_and(|it| it.estimated_duration_us() > 0);
        let took_ns = now_ns.saturating_sub(started_ns);
        let admission = &mut self.devices[request.device.0 as usize].admission;
        admission.measured(is_estimated, cost_ns, request.length_bytes, took_ns);
    }
}

/// A range of a batch cannot be moved: those parts have failed. If it is of several parts, only one
/// of them need be the reason, so each is tried alone; but not when the time is over.
fn lost(record: &mut Record, rest: Fragment, error: &Error) {
    let Some(batch) = &mut record.batch else {
        return;
    };
    let range = rest.offset..rest.offset + rest.length_bytes;
    let runs = match error.code {
        ErrorCode::Timeout | ErrorCode::Canceled => vec![range],
        _ => batch.plan.runs_of(rest.operation, range),
    };
    if let [run] = &runs[..] {
        let (plan, length_bytes) = (&batch.plan, run.end - run.start);
        return batch
            .results
            .lost(plan, rest.operation, run.start, length_bytes, error);
    }
    // What is handed out again goes from the end of the list.
    for run in runs.into_iter().rev() {
        record.redo(Fragment {
            offset: run.start,
            length_bytes: run.end - run.start,
            attempts: 0,
            ..rest
        });
    }
}

fn no_progress() -> Error {
    let message = "the engine moved no byte and reported no error";
    Error::new(ErrorCode::Io, "transfer", message)
}

fn key_of(it: Fragment) -> FragmentKey {
    (
        it.operation,
        it.offset,
        it.length_bytes,
        it.attempts,
        it.first_ns,
    )
}

fn fragment_of((operation, offset, length_bytes, attempts, first_ns): FragmentKey) -> Fragment {
    Fragment {
        operation,
        offset,
        length_bytes,
        attempts,
        first_ns,
    }
}
