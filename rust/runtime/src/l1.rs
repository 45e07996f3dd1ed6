//! L1: the tables and frames near the device, and what the host may do to them.
//!
//! While kernels run, only they touch these tables. Everything here that reads or changes them is
//! called when no kernel of the context runs: the caller has synchronized.

use gpuio_core::page_entry::{PageEntry, PageState, MAX_L1_FRAMES};
use gpuio_core::{Error, ErrorCode, Result};
use gpuio_memory::device::{Device, DeviceMemory};
use gpuio_memory::layout::{
    owner_page, unpack_slot, ArrayDescriptor, Cache, FrameFill, StatisticsShard, StickyError,
    FRAME_FREE, MAX_ARRAYS, STATISTICS_SHARDS,
};
use gpuio_memory::ring::Fault;
use std::ops::Range;
use std::sync::Arc;

/// From one counter to the next, in bytes: they are hot, so each has a cache line of its own.
const COUNTER_STRIDE: u64 = 128;

/// What L1 is made of.
#[derive(Clone, Copy, Debug)]
pub struct L1Shape {
    /// Frames.
    pub frame_count: u32,
    /// Bytes of a page.
    pub page_bytes: u64,
    /// Faults in flight.
    pub slot_count: u32,
    /// Longest wait of an access.
    pub io_timeout_us: u64,
    /// Pages that all cursors together may have brought ahead; 0 for none.
    pub ahead_pages: u32,
}

/// See the module's comment.
pub struct L1 {
    device: Arc<dyn Device>,
    shape: L1Shape,
    frames: Box<dyn DeviceMemory>,
    owners: Box<dyn DeviceMemory>,
    fills: Box<dyn DeviceMemory>,
    bitmap: Box<dyn DeviceMemory>,
    generations: Box<dyn DeviceMemory>,
    counters: Box<dyn DeviceMemory>,
    error: Box<dyn DeviceMemory>,
    statistics: Box<dyn DeviceMemory>,
    descriptors: Box<dyn DeviceMemory>,
    cache: Box<dyn DeviceMemory>,
}

