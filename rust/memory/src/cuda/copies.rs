//! Copies by the GPU's copy engines: one lane a direction, each with its stream and a ring of
//! events that says how far the stream has come.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gpuio_core::{Error, ErrorCode, Result};

use super::context::{Context, Event, Stream};
use super::wait;
use crate::device::CopyTicket;

/// The most copies of one direction in flight: the number of events. A copy of a page takes
/// microseconds, so this many keep the engine busy however late the host looks.
pub(super) const IN_FLIGHT_LIMIT: u64 = 256;

/// The longest a waiting copy waits. Copies do not depend on kernels; one that takes this long
/// will not come back.
const COPY_TIMEOUT: Duration = Duration::from_secs(60);

/// Which way a copy goes. The direction is the top bit of a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    ToDevice,
    ToHost,
}

const TO_HOST_BIT: u64 = 1 << 63;

impl Direction {
    pub(super) fn of(ticket: CopyTicket) -> Self {
        if ticket.0 & TO_HOST_BIT == 0 {
            Self::ToDevice
        } else {
            Self::ToHost
        }
    }

    fn ticket(self, sequence: u64) -> CopyTicket {
        match self {
            Self::ToDevice => CopyTicket(sequence),
            Self::ToHost => CopyTicket(sequence | TO_HOST_BIT),
        }
    }
}

/// One copy to make.
#[derive(Clone, Copy)]
pub(super) struct Copy {
    pub(super) device: u64,
    pub(super) host: usize,
    pub(super) length_bytes: usize,
}

/// The copies of one direction, numbered from 0 in the order in which they are started.
pub(super) struct CopyLane {
    direction: Direction,
    stream: Stream,
    /// Copy number `n` is marked by event `n % IN_FLIGHT_LIMIT`.
    events: Vec<Event>,
    /// Held while a copy is put on the stream, so that marks and copies alternate. Putting a copy
    /// of pageable memory there takes as long as the copy, so asking must not need this lock.
    starting: Mutex<()>,
    /// How many copies have their mark; written under `starting`.
    started_count: AtomicU64,
    /// The copies below this number are done. Only grows, and stays within `IN_FLIGHT_LIMIT` of
    /// `started_count`: no event is recorded anew before the copy it marked is done.
    done_count: AtomicU64,
}

impl CopyLane {
    pub(super) fn new(context: &Arc<Context>, direction: Direction) -> Result<Self> {
        let events = (0..IN_FLIGHT_LIMIT)
            .map(|_| Event::new(context))
            .collect::<Result<_>>()?;
        Ok(Self {
            direction,
            stream: Stream::new(context)?,
            events,
            starting: Mutex::new(()),
            started_count: AtomicU64::new(0),
            done_count: AtomicU64::new(0),
        })
    }

    pub(super) fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Starts a copy. `Busy` when `IN_FLIGHT_LIMIT` copies are on their way.
    ///
    /// # Safety
    /// Both ranges are valid until the ticket is done, and `device` is memory of this device.
    pub(super) unsafe fn start(&self, copy: Copy) -> Result<CopyTicket> {
        // The lock guards an order and no data: a panic under it spoils nothing.
        let _starting = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        let sequence = self.started_count.load(Ordering::Relaxed);
        let oldest = self.done_count.load(Ordering::Acquire);
        if sequence - oldest == IN_FLIGHT_LIMIT && !self.ask(oldest)? {
            return Err(self.too_many());
        }
        // SAFETY: the caller's promise.
        unsafe { self.enqueue(copy) }?;
        if let Err(error) = self.event(sequence).record(&self.stream) {
            // The copy is on its way and no ticket tells when it ends; the caller, who sees an
            // error, may free the memory next.
            self.drain();
            return Err(error);
        }
        self.started_count.store(sequence + 1, Ordering::Release);
        Ok(self.direction.ticket(sequence))
    }

