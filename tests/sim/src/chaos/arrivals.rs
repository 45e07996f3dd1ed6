//! What is done to the scheduler from outside: requests, marks, cancellation, shutdown.

use super::bytes::MEMORY;
use super::generate;
use super::live::Live;
use super::world::{Happening, World};
use gpuio_core::random::Random;
use gpuio_core::scheduling::batch::BatchPart;
use gpuio_core::scheduling::StreamId;
use gpuio_core::scheduling::{PriorityLevel, Request, RequestClass, RequestId, RequestKind};
use gpuio_core::ErrorCode;

impl World {
    pub(super) fn arrival(&mut self, until: u64) -> Result<(), String> {
        for _ in 0..self.setup.burst {
            if self.tally.tried >= until {
                return Ok(());
            }
            self.tally.tried += 1;
            if self.setup.shut_down_after == Some(self.tally.tried as usize) {
                self.scheduler.shut_down(self.now_ns);
                self.is_shut_down = true;
                (0..self.lives.len()).for_each(|tag| self.look_at(tag));
                self.after()?;
            }
            if self.random.chance(self.setup.mark) {
                self.mark()?;
            }
            self.submit()?;
            if self.random.chance(self.setup.promote) {
                self.promote()?;
                self.after()?;
            }
            if self.random.chance(self.setup.cancel) {
                self.cancel()?;
                self.after()?;
            }
        }
        let wait_ns = self.random.exponential(self.setup.arrival_ns) as u64;
        self.agenda.plan(self.now_ns + wait_ns, Happening::Arrival);
        Ok(())
    }

    fn submit(&mut self) -> Result<(), String> {
        let tag = self.lives.len();
        let Some(buffer) = self.bytes.buffer() else {
            return self.expect_refusal();
        };
        let stream = StreamId(self.random.within(0, self.setup.stream_count) as u32);
        let devices = self.setup.options.devices.len() as u64;
        let random = &mut self.random;
        let (mut request, parts) = generate::request(random, stream, devices, buffer, tag);
        if random.chance(self.setup.deadline) {
            request.qos = generate::qos(random);
        }
        let accepted = if request.kind == RequestKind::Batch {
            self.scheduler
                .submit_batch(request, parts.clone(), self.now_ns)
        } else {
            self.scheduler.submit(request, self.now_ns)
        };
        let id = match accepted {
            Ok(id) => id,
            Err(error) => {
                self.bytes.release(buffer);
                self.tally.refused += 1;
                let is_right = match error.code {
                    ErrorCode::Canceled => self.is_shut_down,
                    ErrorCode::Timeout => request.qos.is_some(),
                    _ => false,
                };
                return is_right.then_some(()).ok_or_else(|| error.to_string());
            }
        };
        self.bytes.prepare(&request, buffer, tag);
        self.enter(id, request, parts, buffer);
        self.after()
    }

    fn enter(&mut self, id: RequestId, mut request: Request, parts: Vec<BatchPart>, buffer: u64) {
        let tag = self.lives.len();
        if let Some(plan) = self.scheduler.batch_plan(id) {
            request.length_bytes = plan.moved_bytes();
        }
        self.lives.push(Live {
            id,
            request,
            parts,
            buffer,
            position: self.order.submitted(request.stream, tag),
            operand: self.random.next_u64(),
            old_value: 0,
            in_flight: 0,
            is_ready: false,
            has_begun: false,
            came_urgent: request.class.level() == PriorityLevel::High,
            is_cancelled: false,
            has_ended: false,
        });
        if request.stream == StreamId::NONE {
            self.look_at(tag);
        }
        self.tally.accepted += 1;
    }

    /// With as many requests as there is room for, another one is refused.
    fn expect_refusal(&mut self) -> Result<(), String> {
        self.tally.refused += 1;
        let Some(any) = self.lives.last() else {
            return Ok(());
        };
        let mut request = any.request;
        request.kind = RequestKind::Read;
        (request.src, request.dst, request.length_bytes) = (any.request.src, MEMORY, 1);
        match self.scheduler.submit(request, self.now_ns) {
            Err(error) if [ErrorCode::Busy, ErrorCode::Canceled].contains(&error.code) => Ok(()),
            other => Err(format!("a request too many: {other:?}")),
        }
    }

    /// Records an event in a stream, or lets a stream wait for one.
    fn mark(&mut self) -> Result<(), String> {
        let stream = StreamId(self.random.within(1, self.setup.stream_count) as u32);
        let event = self.random.pick(&self.events);
        if self.random.chance(0.4) {
            match self.scheduler.record_event(stream, event, self.now_ns) {
                Ok(()) => self.order.recorded(stream, event),
                Err(error) if error.code == ErrorCode::Busy => {}
                Err(error) => return Err(error.to_string()),
            }
        } else {
            let waited = self.scheduler.wait_event(stream, event);
            waited.map_err(|error| error.to_string())?;
            self.order.waited(stream, event);
        }
        self.tally.marks += 1;
        self.after()
    }

    /// One of the latest requests, if there is any.
    fn recent(&mut self) -> Option<usize> {
        let recent = self.lives.len().min(200) as u64;
        let back = recent.checked_sub(1)?;
        Some(self.lives.len() - 1 - self.random.within(0, back) as usize)
    }

    /// Promotes one of the latest requests that has not begun: it enters its device's queue anew.
    fn promote(&mut self) -> Result<(), String> {
        let class = self.random.pick(&RequestClass::ALL);
        let Some(tag) = self.recent().filter(|tag| !self.lives[*tag].has_begun) else {
            return Ok(());
        };
        let live = &mut self.lives[tag];
        let is_due = !live.has_ended && class < live.request.class;
        if self.scheduler.promote(live.id, class, self.now_ns) != is_due {
            return Err(format!(
                "request {tag} was promoted, or was not, against reason"
            ));
        }
        if is_due {
            live.request.class = class;
            let device = live.request.device;
            self.fairness.leaves(tag, device);
            self.look_at(tag);
        }
        Ok(())
    }

    /// Cancels one of the latest requests, whatever it is doing.
    fn cancel(&mut self) -> Result<(), String> {
        let Some(tag) = self.recent() else {
            return Ok(());
        };
        let live = &mut self.lives[tag];
        let is_live = self.scheduler.cancel(live.id, self.now_ns);
        if is_live == live.has_ended {
            return Err(format!(
                "request {tag} has ended, and its name is another's"
            ));
        }
        live.is_cancelled |= is_live;
        self.look_at(tag);
        Ok(())
    }
}
