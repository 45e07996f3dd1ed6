//! Bulk write: the host writes a range of an array.

use super::page_wait::PageWait;
use super::pull::{Pull, Pulled};
use super::{reply, Job, Reply, Turn};
use crate::array::Placement;
use crate::l2::PageKey;
use crate::service::core::Core;
use gpuio_core::scheduling::RequestClass;
use gpuio_core::Result;

/// Copies the requester's bytes into L2 pages, which become DIRTY. Pages that are covered only in
/// part are read first. The requester waits, and keeps its buffer until the reply.
pub struct BulkWrite {
    array: u32,
    first_byte: u64,
    source: usize,
    length: u64,
    pull: Pull,
    prepared: bool,
    next_page: u64,
    end_page: u64,
    wait: PageWait,
    reply: Reply<()>,
}

impl BulkWrite {
    /// Writes `length` bytes (not 0, in range) at `source` to an array, from `first_byte` on. Pages
    /// that are to be read for that are read with this class.
    pub fn new(
        core: &Core,
        array: u32,
        first_byte: u64,
        (source, length): (usize, u64),
        class: RequestClass,
        reply: Reply<()>,
    ) -> Self {
        let pages = core
            .array(array)
            .map_or(0..0, |it| it.geometry.pages_of(first_byte, length));
        Self {
            array,
            first_byte,
            source,
            length,
            pull: Pull::default(),
            prepared: false,
            next_page: pages.start,
            end_page: pages.end,
            wait: PageWait::new(class),
            reply,
        }
    }

    fn advance(&mut self, core: &mut Core, id: u64) -> Result<Turn> {
        if let Some(error) = PageWait::error(core, id) {
            return Err(error);
        }
        if !self.prepared {
            if let Pulled::NoRoom = self.pull.run(core, self.array)? {
                return Ok(Turn::Waiting);
            }
            // L1 copies of these pages are about to be out of date, those that kernels had brought
            // ahead included.
            let pages = self.next_page..self.end_page;
            if let Some(table) = core.array(self.array).and_then(|it| it.placement.table()) {
                if core.has_fault_in(self.array, &pages) {
                    return Ok(Turn::Waiting);
                }
                core.forget_pages(self.array, table, pages)?;
            }
            self.prepared = true;
        }
        if self.next_page == self.end_page {
            return Ok(Turn::Done(Ok(())));
        }
        if !self.write_page(core, id)? {
            return Ok(Turn::Waiting);
        }
        self.next_page += 1;
        Ok(Turn::Advanced)
    }

    /// Returns false if the page is not there yet.
    fn write_page(&mut self, core: &mut Core, id: u64) -> Result<bool> {
        let page = self.next_page;
        let Some(array) = core.array(self.array) else {
            return Ok(true);
        };
        let geometry = array.geometry;
        let (page_offset, buffer_offset, length) =
            geometry.overlap(page, self.first_byte, self.length);
        let source = self.source + buffer_offset as usize;
        if let Placement::Pinned { memory } = &array.placement {
            let target = memory.device_address() + page * core.page_bytes + page_offset;
            // SAFETY: within the array's own memory; the requester's buffer lives until the reply.
            unsafe {
                core.device
                    .copy_to_device(target, source, length as usize)?
            };
            return Ok(true);
        }
        if let Some(mapped) = array.placement.mapped() {
            let target = mapped.host + (page * core.page_bytes + page_offset) as usize;
            copy(source, target, length as usize);
            return Ok(true);
        }
        let own = geometry.write_range(page);
        let whole = page_offset == own.page_offset && length == own.length && own.page_offset == 0;
        let Some(frame) = self.frame_for(core, id, whole)? else {
            return Ok(false);
        };
        copy(
            source,
            core.l2.host_address(frame) + page_offset as usize,
            length as usize,
        );
        core.l2.set_dirty(frame);
        core.serve_waiters(frame);
        Ok(true)
    }

    /// A frame to write to. One that is covered wholly need not hold the page's old bytes.
    fn frame_for(&mut self, core: &mut Core, id: u64, whole: bool) -> Result<Option<u32>> {
        let key = PageKey {
            array: self.array,
            page: self.next_page,
        };
        if whole {
            core.frame_to_overwrite(key)
        } else {
            self.wait.frame(core, key, id)
        }
    }
}

fn copy(source: usize, target: usize, length: usize) {
    // SAFETY: the requester's buffer lives until the reply, and the target is within a resident L2
    // frame or mapped memory; the two cannot overlap, and no kernel runs.
    unsafe { std::ptr::copy_nonoverlapping(source as *const u8, target as *mut u8, length) };
}

impl Job for BulkWrite {
    fn turn(&mut self, core: &mut Core, id: u64) -> Turn {
        self.advance(core, id)
            .unwrap_or_else(|error| Turn::Done(Err(error)))
    }

    fn end(&mut self, result: Result<()>) {
        reply(&self.reply, result);
    }
}