impl L1 {
    /// Allocates L1. `shared` are the device addresses of ring, completions and control block, `l2`
    /// those of L2's frames and of their marks.
    pub fn new(
        device: Arc<dyn Device>,
        shape: L1Shape,
        shared: [u64; 3],
        l2: [u64; 2],
    ) -> Result<Self> {
        if u64::from(shape.frame_count) > MAX_L1_FRAMES {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                "make L1 cache",
                format!("{} frames are more than {MAX_L1_FRAMES}", shape.frame_count),
            ));
        }
        let frame_count = shape.frame_count as usize;
        let slots = shape.slot_count as usize;
        let l1 = Self {
            frames: device.allocate(frame_count * shape.page_bytes as usize)?,
            owners: device.allocate(frame_count * 8)?,
            fills: device.allocate(frame_count * size_of::<FrameFill>())?,
            bitmap: device.allocate(slots / 8)?,
            generations: device.allocate(slots * 8)?,
            counters: device.allocate(4 * COUNTER_STRIDE as usize)?,
            error: device.allocate(size_of::<StickyError>())?,
            statistics: device.allocate(STATISTICS_SHARDS * size_of::<StatisticsShard>())?,
            descriptors: device.allocate(MAX_ARRAYS as usize * size_of::<ArrayDescriptor>())?,
            cache: device.allocate(size_of::<Cache>())?,
            device,
            shape,
        };
        l1.write(l1.cache.device_address(), &l1.describe(shared, l2))?;
        Ok(l1)
    }

    fn describe(
        &self,
        [ring, completions, control]: [u64; 3],
        [l2_frames, l2_marks]: [u64; 2],
    ) -> Cache {
        Cache {
            frames: self.frames.device_address(),
            frame_owners: self.owners.device_address(),
            fills: self.fills.device_address(),
            clock_hand: self.counters.device_address(),
            slot_bitmap: self.bitmap.device_address(),
            slot_generation: self.generations.device_address(),
            ring_tail: self.counters.device_address() + COUNTER_STRIDE,
            queue_tail: self.counters.device_address() + 2 * COUNTER_STRIDE,
            queue_served: self.counters.device_address() + 3 * COUNTER_STRIDE,
            ring,
            completions,
            control,
            error: self.error.device_address(),
            statistics: self.statistics.device_address(),
            arrays: self.descriptors.device_address(),
            l2_frames,
            l2_marks,
            io_timeout_us: self.shape.io_timeout_us,
            frame_count: self.shape.frame_count,
            slot_count: self.shape.slot_count,
            page_shift: self.shape.page_bytes.trailing_zeros(),
            ahead_pages: self.shape.ahead_pages,
            // Half of the frames can hold pages that are used while the other half is filled, and
            // half of the slots are left for prefetches.
            queue_limit: (self.shape.frame_count.min(self.shape.slot_count) / 2).max(1),
            reserved: 0,
        }
    }

    /// Device address of the `Cache` structure.
    pub fn cache_address(&self) -> u64 {
        self.cache.device_address()
    }

    /// Device address of the frames.
    pub fn frames_address(&self) -> u64 {
        self.frames.device_address()
    }

    /// Device address of one frame.
    pub fn frame_address(&self, frame: u32) -> Option<u64> {
        (frame < self.shape.frame_count)
            .then(|| self.frames.device_address() + u64::from(frame) * self.shape.page_bytes)
    }

    /// Where an engine can address a frame, on devices whose memory engines reach.
    pub fn frame_host_address(&self, frame: u32) -> Option<usize> {
        let address = self.frame_address(frame)?;
        self.device.host_address(address)
    }

    /// Enters an array, or with a default descriptor removes it.
    pub fn set_descriptor(&self, array: u32, descriptor: ArrayDescriptor) -> Result<()> {
        let size = size_of::<ArrayDescriptor>() as u64;
        self.write(
            self.descriptors.device_address() + u64::from(array) * size,
            &descriptor,
        )
    }

    /// Takes the sticky error and clears it. `state` is 0 if there was none.
    pub fn take_error(&self) -> Result<StickyError> {
        let error: StickyError = self.read(self.error.device_address())?;
        if error.state != 0 || error.count != 0 || error.stalled != 0 {
            self.write(self.error.device_address(), &StickyError::default())?;
        }
        Ok(error)
    }

    /// The sum of all shards.
    pub fn statistics(&self) -> Result<StatisticsShard> {
        let shards: Vec<StatisticsShard> =
            self.read_many(self.statistics.device_address(), STATISTICS_SHARDS)?;
        Ok(shards
            .iter()
            .fold(StatisticsShard::default(), |sum, shard| StatisticsShard {
                misses: sum.misses + shard.misses,
                joined: sum.joined + shard.joined,
                evictions: sum.evictions + shard.evictions,
                write_backs: sum.write_backs + shard.write_backs,
                prefetches: sum.prefetches + shard.prefetches,
                filled_bytes: sum.filled_bytes + shard.filled_bytes,
                hits: sum.hits + shard.hits,
                direct_hits: sum.direct_hits + shard.direct_hits,
            }))
    }

    /// The frames that hold DIRTY pages of an array: (frame, page).
    pub fn dirty_frames(&self, array: u32, table: u64) -> Result<Vec<(u32, u64)>> {
        let mut dirty = Vec::new();
        for (frame, page) in self.frames_of(array)? {
            let entry = PageEntry(self.read::<u64>(table + page * 8)?);
            if entry.frame() == frame && entry.state() == Some(PageState::Dirty) {
                dirty.push((frame, page));
            }
        }
        Ok(dirty)
    }

    /// A DIRTY page's bytes have been taken: it is VALID.
    pub fn set_clean(&self, table: u64, page: u64) -> Result<()> {
        let entry = PageEntry(self.read::<u64>(table + page * 8)?);
        self.write(table + page * 8, &entry.with_state(PageState::Valid).0)
    }

    /// Drops the pages of a range, whatever they hold: their next access asks the host again. Pages
    /// that were brought for nobody, or for accesses that gave up, are BUSY: they go, too, and the
    /// slots with their answers are free. Returns those slots, with their generations. The service
    /// has no fault for the range in hand.
    pub fn forget_pages(
        &self,
        array: u32,
        table: u64,
        pages: Range<u64>,
    ) -> Result<Vec<(u32, u32)>> {
        let mut slots = Vec::new();
        for (frame, page) in self.frames_of(array)? {
            if !pages.contains(&page) {
                continue;
            }
            let entry = PageEntry(self.read::<u64>(table + page * 8)?);
            if entry.frame() == frame && (entry.is_resident() || entry.is_busy()) {
                if entry.is_busy() {
                    slots.push(self.free_slot_of(frame)?);
                }
                self.write(table + page * 8, &entry.evicted().0)?;
                self.write(
                    self.owners.device_address() + u64::from(frame) * 8,
                    &FRAME_FREE,
                )?;
            }
        }
        Ok(slots)
    }

    fn fill_address(&self, frame: u32) -> u64 {
        self.fills.device_address() + u64::from(frame) * size_of::<FrameFill>() as u64
    }

    /// Frees the slot that filled a frame. Returns it with its generation.
    fn free_slot_of(&self, frame: u32) -> Result<(u32, u32)> {
        let FrameFill { slot: packed, .. } = self.read(self.fill_address(frame))?;
        let (slot, generation) = unpack_slot(packed);
        if slot < self.shape.slot_count {
            let word = self.bitmap.device_address() + u64::from(slot / 64) * 8;
            let used: u64 = self.read(word)?;
            self.write(word, &(used & !(1 << (slot % 64))))?;
        }
        Ok((slot, generation))
    }

    /// Puts the tables in order after accesses gave up, or before an array goes: no page is BUSY
    /// or FLUSHING or pinned, no frame claimed, no slot in use. The service has no fault in hand
    /// but `fills`, whose frames belong to an engine: those pages stay BUSY, without an owner.
    /// Whoever needs one takes it over and finds the answer in its slot.
    ///
    /// `table_of` gives the page table of an array, if the array still exists.
    pub fn repair(&self, fills: &[Fault], table_of: &dyn Fn(u32) -> Option<u64>) -> Result<()> {
        let owners: Vec<u64> = self.read_many(
            self.owners.device_address(),
            self.shape.frame_count as usize,
        )?;
        for (frame, owner) in (0u32..).zip(owners) {
            let stays = owner == FRAME_FREE || fills.iter().any(|fill| fill.frame == frame);
            if !stays && !self.repair_frame(frame, owner, table_of)? {
                self.write(
                    self.owners.device_address() + u64::from(frame) * 8,
                    &FRAME_FREE,
                )?;
            }
        }
        let mut in_use = vec![0u64; self.shape.slot_count as usize / 64];
        for fill in fills {
            if let Some(word) = in_use.get_mut(fill.slot as usize / 64) {
                *word |= 1 << (fill.slot % 64);
            }
        }
        self.write_many(self.bitmap.device_address(), &in_use)
    }

    /// Returns whether the frame still holds its page.
    fn repair_frame(
        &self,
        frame: u32,
        owner: u64,
        table_of: &dyn Fn(u32) -> Option<u64>,
    ) -> Result<bool> {
        let Some((array, page)) = owner_page(owner) else {
            return Ok(false);
        };
        let Some(table) = table_of(array) else {
            return Ok(false);
        };
        let entry = PageEntry(self.read::<u64>(table + page * 8)?);
        if entry.frame() != frame {
            return Ok(false);
        }
        let repaired = match entry.state() {
            Some(PageState::Busy | PageState::Owned) => entry.evicted(),
            // The write-back that gave up left its pin, too.
            Some(PageState::Flushing | PageState::Redirtied) => {
                entry.with_state(PageState::Dirty).without_pins()
            }
            Some(PageState::Valid | PageState::Dirty) => entry.without_pins(),
            Some(PageState::Invalid) | None => return Ok(false),
        };
        if repaired != entry {
            self.write(table + page * 8, &repaired.0)?;
        }
        Ok(repaired.is_resident())
    }

    fn frames_of(&self, array: u32) -> Result<Vec<(u32, u64)>> {
        let owners: Vec<u64> = self.read_many(
            self.owners.device_address(),
            self.shape.frame_count as usize,
        )?;
        let of_array = |(frame, owner): (u32, u64)| {
            owner_page(owner)
                .filter(|(id, _)| *id == array)
                .map(|(_, page)| (frame, page))
        };
        Ok((0u32..).zip(owners).filter_map(of_array).collect())
    }

    fn read<T: Copy + Default>(&self, address: u64) -> Result<T> {
        let mut value = T::default();
        let host = (&raw mut value) as usize;
        // SAFETY: the callers pass addresses of T within L1's own allocations or a page table.
        unsafe { self.device.copy_to_host(host, address, size_of::<T>())? };
        Ok(value)
    }

    fn read_many<T: Copy + Default>(&self, address: u64, count: usize) -> Result<Vec<T>> {
        let mut values = vec![T::default(); count];
        let host = values.as_mut_ptr() as usize;
        // SAFETY: the callers pass the address and count of an allocation of L1.
        unsafe {
            self.device
                .copy_to_host(host, address, size_of::<T>() * count)?
        };
        Ok(values)
    }

    fn write<T: Copy>(&self, address: u64, value: &T) -> Result<()> {
        let host = (&raw const *value) as usize;
        // SAFETY: as in `read`.
        unsafe { self.device.copy_to_device(address, host, size_of::<T>()) }
    }

    fn write_many<T: Copy>(&self, address: u64, values: &[T]) -> Result<()> {
        // SAFETY: as in `read_many`.
        unsafe {
            self.device
                .copy_to_device(address, values.as_ptr() as usize, size_of_val(values))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gpuio_memory::host::HostDevice;
    use gpuio_memory::layout::owner_word;

    const SLOT: u64 = 70;
    const GENERATION: u64 = 9;

    /// An L1 with a table of one array, whose page 3 is BUSY in frame 5 by way of `SLOT`.
    fn with_busy_page() -> (L1, Box<dyn DeviceMemory>) {
        let device: Arc<dyn Device> = Arc::new(HostDevice::new());
        let shape = L1Shape {
            frame_count: 32,
            page_bytes: 4096,
            slot_count: 128,
            io_timeout_us: 1000,
            ahead_pages: 0,
        };
        let table = device.allocate(8 * 8).unwrap();
        let l1 = L1::new(device, shape, [0; 3], [0; 2]).unwrap();
        let busy = PageEntry::valid(5, 1).with_state(PageState::Busy);
        l1.write(table.device_address() + 3 * 8, &busy.0).unwrap();
        l1.write(l1.owners.device_address() + 5 * 8, &owner_word(0, 3))
            .unwrap();
        let packed = 1u64 << 63 | SLOT << 16 | GENERATION;
        l1.write(l1.fill_address(5), &packed).unwrap();
        l1.write_many(l1.bitmap.device_address(), &[1u64, 1 << (SLOT - 64) | 1])
            .unwrap();
        (l1, table)
    }

    fn state(l1: &L1, table: &dyn DeviceMemory) -> (Option<PageState>, bool, Vec<u64>) {
        let entry = PageEntry(l1.read(table.device_address() + 3 * 8).unwrap());
        let owner: u64 = l1.read(l1.owners.device_address() + 5 * 8).unwrap();
        let slots = l1.read_many(l1.bitmap.device_address(), 2).unwrap();
        (entry.state(), owner == FRAME_FREE, slots)
    }

    #[test]
    fn forgetting_a_busy_page_frees_its_frame_and_slot() {
        let (l1, table) = with_busy_page();
        let address = table.device_address();
        assert_eq!(l1.forget_pages(0, address, 0..3).unwrap(), []);
        assert_eq!(l1.forget_pages(1, address, 0..8).unwrap(), []);
        let freed = l1.forget_pages(0, address, 3..4).unwrap();
        assert_eq!(freed, [(SLOT as u32, GENERATION as u32)]);
        let after = (Some(PageState::Invalid), true, vec![1, 1]);
        assert_eq!(state(&l1, &*table), after);
    }

    #[test]
    fn repair_leaves_what_an_engine_fills() {
        let (l1, table) = with_busy_page();
        let address = table.device_address();
        let fill = Fault {
            operation: 2,
            array: 0,
            page: 3,
            slot: SLOT as u32,
            generation: GENERATION as u32,
            frame: 5,
        };
        l1.repair(&[fill], &|_| Some(address)).unwrap();
        let kept = (Some(PageState::Busy), false, vec![0, 1 << (SLOT - 64)]);
        assert_eq!(state(&l1, &*table), kept);
        l1.repair(&[], &|_| Some(address)).unwrap();
        let gone = (Some(PageState::Invalid), true, vec![0, 0]);
        assert_eq!(state(&l1, &*table), gone);
    }
}
