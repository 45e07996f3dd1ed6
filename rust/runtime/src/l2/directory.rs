//! What kernels look at to copy pages from L2 without asking: the directory of each array, and the
//! marks that they leave on frames. Decision 10.

use super::PageKey;
use gpuio_core::Result;
use gpuio_memory::device::{Device, SharedMemory};
use gpuio_memory::directory::{DirectoryWord, Generation};
use std::sync::atomic::{AtomicU64, Ordering};

/// See the module's comment.
pub struct Directories {
    /// One word a page, by array id; none where kernels always ask.
    by_array: Vec<Option<Box<dyn SharedMemory>>>,
    /// One word a frame: not 0 if a kernel has used it since it was looked at.
    marks: Box<dyn SharedMemory>,
    generation: Generation,
}

impl Directories {
    /// No directory yet, and marks for so many frames.
    pub fn new(device: &dyn Device, frame_count: u32) -> Result<Self> {
        Ok(Self {
            by_array: Vec::new(),
            marks: device.allocate_shared((frame_count as usize).max(1) * size_of::<u64>())?,
            generation: Generation::FIRST,
        })
    }

    /// Makes the directory of an array and returns its device address. `NoMemory` if there is none
    /// for it, as for the page table.
    pub fn open(&mut self, device: &dyn Device, array: u32, page_count: u64) -> Result<u64> {
        let memory = device.allocate_shared(page_count as usize * size_of::<DirectoryWord>())?;
        let address = memory.device_address();
        let at = array as usize;
        if self.by_array.len() <= at {
            self.by_array.resize_with(at + 1, || None);
        }
        self.by_array[at] = Some(memory);
        Ok(address)
    }

    /// The array goes. No kernel uses it any more.
    pub fn close(&mut self, array: u32) {
        if let Some(directory) = self.by_array.get_mut(array as usize) {
            *directory = None;
        }
    }

    /// Lets kernels copy the page from the frame. Returns whether its array has a directory.
    pub fn publish(&mut self, key: PageKey, frame: u32) -> bool {
        let Some(word) = self.word(key) else {
            return false;
        };
        word.publish(frame, self.generation);
        self.generation = self.generation.next();
        true
    }

    /// The frame is about to hold something else.
    pub fn withdraw(&self, key: PageKey) {
        if let Some(word) = self.word(key) {
            word.withdraw();
        }
    }

    /// Whether a kernel has used the frame since this was asked last.
    pub fn take_mark(&self, frame: u32) -> bool {
        let mark = self.mark(frame);
        let is_set = mark.load(Ordering::Relaxed) != 0;
        if is_set {
            // A use at this moment may be lost: a mark is advice.
            mark.store(0, Ordering::Relaxed);
        }
        is_set
    }

    /// Device address of the marks.
    pub fn marks_address(&self) -> u64 {
        self.marks.device_address()
    }

    fn mark(&self, frame: u32) -> &AtomicU64 {
        let offset = frame as usize * size_of::<u64>();
        debug_assert!(offset < self.marks.length_bytes());
        // SAFETY: frames are fewer than the words that were allocated, aligned to 4096 and zeroed;
        // everyone accesses them atomically; they live as long as self.
        unsafe { &*((self.marks.host_address() + offset) as *const AtomicU64) }
    }

    fn word(&self, key: PageKey) -> Option<&DirectoryWord> {
        let directory = self.by_array.get(key.array as usize)?.as_ref()?;
        let offset = usize::try_from(key.page).ok()? * size_of::<DirectoryWord>();
        if offset + size_of::<DirectoryWord>() > directory.length_bytes() {
            return None;
        }
        // SAFETY: within the allocation, which is aligned to 4096 and zeroed at birth; kernels read
        // it atomically; it lives as long as self.
        Some(unsafe { &*((directory.host_address() + offset) as *const DirectoryWord) })
    }
}
