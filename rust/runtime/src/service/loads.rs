//! Bringing pages into L2: single ones that someone waits for, and stretches ahead of their use.

use super::core::Core;
use super::transfers::Purpose;
use crate::l2::{L2State, PageKey};
use gpuio_core::scheduling::{RequestClass, RequestKind};
use gpuio_core::{Error, ErrorCode, Result};
use gpuio_engines::engine::MemorySpan;

/// Most bytes that one read-ahead transfer brings.
const READ_AHEAD_BYTES: u64 = 1 << 20;

/// Why pages are read ahead of their use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ahead {
    /// The host asks for them: kernels that want them need not.
    Asked,
    /// A detector predicts them. It has to see that they are asked for.
    Predicted,
}

/// What happened to an attempt to get a page into L2.
pub enum Load {
    /// Under way in this frame.
    Started(u32),
    /// Not now: no frame, or enough is under way. Something in flight will change that.
    NoRoom,
    /// Not at all: nothing that is in flight can change it.
    Failed(Error),
}

impl Core {
    /// Starts to read a page into L2, where it is not.
    pub fn start_load(&mut self, key: PageKey, class: RequestClass) -> Load {
        let Some(frame) = self.claim(key) else {
            return self.no_frame();
        };
        if self.queue_load(key.array, key.page, vec![frame], class) {
            Load::Started(frame)
        } else {
            Load::NoRoom
        }
    }

    /// Takes an L2 frame for a page, or starts to make room.
    pub fn claim(&mut self, key: PageKey) -> Option<u32> {
        let claimed = self.l2.claim(key);
        if claimed.is_some() {
            return claimed;
        }
        if self.withdraw_some() {
            if let Some(frame) = self.l2.claim(key) {
                return Some(frame);
            }
        }
        self.write_some();
        None
    }

    /// The frame of a page that is about to be overwritten whole: it need not hold the old bytes.
    /// One that is new is LOADING until the caller makes it dirty. `None`: not now.
    pub fn frame_to_overwrite(&mut self, key: PageKey) -> Result<Option<u32>> {
        if let Some(frame) = self.l2.find(key) {
            let being_filled = self.l2.state(frame) == L2State::Loading;
            return Ok((!being_filled).then_some(frame));
        }
        if let Some(frame) = self.claim(key) {
            self.l2.begin_load(frame);
            return Ok(Some(frame));
        }
        match self.no_frame() {
            Load::Failed(error) => Err(error),
            _ => Ok(None),
        }
    }

    /// What it means that no frame could be claimed.
    pub fn no_frame(&self) -> Load {
        if self.writes == 0 && self.own_errands == 0 && self.l2.has_failed_writes() {
            if let Some(error) = &self.last_write_error {
                return Load::Failed(error.clone());
            }
        }
        Load::NoRoom
    }

    /// Starts a read of consecutive pages into frames that were claimed for them. If there is no
    /// room the frames are given back.
    pub(super) fn queue_load(
        &mut self,
        array: u32,
        first_page: u64,
        frames: Vec<u32>,
        class: RequestClass,
    ) -> bool {
        let Some(entry) = self.arrays[array as usize].as_ref() else {
            return false;
        };
        let (geometry, resource) = (entry.geometry, entry.resource);
        let mut memory = Vec::with_capacity(frames.len());
        for (page, &frame) in (first_page..).zip(&frames) {
            memory.push(MemorySpan {
                address: self.l2.host_address(frame),
                length_bytes: geometry.read_range(page).length as usize,
                capacity_bytes: self.page_bytes as usize,
            });
            self.l2.begin_load(frame);
        }
        let offset = geometry.read_range(first_page).resource_offset;
        let what = (RequestKind::Read, class);
        let purpose = Purpose::Load { frames };
        match self.start_own(what, (resource, offset), memory, purpose) {
            Ok(errand) => {
                if let Some(Purpose::Load { frames }) = self.traffic.purpose(errand) {
                    for &frame in frames {
                        self.loading[frame as usize] = Some(errand);
                    }
                }
                true
            }
            Err(Purpose::Load { frames }) => {
                for frame in frames {
                    self.l2.discard(frame);
                }
                false
            }
            Err(_) => false,
        }
    }

    /// Reads pages ahead of their use, as far as there are clean frames and room.
    pub fn read_ahead(
        &mut self,
        array: u32,
        pages: impl Iterator<Item = u64>,
        class: RequestClass,
        why: Ahead,
    ) -> u64 {
        let run_pages = (READ_AHEAD_BYTES / self.page_bytes).clamp(1, 256) as usize;
        let mut run: (u64, Vec<u32>) = (0, Vec::new());
        let mut started = 0;
        for page in pages {
            let key = PageKey { array, page };
            let joins = page == run.0 + run.1.len() as u64 && run.1.len() < run_pages;
            if !run.1.is_empty() && (!joins || self.l2.find(key).is_some()) {
                let (first, frames) = std::mem::take(&mut run);
                if !self.queue_load(array, first, frames, class) {
                    return started;
                }
            }
            if self.l2.find(key).is_some() {
                continue;
            }
            let Some(frame) = self.l2.claim_ahead(key) else {
                break;
            };
            // Not evictable while the run is put together.
            self.l2.begin_load(frame);
            if why == Ahead::Asked {
                self.l2.publish_when_there(frame);
            }
            if run.1.is_empty() {
                run.0 = page;
            }
            run.1.push(frame);
            started += 1;
        }
        if !run.1.is_empty() {
            self.queue_load(array, run.0, run.1, class);
        }
        self.stats.read_ahead_pages += started;
        started
    }

    pub(super) fn loaded(&mut self, frames: Vec<u32>, result: Result<()>) {
        let many = frames.len() > 1;
        let urgent = RequestClass::InferenceRealtime;
        for frame in frames {
            self.loading[frame as usize] = None;
            let Some(key) = self.l2.key(frame) else {
                continue;
            };
            match &result {
                Ok(()) => {
                    if let Some(array) = self.array_mut(key.array) {
                        array.read_bytes += array.geometry.read_range(key.page).length;
                    }
                    self.clear_tail(frame, key);
                    self.l2.set_valid(frame);
                    self.serve_waiters(frame);
                }
                // One bad page spoils a run: those that someone waits for are read again alone.
                Err(_) if many && self.waiters.contains_key(&frame) => {
                    if !self.queue_load(key.array, key.page, vec![frame], urgent) {
                        let message = "too many transfers are under way; lower the read-ahead";
                        let full = Error::new(ErrorCode::Busy, "read", message);
                        self.fail_waiters(frame, &full);
                    }
                }
                Err(error) => {
                    self.l2.discard(frame);
                    self.fail_waiters(frame, error);
                }
            }
        }
    }

    /// Zeroes what lies behind the array's end on its last page: another array's bytes may be left
    /// there.
    fn clear_tail(&mut self, frame: u32, key: PageKey) {
        let Some(array) = self.array(key.array) else {
            return;
        };
        let length = array.geometry.read_range(key.page).length as usize;
        let page_bytes = self.page_bytes as usize;
        if length < page_bytes {
            let start = (self.l2.host_address(frame) + length) as *mut u8;
            // SAFETY: the rest of a frame that is still LOADING: nobody else touches it.
            unsafe { std::ptr::write_bytes(start, 0, page_bytes - length) };
        }
    }
}
