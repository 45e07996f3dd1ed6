//! Bulk read: the host reads a range of an array.
//!
//! The service brings the pages and leases the frames; the requester's thread does the copying, so
//! that the service is free for others and several requesters copy at once.

use super::page_wait::PageWait;
use super::pull::{Pull, Pulled};
use super::{reply, Job, Reply, Turn, JOB_CLASS};
use crate::array::Placement;
use crate::l2::{Lease, PageKey};
use crate::service::core::Core;
use crate::service::loads::Ahead;
use gpuio_core::scheduling::RequestClass;
use gpuio_core::Result;
use std::sync::mpsc::Sender;
use std::sync::Arc;

/// Pages read ahead of the one that is delivered.
const AHEAD_PAGES: u64 = 64;
/// Pieces the requester has not finished with; more wait.
const PIECES_OUT: usize = 32;

/// A piece of the range, for the requester to copy.
pub struct Piece {
    /// Where the bytes are.
    pub address: usize,
    /// Where they belong in the requester's buffer.
    pub buffer_offset: usize,
    /// How many.
    pub length: usize,
    /// Keeps them in place; none where they stay anyway.
    pub _lease: Option<Lease>,
    /// Counts the piece as not finished with.
    _out: Arc<()>,
}

/// See the module's comment.
pub struct BulkRead {
    array: u32,
    first_byte: u64,
    length: u64,
    pull: Pull,
    pulled: bool,
    next_page: u64,
    end_page: u64,
    wait: PageWait,
    /// One clone with every piece that is out.
    out: Arc<()>,
    sink: Sink,
}

/// Where the bytes go to.
enum Sink {
    /// To the requester, who copies them.
    Pieces(Sender<Result<Piece>>),
    /// To this address, copied here.
    Memory(usize, Reply<()>),
}

impl BulkRead {
    /// Reads `length` bytes (not 0, in range) of an array from `first_byte` on. The channel's
    /// closing marks the end.
    pub fn new(
        core: &Core,
        array: u32,
        first_byte: u64,
        length: u64,
        pieces: Sender<Result<Piece>>,
    ) -> Self {
        let pages = core
            .array(array)
            .map_or(0..0, |it| it.geometry.pages_of(first_byte, length));
        Self {
            array,
            first_byte,
            length,
            pull: Pull::default(),
            pulled: false,
            next_page: pages.start,
            end_page: pages.end,
            wait: PageWait::new(JOB_CLASS),
            out: Arc::new(()),
            sink: Sink::Pieces(pieces),
        }
    }

    /// The same, but the service copies the bytes to an address that stays valid until the reply,
    /// and pages are read with this class.
    pub fn to_memory(
        core: &Core,
        array: u32,
        (first_byte, length): (u64, u64),
        address: usize,
        class: RequestClass,
        reply: Reply<()>,
    ) -> Self {
        let (pieces, _) = std::sync::mpsc::channel();
        Self {
            wait: PageWait::new(class),
            sink: Sink::Memory(address, reply),
            ..Self::new(core, array, first_byte, length, pieces)
        }
    }

    fn advance(&mut self, core: &mut Core, id: u64) -> Result<Turn> {
        if let Some(error) = PageWait::error(core, id) {
            return Err(error);
        }
        if !self.pulled {
            if let Pulled::NoRoom = self.pull.run(core, self.array)? {
                return Ok(Turn::Waiting);
            }
            self.pulled = true;
        }
        if self.next_page == self.end_page {
            return Ok(Turn::Done(Ok(())));
        }
        if Arc::strong_count(&self.out) > PIECES_OUT {
            return Ok(Turn::Waiting);
        }
        let Some(piece) = self.next_piece(core, id)? else {
            return Ok(Turn::Waiting);
        };
        self.next_page += 1;
        match &self.sink {
            Sink::Pieces(pieces) => match pieces.send(Ok(piece)) {
                Ok(()) => Ok(Turn::Advanced),
                Err(_) => Ok(Turn::Done(Ok(()))), // the requester has gone
            },
            Sink::Memory(address, _) => {
                let target = (address + piece.buffer_offset) as *mut u8;
                // SAFETY: the piece's bytes stay in place while its lease lives, and the target is
                // the requester's until the reply; the two may be the same memory.
                unsafe { std::ptr::copy(piece.address as *const u8, target, piece.length) };
                Ok(Turn::Advanced)
            }
        }
    }

    fn next_piece(&mut self, core: &mut Core, id: u64) -> Result<Option<Piece>> {
        let Some(array) = core.array(self.array) else {
            return Ok(None);
        };
        let (page_offset, buffer_offset, length) =
            array
                .geometry
                .overlap(self.next_page, self.first_byte, self.length);
        let out = Arc::clone(&self.out);
        let piece = |base: usize, lease| Piece {
            address: base + page_offset as usize,
            buffer_offset: buffer_offset as usize,
            length: length as usize,
            _lease: lease,
            _out: out,
        };
        if let Some(mapped) = array.placement.mapped() {
            let page = mapped.host + (self.next_page * core.page_bytes) as usize;
            return Ok(Some(piece(page, None)));
        }
        if let Placement::Pinned { .. } = array.placement {
            return Ok(None); // read straight from the device by the requester
        }
        let Some(frame) = self.resident_frame(core, id)? else {
            return Ok(None);
        };
        let lease = core.l2.lease(frame);
        Ok(Some(piece(core.l2.host_address(frame), Some(lease))))
    }

    /// The frame of the next page once it is there; gets it otherwise, and those that follow.
    fn resident_frame(&mut self, core: &mut Core, id: u64) -> Result<Option<u32>> {
        let key = PageKey {
            array: self.array,
            page: self.next_page,
        };
        if !self.wait.is_waiting() {
            let ahead = self.next_page..self.end_page.min(self.next_page + AHEAD_PAGES);
            let most = u64::from(core.l2.frame_count() / 4);
            let ahead = ahead.take(most as usize);
            core.read_ahead(self.array, ahead, self.wait.class(), Ahead::Asked);
        }
        let frame = self.wait.frame(core, key, id)?;
        if let Some(frame) = frame {
            core.l2.look_up(key);
            core.l2.publish(frame);
        }
        Ok(frame)
    }
}

impl Job for BulkRead {
    fn turn(&mut self, core: &mut Core, id: u64) -> Turn {
        self.advance(core, id)
            .unwrap_or_else(|error| Turn::Done(Err(error)))
    }

    fn end(&mut self, result: Result<()>) {
        match (&self.sink, result) {
            (Sink::Memory(_, to), result) => reply(to, result),
            // A requester that has gone does not mind.
            (Sink::Pieces(pieces), Err(error)) => drop(pieces.send(Err(error))),
            (Sink::Pieces(_), Ok(())) => {}
        }
    }
}