    /// Whether a copy is done.
    pub(super) fn is_done(&self, ticket: CopyTicket) -> Result<bool> {
        let sequence = ticket.0 & !TO_HOST_BIT;
        if sequence < self.done_count.load(Ordering::Acquire) {
            return Ok(true);
        }
        if sequence >= self.started_count.load(Ordering::Acquire) {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                "ask for a copy",
                format!("ticket {:#x} was never given out by this device", ticket.0),
            ));
        }
        self.ask(sequence)
    }

    /// Asks the event of a started copy. While it is being asked, others may find the copy done
    /// and record the event for a later one: a yes then holds all the more, and a no is out of
    /// date, which the next question finds in `done_count`.
    fn ask(&self, sequence: u64) -> Result<bool> {
        let is_done = self.event(sequence).is_done()?;
        if is_done {
            // A stream works in order: whatever came before is done too.
            self.done_count.fetch_max(sequence + 1, Ordering::AcqRel);
        }
        Ok(is_done)
    }

    /// Makes a copy and waits for it.
    ///
    /// # Safety
    /// As for `start`; after a `Timeout` the copy may still be under way, and the ranges must
    /// stay valid.
    pub(super) unsafe fn copy(&self, copy: Copy) -> Result<()> {
        if copy.length_bytes == 0 {
            return Ok(());
        }
        let mut ticket = None;
        let done = wait::poll(COPY_TIMEOUT, || {
            let ticket = match ticket {
                Some(ticket) => ticket,
                // SAFETY: the caller's promise.
                None => match unsafe { self.start(copy) } {
                    Ok(started) => *ticket.insert(started),
                    Err(error) if error.code == ErrorCode::Busy => return Ok(false),
                    Err(error) => return Err(error),
                },
            };
            self.is_done(ticket)
        })?;
        if done {
            return Ok(());
        }
        Err(Error::new(
            ErrorCode::Timeout,
            "copy memory",
            format!(
                "{} bytes {:?} were not copied after {} s; the GPU does not respond",
                copy.length_bytes,
                self.direction,
                COPY_TIMEOUT.as_secs()
            ),
        ))
    }

    /// Puts the copy on the stream.
    ///
    /// # Safety
    /// As for `start`.
    unsafe fn enqueue(&self, copy: Copy) -> Result<()> {
        if copy.length_bytes == 0 {
            return Ok(());
        }
        let current = self.stream.context().enter()?;
        let driver = current.driver;
        let (stream, length_bytes) = (self.stream.raw(), copy.length_bytes);
        match self.direction {
            Direction::ToDevice => {
                let host: *const c_void = ptr::with_exposed_provenance(copy.host);
                // SAFETY: the caller vouches for the ranges; the stream is alive.
                let status = unsafe {
                    (driver.cuMemcpyHtoDAsync_v2)(copy.device, host, length_bytes, stream)
                };
                driver.check("copy to the GPU", status)
            }
            Direction::ToHost => {
                let host: *mut c_void = ptr::with_exposed_provenance_mut(copy.host);
                // SAFETY: the caller vouches for the ranges; the stream is alive.
                let status = unsafe {
                    (driver.cuMemcpyDtoHAsync_v2)(host, copy.device, length_bytes, stream)
                };
                driver.check("copy from the GPU", status)
            }
        }
    }

    /// Waits for the stream, for want of an event. An error here adds nothing to the one that
    /// led here.
    fn drain(&self) {
        if let Ok(current) = self.stream.context().enter() {
            // SAFETY: the stream is alive, its context current.
            unsafe { (current.driver.cuStreamSynchronize)(self.stream.raw()) };
        }
    }

    fn event(&self, sequence: u64) -> &Event {
        &self.events[(sequence % IN_FLIGHT_LIMIT) as usize]
    }

    fn too_many(&self) -> Error {
        Error::new(
            ErrorCode::Busy,
            "start a copy",
            format!(
                "{IN_FLIGHT_LIMIT} copies {:?} are in flight; ask for the older ones first",
                self.direction
            ),
        )
    }
}
