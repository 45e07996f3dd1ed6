//! Arrays with `policy=pinned`: the whole array lives near the device. It is filled when it is
//! opened and stored by a flush, through L2 frames in both directions.

use super::pull::Pulled;
use super::{load_error, reply, Job, Reply, Turn};
use crate::array::Placement;
use crate::l2::{L2State, PageKey};
use crate::service::core::{Core, Load};
use crate::service::transfers::Waiter;
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
    waits: bool,
    reply: Reply<()>,
}

impl LoadPinned {
    /// For an array that was just opened.
    pub fn new(array: u32, reply: Reply<()>) -> Self {
        Self {
            array,
            next_page: 0,
            waits: false,
            reply,
        }
    }

    fn advance(&mut self, core: &mut Core, id: u64) -> Result<Turn> {
        if let Some(error) = load_error(core, id) {
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
        if !self.waits {
            let window = LOAD_AHEAD_PAGES
                .min(u64::from(core.l2.frame_count() / 4))
                .max(1);
            let ahead = self.next_page..page_count.min(self.next_page + window);
            core.read_ahead(self.array, ahead);
        }
        let key = PageKey {
            array: self.array,
            page: self.next_page,
        };
        let Some(frame) = core.l2.find(key) else {
            return match core.start_load(key) {
                Load::Started(_) => {
                    self.waits = false;
                    Ok(Turn::Advanced)
                }
                Load::NoRoom => Ok(Turn::Waiting),
                Load::Failed(error) => Err(error),
            };
        };
        if core.l2.state(frame) == L2State::Loading {
            if !self.waits {
                core.waiters.entry(frame).or_default().push(Waiter::Job(id));
                self.waits = true;
            }
            return Ok(Turn::Waiting);
        }
        self.waits = false;
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
            let frame = match core.l2.find(key) {
                Some(frame) if core.l2.state(frame) == L2State::Loading => {
                    return Ok(Pulled::NoRoom)
                }
                Some(frame) => frame,
                None => match core.claim(key) {
                    Some(frame) => {
                        core.l2.begin_load(frame);
                        frame
                    }
                    None => return Ok(Pulled::NoRoom),
                },
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
