//! A user's request becomes an errand.

use crate::requests::region::Place;
use crate::requests::state::{Order, Part, RequestState, Side};
use crate::service::{Core, Purpose};
use crate::traffic::{Work, ARRAYS, COPIES, MEMORY};
use gpuio_core::scheduling::batch::BatchPart;
use gpuio_core::scheduling::{DeviceId, EngineKind, RegionId, Request, RequestKind, RequestStatus};
use gpuio_core::{Error, ErrorCode};
use gpuio_engines::engine::{MemorySpan, TransferKind};
use std::sync::atomic::Ordering;
use std::sync::Arc;

impl Core {
    /// Starts a request. It comes back if there is no room for it now.
    pub(super) fn submit_request(&mut self, state: Arc<RequestState>) -> Option<Arc<RequestState>> {
        if state.is_cancelled.load(Ordering::Acquire) {
            let error = withdrawn(&state.order);
            state.end(RequestStatus::Cancelled, Some(error), Vec::new());
            return None;
        }
        let now_ns = self.now_ns();
        let order = &state.order;
        let (request, work) = plan(order);
        let purpose = Purpose::User(Arc::clone(&state));
        let started = if order.parts.is_empty() {
            self.traffic.start(request, work, purpose, now_ns)
        } else {
            let parts = order.parts.iter().map(batch_part).collect();
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
                state.end(RequestStatus::Error, Some(error), Vec::new());
                None
            }
        }
    }
}

/// The error of what was withdrawn before it was begun.
pub(super) fn withdrawn(order: &Order) -> Error {
    let message = "it was cancelled before it was complete";
    Error::new(ErrorCode::Canceled, order.kind.verb(), message)
}

/// How the scheduler names a side, and its first byte there.
pub(super) fn number(side: &Side) -> (RegionId, u64) {
    match side.region.place {
        Place::Resource { resource, base, .. } => (RegionId(resource.0), base + side.offset),
        _ => (side.region.id, side.offset),
    }
}

fn plan(order: &Order) -> (Request, Work) {
    let ((engine, device), work) = way(order);
    let ((src, src_offset), (dst, dst_offset)) = (number(&order.src), number(&order.dst));
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
        qos: order.qos,
        user_data: 0,
    };
    (request, work)
}

/// Where it waits, and who carries it out.
fn way(order: &Order) -> ((EngineKind, DeviceId), Work) {
    let span = |address: usize, offset: u64| {
        let length_bytes = order.length_bytes as usize;
        vec![MemorySpan {
            address: address + offset as usize,
            length_bytes,
            capacity_bytes: length_bytes,
        }]
    };
    match (order.src.region.place, order.dst.region.place) {
        (Place::Resource { queue, .. }, Place::Memory(address)) => {
            let memory = span(address, order.dst.offset);
            (queue, Work::Transfer(TransferKind::Read, memory))
        }
        (Place::Memory(address), Place::Resource { queue, .. }) => {
            let memory = span(address, order.src.offset);
            (queue, Work::Transfer(TransferKind::Write, memory))
        }
        // Not in the queue of a resource: it would wait there for a slot that it has itself.
        (Place::Array(_), _) | (_, Place::Array(_)) => {
            ((EngineKind::Memio, ARRAYS), Work::Elsewhere)
        }
        (Place::Memory(_), Place::Memory(_)) => ((EngineKind::Memio, MEMORY), Work::Elsewhere),
        _ => ((EngineKind::Memio, COPIES), Work::Elsewhere),
    }
}

/// A part of a batch, as the scheduler wants it.
fn batch_part(part: &Part) -> BatchPart {
    let (resource, memory) = match part.kind {
        RequestKind::Write => (&part.dst, &part.src),
        _ => (&part.src, &part.dst),
    };
    // Other places were refused when it was submitted.
    let (engine, device) = match resource.region.place {
        Place::Resource { queue, .. } => queue,
        _ => (EngineKind::Memio, MEMORY),
    };
    let address = match memory.region.place {
        Place::Memory(address) => address as u64,
        _ => 0,
    };
    let (number, offset) = number(resource);
    BatchPart {
        kind: part.kind,
        engine,
        device,
        resource: number,
        offset,
        length_bytes: part.length_bytes,
        memory: address + memory.offset,
    }
}
