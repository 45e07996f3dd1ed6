//! L2: pages in pinned host memory, between the resources and the device.
//!
//! Owned by the service thread. It knows which frame holds which page and which frame to give up;
//! it does no I/O.

mod directory;
mod lease;
#[cfg(test)]
mod tests;

pub use gpuio_memory::frame_state::{FrameState, L2State};
pub use lease::Lease;

use directory::Directories;
use gpuio_core::config::PolicyKind;
use gpuio_core::replacement::{new_policy, ReplacementPolicy};
use gpuio_core::Result;
use gpuio_memory::device::{Device, SharedMemory};
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::sync::Arc;

/// A page of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PageKey {
    /// The array's id.
    pub array: u32,
    /// The page.
    pub page: u64,
}

/// The memory and the frame words, which leases share with the service.
pub struct FrameStore {
    memory: Box<dyn SharedMemory>,
    states: Vec<FrameState>,
    page_bytes: usize,
}

impl FrameStore {
    fn host_address(&self, frame: u32) -> usize {
        self.memory.host_address() + frame as usize * self.page_bytes
    }
}

#[derive(Clone, Copy, Default)]
struct FrameMeta {
    key: Option<PageKey>,
    /// Its last write failed: not tried again until a flush asks for it.
    write_failed: bool,
    /// A write of it is in flight. It may be DIRTY again meanwhile, but must not be written a
    /// second time: the first write to end would set it free while the other still reads from it.
    writing: bool,
    /// Its page was read ahead and not used yet: it gives way only when nothing else can.
    ahead: bool,
    /// The array's directory names it: kernels may be copying from it without a pin.
    published: bool,
    /// It is to be published when its load has ended.
    awaits_publishing: bool,
}

/// Read-ahead pages that were not used yet keep at most this share of the frames from giving way.
/// A scan-resistant policy would push them out before their turn comes: they look used never.
const AHEAD_SHARE: usize = 4;

/// Frames that kernels have used without asking and that are passed over for one victim, at most.
const PASSED_OVER: usize = 64;

/// Outcomes that are kept for the detectors; they are advice, so more are dropped.
const MAX_OUTCOMES: usize = 1024;

/// Counters of L2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct L2Stats {
    /// Pages asked for and found.
    pub hits: u64,
    /// Pages asked for and not found.
    pub misses: u64,
    /// Pages given up for others.
    pub evictions: u64,
}

/// See the module's comment.
pub struct L2 {
    store: Arc<FrameStore>,
    meta: Vec<FrameMeta>,
    index: HashMap<PageKey, u32>,
    free: Vec<u32>,
    policy: Box<dyn ReplacementPolicy>,
    directories: Directories,
    /// Frames that became dirty, oldest first; entries may be out of date.
    dirty: VecDeque<u32>,
    /// Frames whose pages were read ahead, oldest first; entries may be out of date.
    ahead: VecDeque<u32>,
    /// What became of pages that were read ahead (used, or not), for the detectors.
    pub ahead_outcomes: Vec<(PageKey, bool)>,
    /// What it has counted.
    pub stats: L2Stats,
}

impl L2 {
    /// An L2 of `frame_count` frames.
    pub fn new(
        device: &dyn Device,
        frame_count: u32,
        page_bytes: usize,
        policy: PolicyKind,
    ) -> Result<Self> {
        let memory = device.allocate_shared(frame_count as usize * page_bytes)?;
        let states = (0..frame_count).map(|_| FrameState::new()).collect();
        Ok(Self {
            store: Arc::new(FrameStore {
                memory,
                states,
                page_bytes,
            }),
            meta: vec![FrameMeta::default(); frame_count as usize],
            index: HashMap::with_capacity(frame_count as usize),
            free: (0..frame_count).rev().collect(),
            policy: new_policy(policy, frame_count),
            directories: Directories::new(device, frame_count)?,
            dirty: VecDeque::new(),
            ahead: VecDeque::new(),
            ahead_outcomes: Vec::new(),
            stats: L2Stats::default(),
        })
    }

    /// Address and length of the memory, to register with engines.
    pub fn arena(&self) -> (usize, usize) {
        (
            self.store.memory.host_address(),
            self.store.memory.length_bytes(),
        )
    }

    /// Frames in all.
    pub fn frame_count(&self) -> u32 {
        self.meta.len() as u32
    }

    /// The frame that holds a page, or is being filled with it.
    pub fn find(&self, key: PageKey) -> Option<u32> {
        self.index.get(&key).copied()
    }

    /// As `find`, counted, and a sign to the policy that the page is wanted.
    pub fn look_up(&mut self, key: PageKey) -> Option<u32> {
        let found = self.find(key);
        match found {
            Some(frame) => {
                self.stats.hits += 1;
                self.policy.touched(frame);
                self.end_ahead(frame, true);
            }
            None => self.stats.misses += 1,
        }
        found
    }

