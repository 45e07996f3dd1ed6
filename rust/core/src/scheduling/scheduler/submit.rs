//! Requests come in.

use super::record::{Batch, Record};
use super::Scheduler;
use crate::scheduling::admission::{Admitted, Promise};
use crate::scheduling::batch::{BatchPart, BatchPlan};
use crate::scheduling::{
    DeviceId, PriorityLevel, Request, RequestId, RequestKind, RequestStatus, Waiting,
};
use crate::{Error, ErrorCode, Result};

impl Scheduler {
    /// Accepts a request. It ends exactly once; see [`Scheduler::next_ended`].
    ///
    /// # Errors
    /// The request is not accepted, and nothing has changed:
    /// - `InvalidArgument`: see [`Request::validate`]; a device that there is not; a batch, which
    ///   is for [`Scheduler::submit_batch`].
    /// - `Busy`: as many requests as there is room for have not ended.
    /// - `Timeout`: its deadline cannot be met, as far as can be told now.
    /// - `Canceled`: the scheduler was shut down.
    pub fn submit(&mut self, request: Request, now_ns: u64) -> Result<RequestId> {
        if request.kind == RequestKind::Batch {
            let message = "a batch has parts; use submit_batch";
            return Err(Error::new(ErrorCode::InvalidArgument, "submit", message));
        }
        self.accept(request, None, now_ns)
    }

    /// Accepts a batch as one request. `request` says what all parts have in common; its kind,
    /// engine, device, places and length follow from the parts. It waits in the queue of one device
    /// at a time, and admission counts it where it begins.
    ///
    /// # Errors
    /// As [`Scheduler::submit`] and [`BatchPlan::new`].
    pub fn submit_batch(
        &mut self,
        request: Request,
        parts: Vec<BatchPart>,
        now_ns: u64,
    ) -> Result<RequestId> {
        let mut cap = u64::MAX;
        for part in &parts {
            let device = self.devices.get(part.device.0 as usize);
            let device = device.ok_or_else(|| no_device(RequestKind::Batch, part.device))?;
            // Copies are not coalesced, so what they may be long says nothing of the others.
            if part.kind != RequestKind::Copy {
                cap = cap.min(device.limits.slice_bytes);
            }
        }
        let plan = BatchPlan::new(&parts, cap)?;
        // As a plan has been made, there is a part, and so is a group.
        let (first, group) = (&parts[0], &plan.groups[0]);
        let request = Request {
            kind: RequestKind::Batch,
            engine: group.engine,
            device: group.device,
            src: first.resource(),
            src_offset: 0,
            dst_offset: 0,
            length_bytes: plan.moved_bytes(),
            ..request
        };
        let batch = Batch::new(parts, plan);
        self.accept(request, Some(Box::new(batch)), now_ns)
    }

    fn accept(
        &mut self,
        request: Request,
        batch: Option<Box<Batch>>,
        now_ns: u64,
    ) -> Result<RequestId> {
        request.validate()?;
        let refuse = |code, message: String| Err(Error::new(code, request.kind.verb(), message));
        if request.device.0 as usize >= self.devices.len() {
            return Err(no_device(request.kind, request.device));
        }
        if self.is_shut_down {
            return refuse(ErrorCode::Canceled, "the scheduler was shut down".into());
        }
        if self.records.len() >= self.options.queued_max {
            let message = format!(
                "{} requests wait or are in progress, as many as there is room for; wait for some",
                self.options.queued_max
            );
            return refuse(ErrorCode::Busy, message);
        }
        let mut record = Record::new(request, self.next_sequence, now_ns);
        record.batch = batch;
        if let Some(qos) = request.qos {
            record.due_ns = now_ns.saturating_add(qos.deadline_us() * 1000);
        }
        let shed = self.ask_admission(&mut record, now_ns)?;

        self.next_sequence += 1;
        let device = &mut self.devices[request.device.0 as usize];
        if let Some(courtesy) = device.courtesy.as_mut().filter(|_| record.came_urgent) {
            courtesy.urgent_request(now_ns);
        }
        self.figures.class_mut(request.class).submitted += 1;
        let promised = record.cost_ns;
        let due_ns = record.due_ns;
        let id = RequestId(self.records.insert(record));
        self.admit(id, promised, due_ns);
        shed.into_iter()
            .for_each(|victim| self.shed(victim, now_ns));
        if self.streams.enter(request.stream, id) {
            self.make_ready(vec![id], now_ns);
        }
        Ok(id)
    }

