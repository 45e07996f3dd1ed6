//! Requests that take no time and that nothing stands before: they pass.

use super::Scheduler;
use crate::scheduling::{PriorityLevel, Request, Room};

impl Scheduler {
    /// Whether a request may be carried out by the caller now, at once and completely. `true`: it
    /// counts as accepted, begun and completed, and the caller does it before anything else.
    /// `false`: nothing has happened, and it is for [`Scheduler::submit`].
    ///
    /// It passes where submitting it, handing it out and completing it would have followed one
    /// another with nothing in between: its stream has come to it, nothing waits at its device, and
    /// a slot is free there. So it overtakes nothing. What has a deadline never passes, nor does
    /// anything where how long requests take is measured.
    pub fn pass(&mut self, request: &Request, now_ns: u64) -> bool {
        if !self.may_pass(request, now_ns) {
            return false;
        }
        self.next_sequence += 1;
        if request.class.level() == PriorityLevel::High {
            self.devices[request.device.0 as usize].urgent_passes(request.length_bytes, now_ns);
        }
        self.figures.slices += 1;
        self.figures.bytes += request.length_bytes;
        self.figures.batch_sizes.record(1);
        let class = self.figures.class_mut(request.class);
        class.submitted += 1;
        class.completed += 1;
        class.wait_ns.record(0);
        class.service_ns.record(0);
        true
    }

    fn may_pass(&self, request: &Request, now_ns: u64) -> bool {
        let Some(device) = self.devices.get(request.device.0 as usize) else {
            return false;
        };
        let is_measured = self.options.admits() || device.controller.is_some();
        let has_place = !self.is_shut_down && self.records.len() < self.options.queued_max;
        if is_measured || !has_place || request.qos.is_some() || request.validate().is_err() {
            return false;
        }
        let is_turn = self.streams.is_idle(request.stream);
        let has_lane = match self.room(request.device, 0, now_ns) {
            Some(Room::ForAny) => true,
            Some(Room::ForOrdinary) => request.class.level() != PriorityLevel::Low,
            None => false,
        };
        is_turn && has_lane && self.ready.is_empty(request.device)
    }
}
