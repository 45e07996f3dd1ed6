//! Single moves between host memory and another place.

use crate::requests::region::Place;
use crate::requests::state::Side;
use crate::service::jobs::{BulkRead, BulkWrite};
use crate::service::Core;
use crate::traffic::Leg;
use gpuio_core::scheduling::SliceId;
use gpuio_core::{Error, ErrorCode, Result};
use gpuio_engines::engine::{ResourceId, TransferKind};
use gpuio_memory::device::CopyTicket;
use std::sync::mpsc::{sync_channel, Receiver};

/// One end of a move.
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// An address in this process.
    Host(usize),
    /// A byte of a resource.
    Resource(ResourceId, u64),
    /// A byte of an array.
    Array(u32, u64),
    /// An address of the device.
    Device(u64),
}

impl End {
    /// Byte `at` of a request, counted from its first.
    pub fn of(side: &Side, at: u64) -> Self {
        let offset = side.offset + at;
        match side.region.place {
            Place::Memory(address) => Self::Host(address + offset as usize),
            Place::Resource { resource, base, .. } => Self::Resource(resource, base + offset),
            Place::Array(id) => Self::Array(id, offset),
            Place::Device(address) => Self::Device(address + offset),
        }
    }
}

/// What a move waits for.
pub enum Wait {
    /// A transfer of the engine, which the traffic tells of.
    Leg,
    /// The copy engine.
    Copy(CopyTicket),
    /// A job.
    Job(Receiver<Result<()>>),
}

/// How a move began.
pub enum Begun {
    Done(Result<()>),
    Waits(Wait),
}

impl Core {
    /// Starts a move, one end of which is host memory. Both ends stay valid until it is done.
    pub(super) fn begin_move(&mut self, slice: SliceId, from: End, to: End, length: u64) -> Begun {
        let length_bytes = length as usize;
        match (from, to) {
            (End::Host(from), End::Host(to)) => {
                // SAFETY: ranges of registered regions or buffers, which stay until the slice is
                // complete.
                unsafe { std::ptr::copy(from as *const u8, to as *mut u8, length_bytes) };
                Begun::Done(Ok(()))
            }
            (End::Resource(resource, offset), End::Host(address)) => {
                let kind = TransferKind::Read;
                self.begin_leg(slice, kind, (resource, offset), (address, length_bytes))
            }
            (End::Host(address), End::Resource(resource, offset)) => {
                let kind = TransferKind::Write;
                self.begin_leg(slice, kind, (resource, offset), (address, length_bytes))
            }
            (End::Array(array, first), End::Host(address)) => {
                let (reply, outcome) = sync_channel(1);
                let job = BulkRead::to_memory(self, array, (first, length), address, reply);
                self.new_jobs.push(Box::new(job));
                Begun::Waits(Wait::Job(outcome))
            }
            (End::Host(address), End::Array(array, first)) => {
                let (reply, outcome) = sync_channel(1);
                let job = BulkWrite::new(self, array, first, (address, length), reply);
                self.new_jobs.push(Box::new(job));
                Begun::Waits(Wait::Job(outcome))
            }
            (End::Host(address), End::Device(device)) => {
                self.make_copy_room();
                // SAFETY: a pinned buffer and a registered range of the device, as above.
                let started = unsafe {
                    self.device
                        .start_copy_to_device(device, address, length_bytes)
                };
                begun_copy(started)
            }
            (End::Device(device), End::Host(address)) => {
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

    fn begin_leg(
        &mut self,
        slice: SliceId,
        kind: TransferKind,
        (resource, offset): (ResourceId, u64),
        (address, length_bytes): (usize, usize),
    ) -> Begun {
        let leg = Leg {
            kind,
            resource,
            offset,
            address,
            length_bytes,
        };
        self.traffic.start_leg(slice, leg);
        Begun::Waits(Wait::Leg)
    }
}

fn begun_copy(started: Result<CopyTicket>) -> Begun {
    match started {
        Ok(ticket) => Begun::Waits(Wait::Copy(ticket)),
        Err(error) => Begun::Done(Err(error)),
    }
}
