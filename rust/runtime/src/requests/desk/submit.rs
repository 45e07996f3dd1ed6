//! A user's request becomes an errand.

use crate::requests::order::{Order, Part, Side, Spot};
use crate::requests::state::{End, RequestState};
use crate::service::{Core, Purpose};
use crate::traffic::{Queues, Work, ARRAYS, COPIES, MEMORY};
use gpuio_core::scheduling::batch::BatchPart;
use gpuio_core::scheduling::{DeviceId, EngineKind, Request, RequestStatus};
use gpuio_core::{Error, ErrorCode};
use gpuio_engines::engine::{MemorySpan, TransferKind};
use std::sync::atomic::Ordering;
use std::sync::Arc;

impl Core {
    /// Starts a request. It comes back if there is no room for it now.
    pub(super) fn submit_request(
        &mut self,
        state: Arc<RequestState>,
        now_ns: u64,
    ) -> Option<Arc<RequestState>> {
        if state.is_cancelled.load(Ordering::Acquire) {
            self.desk.end(withdrawn(state));
            return None;
        }
        let order = &state.order;
        let (request, work) = plan(order, self.traffic.queues());
        // An atomic operation is done as soon as it could be handed out.
        if order.kind.is_atomic() && self.traffic.scheduler().pass(&request, now_ns) {
            state.carry_out_atomic();
            state.moved(order.length_bytes);
            self.desk.end(completed(state));
            return None;
        }
        let purpose = Purpose::User(Arc::clone(&state));
        let started = if order.parts().is_empty() {
            self.traffic.start(request, work, purpose, now_ns)
        } else {
            let queues = self.traffic.queues();
            let parts = order.parts().iter().map(|it| batch_part(it, queues));
            let parts = parts.collect();
            self.traffic.start_batch(request, parts, purpose, now_ns)
        };
        match started {
            Ok(errand) => {
                // The first and only time.
                let _ = state.errand.set(errand);
                if let Some((status, _)) = self.traffic.progress(errand) {
                    state.become_status(status);
                }
                state.accepted();
                None
            }
            Err((_, error)) if error.code == ErrorCode::Busy => Some(state),
            Err((_, error)) => {
                self.desk.end(End {
                    state,
                    status: RequestStatus::Error,
                    error: Some(error),
                    parts: Vec::new(),
                });
                None
            }
        }
    }
}

fn completed(state: Arc<RequestState>) -> End {
    End {
        state,
        status: RequestStatus::Completed,
        error: None,
        parts: Vec::new(),
    }
}

/// The end of what was withdrawn before it was begun.
pub(super) fn withdrawn(state: Arc<RequestState>) -> End {
    let message = "it was cancelled before it was complete";
    let error = Error::new(ErrorCode::Canceled, state.order.kind.verb(), message);
    End {
        state,
        status: RequestStatus::Cancelled,
        error: Some(error),
        parts: Vec::new(),
    }
}

fn plan(order: &Order, queues: &Queues) -> (Request, Work) {
    let (engine, device) = way(&order.src, &order.dst, queues);
    let work = work(order);
    let ((src, src_offset), (dst, dst_offset)) = (order.src.number(), order.dst.number());
    let request = Request {
        kind: order.kind,
        engine,
        device,
        src,
        dst,
        src_offset,
        dst_offset,
        length_bytes: order.length_bytes,
        stream: order.stream,
        class: order.class,
        qos: order.qos(),
        user_data: 0,
    };
    (request, work)
}

/// Where what goes between these waits.
fn way(src: &Side, dst: &Side, queues: &Queues) -> (EngineKind, DeviceId) {
    match (src.first, dst.first) {
        (Spot::Resource(resource, _), Spot::Host(_))
        | (Spot::Host(_), Spot::Resource(resource, _)) => queues.of(resource),
        // Not in the queue of a resource: it would wait there for a slot that it has itself.
        (Spot::Array(..), _) | (_, Spot::Array(..)) => (EngineKind::Memio, ARRAYS),
        (Spot::Host(_), Spot::Host(_)) => (EngineKind::Memio, MEMORY),
        _ => (EngineKind::Memio, COPIES),
    }
}

/// Who carries it out.
fn work(order: &Order) -> Work {
    let span = |address: usize| {
        let length_bytes = order.length_bytes as usize;
        vec![MemorySpan {
            address,
            length_bytes,
            capacity_bytes: length_bytes,
        }]
    };
    match (order.src.first, order.dst.first) {
        (Spot::Resource(..), Spot::Host(address)) => {
            Work::Transfer(TransferKind::Read, span(address))
        }
        (Spot::Host(address), Spot::Resource(..)) => {
            Work::Transfer(TransferKind::Write, span(address))
        }
        _ => Work::Elsewhere,
    }
}

/// A part of a batch, as the scheduler wants it.
fn batch_part(part: &Part, queues: &Queues) -> BatchPart {
    let (engine, device) = way(&part.src, &part.dst, queues);
    BatchPart {
        kind: part.engine_kind(),
        engine,
        device,
        src: part.src.first.place(),
        dst: part.dst.first.place(),
        length_bytes: part.length_bytes,
    }
}
