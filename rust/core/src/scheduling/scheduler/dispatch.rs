//! Slices go out.

use super::{Flight, Scheduler, Slice, SliceId};
use crate::scheduling::{DeviceId, Popped, RequestId, RequestStatus, Room};

impl Scheduler {
    /// Appends to `slices` what a device is to be given now, and returns how many these are: what
    /// one submission to the engine should carry. May be none although requests wait: then slots
    /// are awaited, and the next completion brings them.
    ///
    /// # Panics
    /// If there is no such device.
    pub fn dispatch(&mut self, device: DeviceId, now_ns: u64, slices: &mut Vec<Slice>) -> usize {
        let before = slices.len();
        while let Some(room) = self.room(device, slices.len() - before, now_ns) {
            let Some(popped) = self.ready.pop(device, now_ns, room) else {
                break;
            };
            match self.hand_out(popped, now_ns) {
                Some(slice) => slices.push(slice),
                None => self.ready.disregard_pop(device),
            }
        }
        // Nothing more can go out to it until something changes.
        if std::mem::take(&mut self.devices[device.0 as usize].is_stirred) {
            self.stirred.retain(|it| *it != device);
        }
        let count = slices.len() - before;
        if count > 0 {
            self.figures.batch_sizes.record(count as u64);
            self.figures.slices += count as u64;
        }
        count
    }

    /// Whether another slice may go out, after `handed_out` in this call; and of which kind.
    pub(super) fn room(&self, device: DeviceId, handed_out: usize, now_ns: u64) -> Option<Room> {
        let state = &self.devices[device.0 as usize];
        let free = state.limits.depth.saturating_sub(state.in_flight);
        let awaited = state.limits.free_slots_awaited(self.ready.len(device));
        let waits = handed_out == 0 && state.in_flight > 0 && free < awaited;
        if free == 0 || (waits && !self.ready.has_urgent(device)) {
            return None;
        }
        Some(match state.bulk_room_bytes(now_ns) {
            Some(_) => Room::ForAny,
            None => Room::ForOrdinary,
        })
    }

    /// The next slice of a request whose turn it is. None if it was given up instead.
    fn hand_out(&mut self, popped: Popped, now_ns: u64) -> Option<Slice> {
        let id = RequestId(self.records.at(popped.slot)?);
        if self.is_hopeless(id, now_ns) {
            self.shed(id, now_ns);
            return None;
        }
        self.begin(id, now_ns);
        let record = self.records.get_mut(id.0)?;
        let (request, (engine, queue)) = (record.request, record.way());
        let device = &mut self.devices[queue.0 as usize];
        let room_bytes = device.bulk_room_bytes(now_ns).filter(|_| popped.is_bulk);
        let slice_bytes = device.limits.slice_bytes;
        let slice_bytes = slice_bytes.min(room_bytes.unwrap_or(u64::MAX));
        let mut fragment = record.take(slice_bytes, now_ns)?;
        fragment.attempts += 1;
        record.in_flight += 1;
        let flight = Flight {
            request: id,
            fragment,
            device: queue,
            is_bulk: popped.is_bulk,
            is_urgent: record.came_urgent && !popped.is_bulk,
            beside: device.beside(),
            dispatched_ns: now_ns,
        };
        device.goes(&flight);
        self.figures.class_mut(request.class).aged += u64::from(popped.is_aged);
        let ends = record.ends(fragment.operation);
        let flight = self.flights.insert(flight);
        self.wait_for_slot(id, now_ns);
        Some(Slice {
            id: SliceId(flight),
            request: id,
            user_data: request.user_data,
            kind: ends.kind,
            engine,
            device: queue,
            src: ends.src.0,
            src_offset: ends.src.1 + fragment.offset,
            dst: ends.dst.0,
            dst_offset: ends.dst.1 + fragment.offset,
            length_bytes: fragment.length_bytes,
            operation: fragment.operation,
            attempt: fragment.attempts,
        })
    }

    /// A request that begins is in progress, and no longer waits as far as admission goes.
    fn begin(&mut self, id: RequestId, now_ns: u64) {
        let Some(record) = self.records.get_mut(id.0) else {
            return;
        };
        if record.status != RequestStatus::Submitted {
            return;
        }
        record.become_status(RequestStatus::InProgress);
        record.started_ns = now_ns;
        let (class, turn_ns) = (record.request.class, record.turn_ns);
        let wait_ns = now_ns.saturating_sub(turn_ns);
        self.figures.class_mut(class).wait_ns.record(wait_ns);
        self.withdraw_promise(id);
        self.set_in_flight(id, true);
    }

    /// Whether a request that has not begun and is not critical can only be late.
    fn is_hopeless(&self, id: RequestId, now_ns: u64) -> bool {
        let Some(record) = self.records.get(id.0).filter(|_| self.options.admits()) else {
            return false;
        };
        let may_be_shed = record.request.qos.is_some_and(|qos| !qos.is_critical());
        let admission = &self.devices[record.request.device.0 as usize].admission;
        record.status == RequestStatus::Submitted
            && may_be_shed
            && admission.is_hopeless(record.cost_ns, record.due_ns, now_ns)
    }

    /// Tells admission that a request no longer waits.
    pub(super) fn withdraw_promise(&mut self, id: RequestId) {
        let Some(record) = self.records.get(id.0).filter(|_| self.options.admits()) else {
            return;
        };
        let request = &record.request;
        let admission = &mut self.devices[request.device.0 as usize].admission;
        match request.qos {
            Some(_) => admission.withdraw(id, record.due_ns),
            None => admission.other(request.class.level(), record.cost_ns, false),
        }
    }

    /// Tells admission that a request has begun, or ended after it had.
    pub(super) fn set_in_flight(&mut self, id: RequestId, is_in_flight: bool) {
        if let Some(record) = self.records.get(id.0).filter(|_| self.options.admits()) {
            let device = &mut self.devices[record.request.device.0 as usize];
            device.admission.in_flight(record.cost_ns, is_in_flight);
        }
    }
}