    /// The page in a frame.
    pub fn key(&self, frame: u32) -> Option<PageKey> {
        self.meta[frame as usize].key
    }

    /// The state of a frame.
    pub fn state(&self, frame: u32) -> L2State {
        self.store.states[frame as usize].state()
    }

    /// Pins a frame; `unpin` or the drop of a lease takes it off.
    pub fn pin(&self, frame: u32) {
        self.store.states[frame as usize].pin();
    }

    /// Takes a pin off.
    pub fn unpin(&self, frame: u32) {
        self.store.states[frame as usize].unpin();
    }

    /// Pins a frame for another thread.
    pub fn lease(&self, frame: u32) -> Lease {
        self.pin(frame);
        Lease::new(Arc::clone(&self.store), frame)
    }

    /// Where a frame is for this process.
    pub fn host_address(&self, frame: u32) -> usize {
        self.store.host_address(frame)
    }

    /// Where a frame is for kernels.
    pub fn device_address(&self, frame: u32) -> u64 {
        self.store.memory.device_address() + u64::from(frame) * self.store.page_bytes as u64
    }

    /// Device addresses of the frames and of their marks.
    pub fn shared_addresses(&self) -> [u64; 2] {
        [
            self.store.memory.device_address(),
            self.directories.marks_address(),
        ]
    }

    /// Makes the directory of an array and returns its device address.
    pub fn open_directory(
        &mut self,
        device: &dyn Device,
        array: u32,
        page_count: u64,
    ) -> Result<u64> {
        self.directories.open(device, array, page_count)
    }

    /// The array goes, and none of its pages is in L2.
    pub fn close_directory(&mut self, array: u32) {
        self.directories.close(array);
    }

    /// Lets kernels copy the frame's page without asking, from now until the frame is given to
    /// another page. All its bytes are there.
    ///
    /// A write-back into the frame takes nothing back: the page is FLUSHING in L1 until all its
    /// bytes are here, so no kernel copies it meanwhile; and they are its own, so the word is as
    /// true afterwards. Nor does what the host writes to the page, since no kernel uses it then;
    /// nor a write to the resource, which only reads the frame.
    pub fn publish(&mut self, frame: u32) {
        let is_there = !matches!(self.state(frame), L2State::Free | L2State::Loading);
        let meta = &mut self.meta[frame as usize];
        if let Some(key) = meta.key.filter(|_| is_there && !meta.published) {
            meta.published = self.directories.publish(key, frame);
        }
    }

    /// The same, as soon as the page is there.
    pub fn publish_when_there(&mut self, frame: u32) {
        self.meta[frame as usize].awaits_publishing = true;
    }

    /// The frame's page goes: before anything else is stored there.
    fn withdraw(&mut self, frame: u32) {
        let meta = &mut self.meta[frame as usize];
        if std::mem::take(&mut meta.published) {
            if let Some(key) = meta.key {
                self.directories.withdraw(key);
            }
        }
    }

    /// Takes a frame for `key`, which is not in L2: a free one, or one whose clean page gives way.
    /// The frame is FREE and indexed under the key; the caller moves it on at once. `None` when
    /// every frame is pinned, busy or dirty.
    pub fn claim(&mut self, key: PageKey) -> Option<u32> {
        debug_assert!(!self.index.contains_key(&key));
        let frame = match self.free.pop() {
            Some(frame) => frame,
            None => self.evict()?,
        };
        self.meta[frame as usize] = FrameMeta {
            key: Some(key),
            ..FrameMeta::default()
        };
        self.index.insert(key, frame);
        self.directories.take_mark(frame); // of the page before
        self.policy
            .inserted(frame, self.index.hasher().hash_one(key));
        Some(frame)
    }

    /// As `claim`, for a page that is read ahead of its use.
    pub fn claim_ahead(&mut self, key: PageKey) -> Option<u32> {
        let frame = self.claim(key)?;
        self.meta[frame as usize].ahead = true;
        self.ahead.push_back(frame);
        if self.ahead.len() > self.meta.len() / AHEAD_SHARE {
            if let Some(oldest) = self.ahead.pop_front() {
                self.end_ahead(oldest, false);
            }
        }
        Some(frame)
    }

    /// A read-ahead page was used, or has waited for too long.
    fn end_ahead(&mut self, frame: u32, used: bool) {
        let meta = &mut self.meta[frame as usize];
        if !std::mem::take(&mut meta.ahead) {
            return;
        }
        if let Some(key) = meta
            .key
            .filter(|_| self.ahead_outcomes.len() < MAX_OUTCOMES)
        {
            self.ahead_outcomes.push((key, used));
        }
    }

