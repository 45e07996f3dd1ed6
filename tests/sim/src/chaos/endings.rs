//! What is checked when requests end, and at the end of all.

use super::world::World;
use gpuio_core::scheduling::{Ended, RequestKind, RequestStatus};
use gpuio_core::ErrorCode;

impl World {
    /// Takes what has ended; then whoever waited for it must be on its way.
    pub(super) fn take_ended(&mut self) -> Result<(), String> {
        while let Some(ended) = self.scheduler.next_ended() {
            self.ended(ended)?;
        }
        for tag in self.order.fronts() {
            if self.lives[tag].is_ready {
                continue;
            }
            if self.scheduler.status(self.lives[tag].id) == Some(RequestStatus::Pending) {
                return Err(format!("request {tag} was not woken"));
            }
            self.look_at(tag);
        }
        Ok(())
    }

    /// Tells the oracle of fairness whether a request waits for a slot.
    pub(super) fn look_at(&mut self, tag: usize) {
        let live = &mut self.lives[tag];
        if live.has_ended {
            return;
        }
        if !self.scheduler.waits_for_slot(live.id) {
            self.fairness.leaves(tag, live.request.device);
            return;
        }
        live.is_ready = true;
        let device = live.request.device;
        if !self.fairness.knows(tag) {
            let limits = self.scheduler.limits(device);
            let waiting = self.scheduler.waiting_count(device) as u64;
            let live = &self.lives[tag];
            self.fairness
                .enters(tag, live, &limits, self.now_ns, waiting);
        }
    }

    /// After a timer.
    pub(super) fn look_at_troubled(&mut self) {
        let troubled = std::mem::take(&mut self.troubled);
        for tag in troubled {
            self.look_at(tag);
            if !self.lives[tag].has_ended {
                self.troubled.push(tag);
            }
        }
        self.troubled.sort_unstable();
        self.troubled.dedup();
    }

    fn ended(&mut self, ended: Ended) -> Result<(), String> {
        let tag = ended.user_data as usize;
        let live = self.lives.get_mut(tag).ok_or("an unknown request ended")?;
        if live.has_ended || live.id != ended.id {
            return Err(format!("request {tag} ended twice"));
        }
        live.has_ended = true;
        if live.in_flight > 0 {
            let count = live.in_flight;
            return Err(format!("request {tag} ended with {count} slices in flight"));
        }
        let (request, buffer) = (live.request, live.buffer);
        check_result(
            &ended,
            request.length_bytes,
            live.is_cancelled || self.is_closing(),
        )
        .map_err(|what| format!("request {tag}: {what}"))?;
        let live = &mut self.lives[tag];
        let (operand, old) = (live.operand, live.old_value);
        let parts = std::mem::take(&mut live.parts);
        let has_begun = self.lives[tag].has_begun;
        let checked = if !has_begun {
            Ok(()) // others of its stream may be writing the same bytes
        } else if request.kind == RequestKind::Batch {
            self.bytes.check_parts(&parts, &ended.parts, (buffer, tag))
        } else {
            self.bytes.check(&request, ended.status, operand, old)
        };
        checked
            .map_err(|what| format!("request {tag} ({request:?}), {:?}: {what}", ended.status))?;
        self.order.ended(request.stream, self.lives[tag].position);
        self.fairness.leaves(tag, request.device);
        self.bytes.release(buffer);
        self.tally.count(ended.status);
        let is_calm = self.setup.faults.error == 0.0 && self.setup.cancel == 0.0;
        let must_succeed = is_calm && self.tally.is_calm && request.qos.is_none();
        if must_succeed && ended.status != RequestStatus::Completed {
            return Err(format!(
                "request {tag} ended with {:?} without a fault",
                ended.error
            ));
        }
        Ok(())
    }

    fn is_closing(&self) -> bool {
        let after = self.setup.shut_down_after;
        after.is_some_and(|count| self.tally.tried as usize >= count)
    }

    /// Nothing is planned any more: nothing may be left.
    pub(super) fn check_end(&self) -> Result<(), String> {
        let left = self.scheduler.request_count();
        if left > 0 {
            let stuck = self.lives.iter().position(|live| !live.has_ended);
            return Err(format!("{left} requests never end, the first is {stuck:?}"));
        }
        if self.tally.ended() != self.tally.accepted {
            return Err("not every request ended exactly once".into());
        }
        self.bytes.check_all()
    }
}

/// Whether status, bytes and error of a request go together.
fn check_result(ended: &Ended, length: u64, was_cancelled: bool) -> Result<(), String> {
    let code = ended.error.as_ref().map(|error| error.code);
    let is_right = match ended.status {
        RequestStatus::Completed => code.is_none() && ended.bytes_completed == length,
        RequestStatus::Error => code.is_some() && ended.bytes_completed < length,
        RequestStatus::Cancelled => code == Some(ErrorCode::Canceled) && was_cancelled,
        _ => false,
    };
    is_right
        .then_some(())
        .ok_or_else(|| format!("ended as {ended:?}"))
}
