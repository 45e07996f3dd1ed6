//! How faults are served.

use super::answers::PendingCopy;
use super::core::Core;
use super::loads::{Ahead, Load};
use super::transfers::{failure_word, Waiter};
use crate::array::Placement;
use crate::l2::{L2State, PageKey};
use gpuio_core::prefetch::Outcome;
use gpuio_core::scheduling::RequestClass;
use gpuio_core::{Error, ErrorCode};
use gpuio_memory::layout::{self, FaultOperation};
use gpuio_memory::ring::Fault;

/// Faults taken off the ring in one turn, so that other work gets one, too.
const FAULTS_A_TURN: usize = 256;

/// Whether a fault found what it needs.
enum Served {
    Yes,
    /// It must be served again later.
    Stalled,
}

impl Core {
    /// Serves stalled faults, then new ones. Returns whether there was anything to do.
    pub fn serve_faults(&mut self) -> bool {
        let mut any = false;
        while let Some(fault) = self.stalled.pop_front() {
            if let Served::Stalled = self.serve(fault, false) {
                self.stalled.push_front(fault);
                break;
            }
            any = true;
        }
        for _ in 0..FAULTS_A_TURN {
            let Some(fault) = self.shared.take() else {
                any |= self.poll_stretch();
                break;
            };
            any = true;
            self.stats.faults += 1;
            if let Served::Stalled = self.serve(fault, true) {
                self.stalled.push_back(fault);
            }
        }
        any
    }

    fn serve(&mut self, fault: Fault, first_time: bool) -> Served {
        let known = self.array(fault.array).is_some_and(|array| {
            fault.page < array.geometry.page_count && self.l1.frame_address(fault.frame).is_some()
        });
        if !known {
            let message = "a kernel asked for a page that does not exist: a defect in gpuio";
            return self.refuse(
                &fault,
                &Error::new(ErrorCode::General, "serve a fault", message),
            );
        }
        const WRITE_BACK: u32 = FaultOperation::WriteBack as u32;
        match fault.operation {
            WRITE_BACK => self.serve_write_back(fault),
            _ => self.serve_read(fault, first_time),
        }
    }

    fn refuse(&self, fault: &Fault, error: &Error) -> Served {
        self.shared
            .answer(fault, layout::Outcome::Failed, failure_word(error));
        Served::Yes
    }

    fn serve_read(&mut self, fault: Fault, first_time: bool) -> Served {
        let key = PageKey {
            array: fault.array,
            page: fault.page,
        };
        if !first_time {
            let found = self.l2.find(key);
            return self.serve_from(fault, key, found);
        }
        let found = self.l2.look_up(key);
        if found.is_none() && self.join_stretch(fault) {
            return Served::Yes;
        }
        let served = self.serve_from(fault, key, found);
        self.look_ahead(key);
        served
    }

    /// Serves a read after all that was meant to be filled past L2.
    pub(super) fn serve_through_l2(&mut self, fault: Fault) {
        let key = PageKey {
            array: fault.array,
            page: fault.page,
        };
        let found = self.l2.find(key);
        if let Served::Stalled = self.serve_from(fault, key, found) {
            self.stalled.push_back(fault);
        }
        self.look_ahead(key);
    }

    /// Serves a read from the frame in which L2 has the page, or has it brought to L2.
    fn serve_from(&mut self, fault: Fault, key: PageKey, found: Option<u32>) -> Served {
        // Nobody waits for what a cursor brings ahead; but soon someone does, without asking again.
        let is_ahead = fault.operation == FaultOperation::Prefetch as u32;
        let class = match is_ahead {
            true => RequestClass::TrainingFw,
            false => RequestClass::InferenceRealtime,
        };
        let frame = match found {
            Some(frame) => frame,
            None => match self.start_load(key, class) {
                Load::Started(frame) => frame,
                Load::NoRoom => return Served::Stalled,
                Load::Failed(error) => return self.refuse(&fault, &error),
            },
        };
        if self.l2.state(frame) == L2State::Loading {
            self.promote_load(frame, class);
            let waiters = self.waiters.entry(frame).or_default();
            waiters.push(Waiter::Fault(fault));
        } else {
            self.deliver(fault, frame);
        }
        Served::Yes
    }

    /// Lets the array's detector see the miss, and reads ahead what it predicts.
    fn look_ahead(&mut self, key: PageKey) {
        let mut outcomes = std::mem::take(&mut self.l2.ahead_outcomes);
        for (page, used) in outcomes.drain(..) {
            let outcome = if used { Outcome::Used } else { Outcome::Wasted };
            let detector = self
                .array_mut(page.array)
                .and_then(|it| it.detector.as_mut());
            if let Some(detector) = detector {
                detector.feedback(page.page, outcome);
            }
        }
        self.l2.ahead_outcomes = outcomes;
        let detector = self
            .array_mut(key.array)
            .and_then(|it| it.detector.as_mut());
        if let Some(predicted) = detector.and_then(|it| it.observe(key.page)) {
            let class = RequestClass::Background;
            self.read_ahead(key.array, predicted.pages(), class, Ahead::Predicted);
        }
    }

    fn serve_write_back(&mut self, fault: Fault) -> Served {
        let key = PageKey {
            array: fault.array,
            page: fault.page,
        };
        let mapped = self
            .array(fault.array)
            .and_then(|array| match array.placement {
                Placement::CachedMapped { mapped, .. } => Some(mapped),
                _ => None,
            });
        if let Some(mapped) = mapped {
            let offset = key.page * self.page_bytes;
            if self.page_bytes < self.copy_engine_bytes {
                self.lend_target(fault, mapped.device + offset, None);
                return Served::Yes;
            }
            return self.take_frame(fault, mapped.host + offset as usize, None);
        }
        let frame = match self.frame_to_overwrite(key) {
            Ok(Some(frame)) => frame,
            Ok(None) => return Served::Stalled,
            Err(error) => return self.refuse(&fault, &error),
        };
        self.l2.pin(frame);
        if self.page_bytes < self.copy_engine_bytes {
            let address = self.l2.device_address(frame);
            self.lend_target(fault, address, Some(frame));
            return Served::Yes;
        }
        self.take_frame(fault, self.l2.host_address(frame), Some(frame))
    }

    /// Starts to copy the L1 frame of a write-back to host memory.
    fn take_frame(&mut self, fault: Fault, target: usize, frame: Option<u32>) -> Served {
        let source = self.l1.frame_address(fault.frame).unwrap_or(0);
        self.make_copy_room();
        // SAFETY: `serve` has checked the L1 frame; the target is a whole L2 frame, pinned, or a
        // whole page of mapped memory. The kernel keeps the page FLUSHING until the answer.
        let started = unsafe {
            self.device
                .start_copy_to_host(target, source, self.page_bytes as usize)
        };
        let copy = |ticket| PendingCopy {
            ticket,
            fault,
            frame,
            is_write_back: true,
        };
        match started {
            Ok(ticket) => self.copies.push_back(copy(ticket)),
            Err(error) => self.copied(copy(gpuio_memory::device::CopyTicket(0)), Err(error)),
        }
        Served::Yes
    }
}