    /// Takes out the frame that is to give way. Frames that kernels have used without asking since
    /// they were looked at are passed over, and the policy hears of the use; not too many for one
    /// victim, since a hit of the same page counts once only, however often it was used.
    fn pick(&mut self) -> Option<u32> {
        let (states, meta) = (&self.store.states, &self.meta);
        let (policy, directories) = (&mut self.policy, &self.directories);
        let mut used = Vec::new();
        let mut may_go = |frame: u32| {
            let state = &states[frame as usize];
            if state.state() != L2State::Valid || !state.is_unpinned() {
                return false;
            }
            let passes = used.len() < PASSED_OVER && directories.take_mark(frame);
            if passes {
                used.push(frame);
            }
            !passes
        };
        let picked = policy
            .victim(&mut |frame| !meta[frame as usize].ahead && may_go(frame))
            .or_else(|| policy.victim(&mut may_go));
        for frame in used {
            policy.touched(frame);
        }
        picked
    }

    fn evict(&mut self) -> Option<u32> {
        // Where all that could go was in use, what was passed over can go now.
        let frame = self.pick().or_else(|| self.pick())?;
        self.withdraw(frame);
        self.end_ahead(frame, false);
        let claimed = self.store.states[frame as usize].try_claim();
        assert!(
            claimed,
            "only this thread pins, so what was evictable still is"
        );
        if let Some(key) = self.meta[frame as usize].key.take() {
            self.index.remove(&key);
        }
        self.stats.evictions += 1;
        Some(frame)
    }

    /// Gives a frame back that was claimed for a load which failed, or whose page goes away. Its
    /// state must be LOADING, FREE or VALID, and nobody may hold a pin.
    pub fn discard(&mut self, frame: u32) {
        self.withdraw(frame);
        self.store.states[frame as usize].set_state(L2State::Free);
        self.meta[frame as usize].ahead = false;
        if let Some(key) = self.meta[frame as usize].key.take() {
            self.index.remove(&key);
        }
        self.policy.removed(frame);
        self.free.push(frame);
    }

    /// The frame is being filled.
    pub fn begin_load(&mut self, frame: u32) {
        debug_assert!(!self.meta[frame as usize].published);
        self.store.states[frame as usize].set_state(L2State::Loading);
    }

    /// The frame holds its page.
    pub fn set_valid(&mut self, frame: u32) {
        self.store.states[frame as usize].set_state(L2State::Valid);
        if std::mem::take(&mut self.meta[frame as usize].awaits_publishing) {
            self.publish(frame);
        }
    }

    /// The frame holds its page, newer than the resource.
    pub fn set_dirty(&mut self, frame: u32) {
        let state = &self.store.states[frame as usize];
        if state.state() != L2State::Dirty {
            self.dirty.push_back(frame);
        }
        state.set_state(L2State::Dirty);
        self.meta[frame as usize].write_failed = false;
    }

    /// The frame's page is being written. No write of it is in flight.
    pub fn begin_flush(&mut self, frame: u32) {
        self.store.states[frame as usize].set_state(L2State::Flushing);
        self.meta[frame as usize].writing = true;
    }

    /// The write that was begun cannot be started: the frame is as it was before.
    pub fn cancel_flush(&mut self, frame: u32) {
        self.meta[frame as usize].writing = false;
        self.set_dirty(frame);
    }

    /// The write has ended. A page that was written to meanwhile is DIRTY and stays so.
    pub fn end_flush(&mut self, frame: u32, written: bool) {
        self.meta[frame as usize].writing = false;
        if self.state(frame) != L2State::Flushing {
            return;
        }
        if written {
            self.set_valid(frame);
        } else {
            self.set_dirty(frame);
            self.meta[frame as usize].write_failed = true;
        }
    }

    /// Whether a write of the frame is in flight, whatever its state is by now.
    pub fn is_writing(&self, frame: u32) -> bool {
        self.meta[frame as usize].writing
    }

    /// The oldest dirty frame that can be written now: none of its writes is in flight, and the
    /// last did not fail. It leaves the list of dirty frames: the caller begins its flush.
    pub fn next_dirty(&mut self) -> Option<u32> {
        for _ in 0..self.dirty.len() {
            let frame = self.dirty.pop_front()?;
            if self.state(frame) != L2State::Dirty {
                continue;
            }
            let meta = &self.meta[frame as usize];
            if !meta.write_failed && !meta.writing {
                return Some(frame);
            }
            self.dirty.push_back(frame);
        }
        None
    }

    /// Whether some dirty frame could not be written when it was tried last.
    pub fn has_failed_writes(&self) -> bool {
        self.meta.iter().any(|meta| meta.write_failed)
    }

    /// The frames that hold pages of an array, with their states.
    pub fn frames_of(&self, array: u32) -> Vec<(u32, L2State)> {
        let of_array = |meta: &FrameMeta| meta.key.is_some_and(|key| key.array == array);
        (0..self.frame_count())
            .filter(|&frame| of_array(&self.meta[frame as usize]))
            .map(|frame| (frame, self.state(frame)))
            .collect()
    }

    /// Whether nobody uses the frame.
    pub fn is_unpinned(&self, frame: u32) -> bool {
        self.store.states[frame as usize].is_unpinned()
    }
}
