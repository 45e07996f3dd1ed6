//! Single moves between host memory and another place.

use crate::requests::crew::MemoryCopy;
use crate::requests::order::Spot;
use crate::service::jobs::{BulkRead, BulkWrite};
use crate::service::{Core, Purpose};
use crate::traffic::Work;
use gpuio_core::scheduling::{RegionId, Request, RequestClass, RequestKind, Slice, StreamId};
use gpuio_core::{Error, ErrorCode, Result};
use gpuio_engines::engine::{MemorySpan, ResourceId, TransferKind};
use gpuio_memory::device::CopyTicket;
use gpuio_workers::Task;
use std::sync::mpsc::{sync_channel, Receiver};

/// Copies up to this length are done by the service itself: handing one over and taking it back
/// costs more (measured, it pays from somewhere between 64 and 256 KiB on).
const COPIED_HERE: usize = 64 << 10;

/// What a move waits for.
pub enum Wait {
    /// An errand of its own, a leg.
    Leg,
    /// The copy engine.
    Copy(CopyTicket),
    /// A job.
    Job(Receiver<Result<()>>),
    /// A worker that copies within memory.
    Worker,
}

/// How a move began.
pub enum Begun {
    Done(Result<()>),
    Waits(Wait),
}

impl Core {
    /// Starts a move, one end of which is host memory. Both ends stay valid until it is done.
    pub(super) fn begin_move(
        &mut self,
        slice: &Slice,
        class: RequestClass,
        (from, to): (Spot, Spot),
        length: u64,
    ) -> Begun {
        let length_bytes = length as usize;
        match (from, to) {
            (Spot::Host(from), Spot::Host(to)) => {
                // SAFETY: ranges of registered regions or buffers, which stay until the slice is
                // complete.
                let copy = unsafe { MemoryCopy::new(from, to, length_bytes) };
                self.begin_memory_copy(slice, class, copy)
            }
            (Spot::Resource(resource, offset), Spot::Host(address)) => {
                let what = (TransferKind::Read, class);
                self.begin_leg(slice, what, (resource, offset), (address, length_bytes))
            }
            (Spot::Host(address), Spot::Resource(resource, offset)) => {
                let what = (TransferKind::Write, class);
                self.begin_leg(slice, what, (resource, offset), (address, length_bytes))
            }
            (Spot::Array(array, first), _) | (_, Spot::Array(array, first))
                if !self.has_range(array, first, length) =>
            {
                let message = "the array was closed before its region was released";
                Begun::Done(Err(Error::new(ErrorCode::NotFound, "copy", message)))
            }
            (Spot::Array(array, first), Spot::Host(address)) => {
                let (reply, outcome) = sync_channel(1);
                let job = BulkRead::to_memory(self, array, (first, length), address, class, reply);
                self.new_jobs.push(Box::new(job));
                Begun::Waits(Wait::Job(outcome))
            }
            (Spot::Host(address), Spot::Array(array, first)) => {
                let (reply, outcome) = sync_channel(1);
                let job = BulkWrite::new(self, array, first, (address, length), class, reply);
                self.new_jobs.push(Box::new(job));
                Begun::Waits(Wait::Job(outcome))
            }
            (Spot::Host(address), Spot::Device(device)) => {
                self.make_copy_room();
                // SAFETY: a pinned buffer and a registered range of the device, as above.
                let started = unsafe {
                    self.device
                        .start_copy_to_device(device, address, length_bytes)
                };
                begun_copy(started)
            }
            (Spot::Device(device), Spot::Host(address)) => {
                self.make_copy_room();
                // SAFETY: as before.
                let started = unsafe {
                    self.device
                        .start_copy_to_host(address, device, length_bytes)
                };
                begun_copy(started)
            }
            _ => {
                let message = "no end of a move is host memory: a defect in gpuio";
                Begun::Done(Err(Error::new(ErrorCode::General, "copy", message)))
            }
        }
    }

    /// Hands a copy to a worker, unless it is short or no worker takes it.
    fn begin_memory_copy(&mut self, slice: &Slice, class: RequestClass, copy: MemoryCopy) -> Begun {
        let length_bytes = copy.length_bytes();
        let here = match length_bytes <= COPIED_HERE {
            true => Err(copy),
            false => {
                let crew = &self.desk.shared.crew;
                crew.copy(class.level(), slice.id.number(), copy)
            }
        };
        match here {
            Ok(()) => Begun::Waits(Wait::Worker),
            Err(copy) => {
                self.desk.copied_bytes += length_bytes as u64;
                copy.run();
                Begun::Done(Ok(()))
            }
        }
    }

    fn has_range(&self, array: u32, first: u64, length: u64) -> bool {
        self.array(array)
            .is_some_and(|it| first + length <= it.geometry.array_bytes())
    }

    /// A leg waits for a slot of its resource like everything else that goes there.
    fn begin_leg(
        &mut self,
        slice: &Slice,
        (way, class): (TransferKind, RequestClass),
        (resource, offset): (ResourceId, u64),
        (address, length_bytes): (usize, usize),
    ) -> Begun {
        let (engine, device) = self.traffic.queues().of(resource);
        let request = Request {
            kind: match way {
                TransferKind::Write => RequestKind::Write,
                _ => RequestKind::Read,
            },
            engine,
            device,
            src: RegionId(resource.0),
            dst: RegionId(resource.0),
            src_offset: offset,
            dst_offset: offset,
            length_bytes: length_bytes as u64,
            stream: StreamId::NONE,
            class,
            qos: None,
            user_data: 0,
        };
        let memory = MemorySpan {
            address,
            length_bytes,
            capacity_bytes: length_bytes,
        };
        let work = Work::Transfer(way, vec![memory]);
        let (purpose, now_ns) = (Purpose::Leg(slice.id), self.now_ns());
        match self.traffic.start(request, work, purpose, now_ns) {
            Ok(_) => Begun::Waits(Wait::Leg),
            Err((_, error)) => Begun::Done(Err(error)),
        }
    }
}

fn begun_copy(started: Result<CopyTicket>) -> Begun {
    match started {
        Ok(ticket) => Begun::Waits(Wait::Copy(ticket)),
        Err(error) => Begun::Done(Err(error)),
    }
}