    /// Asks whether the deadline can be met. Returns who has to give way.
    fn ask_admission(&mut self, record: &mut Record, now_ns: u64) -> Result<Vec<RequestId>> {
        if !self.options.admits() {
            return Ok(Vec::new());
        }
        let request = record.request;
        let device = &self.devices[request.device.0 as usize];
        let admission = &device.admission;
        record.cost_ns = admission.cost_ns(request.qos, request.length_bytes);
        let Some(qos) = request.qos else {
            return Ok(Vec::new());
        };
        let asked = Promise {
            id: RequestId(self.records.next_handle()),
            due_ns: record.due_ns,
            cost_ns: record.cost_ns,
            criticality: qos.criticality(),
        };
        let level = request.class.level();
        let end_ns = match admission.ask(asked, level, now_ns, device.limits.depth) {
            Admitted::Yes { shed } if !admission.is_full() => return Ok(shed),
            Admitted::Yes { .. } => now_ns,
            Admitted::No { end_ns } => end_ns,
        };
        self.figures.class_mut(request.class).refused += 1;
        let message = format!(
            "the deadline of {} us cannot be met: it would be done after about {} us; \
             ask for less, later, or with a higher criticality",
            qos.deadline_us(),
            end_ns.saturating_sub(now_ns) / 1000
        );
        Err(Error::new(ErrorCode::Timeout, request.kind.verb(), message))
    }

    /// Tells admission of a request that waits from now on.
    fn admit(&mut self, id: RequestId, cost_ns: u64, due_ns: u64) {
        let Some(record) = self.records.get(id.0).filter(|_| self.options.admits()) else {
            return;
        };
        let request = record.request;
        let admission = &mut self.devices[request.device.0 as usize].admission;
        match request.qos {
            Some(qos) => admission.promise(Promise {
                id,
                due_ns,
                cost_ns,
                criticality: qos.criticality(),
            }),
            None => admission.other(request.class.level(), cost_ns, true),
        }
    }

    /// The streams have come to these requests.
    pub(super) fn make_ready(&mut self, turns: Vec<RequestId>, now_ns: u64) {
        for id in turns {
            let Some(record) = self.records.get_mut(id.0) else {
                continue;
            };
            record.become_status(RequestStatus::Submitted);
            record.turn_ns = now_ns;
            if record.request.qos.is_none() {
                let implied_ns = record.request.class.implied_deadline_ns();
                record.due_ns = now_ns.saturating_add(implied_ns);
            }
            self.wait_for_slot(id, now_ns);
        }
    }

    /// Puts a request that has work into its device's queue, unless it is there.
    pub(super) fn wait_for_slot(&mut self, id: RequestId, now_ns: u64) {
        let Some(record) = self.records.get(id.0) else {
            return;
        };
        let request = &record.request;
        if !record.has_work() || !record.goes_on() || self.ready.contains(id.slot()) {
            return;
        }
        let (_, device) = record.way();
        let limits = &self.devices[device.0 as usize].limits;
        let is_long = request.length_bytes > limits.slice_bytes && !request.kind.is_atomic();
        let waiting = Waiting {
            slot: id.slot(),
            device,
            class: request.class,
            due_ns: record.due_ns,
            sequence: record.sequence,
            is_bulk: is_long || request.class.level() == PriorityLevel::Low,
        };
        self.ready.push(waiting, now_ns);
        self.stir(waiting.device);
    }
}

fn no_device(kind: RequestKind, device: DeviceId) -> Error {
    let message = format!("there is no device {}", device.0);
    Error::new(ErrorCode::InvalidArgument, kind.verb(), message)
}
