//! The end of a context: what has not ended is cancelled.

use super::carry::Carry;
use super::moves::Wait;
use super::submit::withdrawn;
use crate::requests::inbox::Op;
use crate::requests::state::{End, RequestState};
use crate::service::{Core, Purpose};
use gpuio_core::scheduling::RequestStatus;
use gpuio_core::{Error, ErrorCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the end waits for what is in flight: as long as the engines do. Then as long once more
/// for callbacks.
const DRAIN_MAX: Duration = Duration::from_secs(30);
/// Longest sleep meanwhile, in microseconds.
const NAP_US: u64 = 1000;

impl Core {
    /// Ends all requests: at once what is not in flight, the others when they come back, which
    /// takes at most 30 s unless storage hangs; then they end with `Timeout`, and say that their
    /// memory may still be written to.
    pub fn end_requests(&mut self) {
        let mut ops = std::mem::take(&mut self.desk.ops);
        ops.extend(self.desk.shared.inbox.close());
        for op in ops {
            match op {
                Op::Submit(state) => self.desk.end(withdrawn(state)),
                Op::Record(_, event) => event.lose(),
                Op::Cancel(_) | Op::Wait(..) | Op::Forget(_) | Op::Close(_) => {}
            }
        }
        self.desk.publish();
        let now_ns = self.now_ns();
        self.traffic.shut_down(now_ns);
        self.desk.shared.crew.close_copies();
        let deadline = Instant::now() + DRAIN_MAX;
        while self.drain_requests() {
            if Instant::now() >= deadline {
                self.abandon_requests();
                break;
            }
            let now_ns = self.now_ns();
            self.traffic.wait(NAP_US, now_ns);
            if !self.desk.carries.is_empty() {
                std::thread::sleep(Duration::from_micros(NAP_US / 10));
            }
        }
        self.desk.events.lose_all();
    }

    /// Takes what has come back. Returns whether something has not.
    fn drain_requests(&mut self) -> bool {
        let now_ns = self.now_ns();
        self.traffic.pump(now_ns);
        let canceled = || {
            let message = "the context has ended";
            Some(Error::new(ErrorCode::Canceled, "copy", message))
        };
        while let Some(slice) = self.traffic.next_elsewhere() {
            self.traffic.complete(slice.id, 0, canceled(), now_ns);
        }
        let device = Arc::clone(&self.device);
        // Jobs take no turns any more; the copy engine has to finish.
        let is_over = |carry: &mut Carry| match carry.wait {
            None | Some(Wait::Job(_)) => true,
            Some(Wait::Copy(_)) => carry.poll(&*device),
            Some(Wait::Leg | Wait::Worker) => false,
        };
        let ended = self.desk.carries.extract_if(|_, it| is_over(it));
        let ended: Vec<Carry> = ended.map(|(_, carry)| carry).collect();
        for carry in ended {
            self.traffic
                .complete(carry.slice.id, carry.done, canceled(), now_ns);
        }
        while let Some((number, outcome)) = self.desk.shared.crew.next_copied() {
            let Some(mut carry) = self.desk.carries.remove(&number) else {
                continue;
            };
            carry.end_copy(outcome);
            let is_whole = carry.done == carry.slice.length_bytes;
            let error = if is_whole { None } else { canceled() };
            self.traffic
                .complete(carry.slice.id, carry.done, error, now_ns);
        }
        while let Some(done) = self.traffic.next_ended() {
            match done.purpose {
                Purpose::User(_) => self.desk.request_ended(done),
                Purpose::Leg(slice) => {
                    self.desk.carries.remove(&slice.number());
                    self.traffic.complete(slice, 0, canceled(), now_ns);
                }
                // The context's own are of no use any more.
                _ => {}
            }
        }
        self.desk.publish();
        self.users().next().is_some()
    }

    fn users(&self) -> impl Iterator<Item = &Arc<RequestState>> {
        self.traffic.purposes().filter_map(|it| match it {
            Purpose::User(state) => Some(state),
            _ => None,
        })
    }

    /// Waits for the workers, at most 30 s: those callbacks that have not been called are called
    /// now. Nobody answers users any more, so none of them waits for that.
    pub fn end_crew(&self) {
        self.desk.shared.crew.end(DRAIN_MAX);
    }

    /// Ends what cannot be ended properly.
    pub fn abandon_requests(&mut self) {
        self.desk.shared.inbox.close();
        let message = "the context ended while the storage was hanging, or after a defect; what \
                       this request names may still be written to, so do not use it again";
        let all: Vec<_> = self.users().cloned().collect();
        for state in all {
            let error = Error::new(ErrorCode::Timeout, state.order.kind.verb(), message);
            self.desk.end(End {
                state,
                status: RequestStatus::Error,
                error: Some(error),
                parts: Vec::new(),
            });
        }
        self.desk.publish();
    }
}
