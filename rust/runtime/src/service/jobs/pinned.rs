//! Arrays with `policy=pinned`: the whole array lives near the device. It is filled when it is
//! opened and stored by a flush, through L2 frames in both directions.

use super::page_wait::PageWait;
use super::pull::Pulled;
use super::{reply, Job, Reply, Turn, JOB_CLASS};
use crate::array::Placement;
use crate::l2::PageKey;
use crate::service::core::Core;
use crate::service::loads::Ahead;
use gpuio_core::Result;

/// Pages read ahead while a pinned array is filled, at most; and no more than a quarter of L2, or
/// they would push out the page whose turn it is.
const LOAD_AHEAD_PAGES: u64 = 64;

/// Device address of a page of a pinned array.
fn page_address(core: &Core, array: u32, page: u64) -> Option<u64> {
    match &core.array(array)?.placement {
        Placement::Pinned { memory } => Some(memory.device_address() + page * core.page_bytes),
        _ => None,
    }
}

/// Fills a pinned array from its resource.
pub struct LoadPinned {
    array: u32,
    next_page: u64,
    wait: PageWait,
    reply: Reply<()>,
}

impl LoadPinned {
    /// For an array that was just opened.
    pub fn new(array: u32, reply: Reply<()>) -> Self {
        Self {
            array,
            next_page: 0,
            wait: PageWait::new(JOB_CLASS),
            reply,
        }
    }

    fn advance(&mut self, core: &mut Core, id: u64) -> Result<Turn> {
        if let Some(error) = PageWait::error(core, id) {
            return Err(error);
        }
        let Some(array) = core.array_mut(self.array) else {
            return Ok(Turn::Done(Ok(())));
        };
        let page_count = array.geometry.page_count;
        if self.next_page == page_count {
            array.filled = true;
            return Ok(Turn::Done(Ok(())));
        }
        if !self.wait.is_waiting() {
            let window = LOAD_AHEAD_PAGES
                .min(u64::from(core.l2.frame_count() / 4))
                .max(1);
            let ahead = self.next_page..page_count.min(self.next_page + window);
            core.read_ahead(self.array, ahead, JOB_CLASS, Ahead::Asked);
        }
        let key = PageKey {
            array: self.array,
            page: self.next_page,
        };
        let Some(frame) = self.wait.frame(core, key, id)? else {
            return Ok(Turn::Waiting);
        };
        core.l2.look_up(key);
        let Some(target) = page_address(core, self.array, self.next_page) else {
            return Ok(Turn::Done(Ok(())));
        };
        // SAFETY: a whole page of the array's own memory, and a whole resident L2 frame.
        unsafe {
            let source = core.l2.host_address(frame);
            core.device
                .copy_to_device(target, source, core.page_bytes as usize)?;
        }
        self.next_page += 1;
        Ok(Turn::Advanced)
    }
}

impl Job for LoadPinned {
    fn turn(&mut self, core: &mut Core, id: u64) -> Turn {
        self.advance(core, id)
            .unwrap_or_else(|error| Turn::Done(Err(error)))
    }

    fn end(&mut self, result: Result<()>) {
        reply(&self.reply, result);
    }
}

/// Copies a writable pinned array to dirty L2 frames. Which pages kernels wrote is not known, so
/// all of them are.
#[derive(Default)]
pub struct StorePinned {
    next_page: u64,
}

impl StorePinned {
    /// Moves as many pages as L2 has room for. No kernel of the context runs.
    pub fn run(&mut self, core: &mut Core, array: u32) -> Result<Pulled> {
        let Some(entry) = core.array(array).filter(|it| it.writable && it.filled) else {
            return Ok(Pulled::All);
        };
        let page_count = entry.geometry.page_count;
        while self.next_page < page_count {
            let key = PageKey {
                array,
                page: self.next_page,
            };
            let Some(frame) = core.frame_to_overwrite(key)? else {
                return Ok(Pulled::NoRoom);
            };
            let Some(source) = page_address(core, array, self.next_page) else {
                return Ok(Pulled::All);
            };
            let target = core.l2.host_address(frame);
            // SAFETY: a whole page of the array's own memory, and a whole L2 frame that is LOADING
            // or resident; no kernel runs.
            unsafe {
                core.device
                    .copy_to_host(target, source, core.page_bytes as usize)?
            };
            core.l2.set_dirty(frame);
            self.next_page += 1;
        }
        Ok(Pulled::All)
    }
}
