//! A buddy allocator over a range of bytes it never touches.
//!
//! Blocks are powers of two and aligned to their size, so alignment costs nothing and a free
//! block finds the one to merge with by flipping a bit. The price is rounding up: at most half of
//! a block is unused, which page- and frame-sized requests do not pay at all.
//!
//! It hands out offsets. What they are offsets into is [`crate::pool`]'s business.

use std::collections::{BTreeSet, HashMap};

use gpuio_core::{Error, ErrorCode, Result};

/// Which parts of `0..capacity` are taken. Not thread-safe by itself.
#[derive(Debug)]
pub struct BuddyAllocator {
    capacity_bytes: usize,
    /// The smallest block, a power of two: 2 to this is what order 0 means.
    block_shift: u32,
    /// Offsets of the free blocks, by order. The lowest offset is taken first, which keeps long
    /// runs free at the high end.
    free: Vec<BTreeSet<usize>>,
    /// The order of each block handed out, by offset.
    live: HashMap<usize, usize>,
    used_bytes: usize,
}

impl BuddyAllocator {
    /// An allocator of `capacity_bytes`, rounded down to whole blocks of `block_bytes`, all free.
    /// The capacity need not be a power of two.
    ///
    /// # Errors
    /// `InvalidArgument` when `block_bytes` is not a power of two or exceeds the capacity.
    pub fn new(capacity_bytes: usize, block_bytes: usize) -> Result<Self> {
        if !block_bytes.is_power_of_two() || capacity_bytes < block_bytes {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                "create an allocator",
                format!(
                    "a block of {block_bytes} bytes is not a power of two up to the capacity of \
                     {capacity_bytes} bytes"
                ),
            ));
        }
        let block_shift = block_bytes.trailing_zeros();
        let block_count = capacity_bytes >> block_shift;
        let mut allocator = Self {
            capacity_bytes: block_count << block_shift,
            block_shift,
            free: vec![BTreeSet::new(); block_count.ilog2() as usize + 1],
            live: HashMap::new(),
            used_bytes: 0,
        };
        // The binary digits of the block count, largest first: every block then starts at a
        // multiple of its size.
        let mut offset = 0;
        for order in (0..allocator.free.len()).rev() {
            if (block_count >> order) & 1 == 1 {
                allocator.free[order].insert(offset);
                offset += allocator.order_bytes(order);
            }
        }
        Ok(allocator)
    }

    /// Takes a block for `length_bytes` at a multiple of `alignment_bytes` and returns its offset.
    ///
    /// # Errors
    /// `InvalidArgument` for zero bytes or an alignment that is no power of two; `NoMemory` when
    /// no free block is large enough.
    pub fn allocate(&mut self, length_bytes: usize, alignment_bytes: usize) -> Result<usize> {
        if length_bytes == 0 || !alignment_bytes.is_power_of_two() {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                "allocate from the pool",
                format!(
                    "{length_bytes} bytes aligned to {alignment_bytes}: the length must not be 0 \
                     and the alignment must be a power of two"
                ),
            ));
        }
        let wanted = self.order_of(length_bytes.max(alignment_bytes));
        let found = wanted.and_then(|wanted| {
            let order = (wanted..self.free.len()).find(|&order| !self.free[order].is_empty())?;
            Some((wanted, order, self.free[order].pop_first()?))
        });
        let Some((wanted, mut order, offset)) = found else {
            return Err(self.exhausted(length_bytes));
        };
        while order > wanted {
            order -= 1;
            let upper_half = offset + self.order_bytes(order);
            self.free[order].insert(upper_half);
        }
        self.live.insert(offset, wanted);
        self.used_bytes += self.order_bytes(wanted);
        Ok(offset)
    }

    /// Gives the block at `offset` back and returns its length in bytes.
    ///
    /// # Errors
    /// `NotFound` when no block that is handed out starts there.
    pub fn free(&mut self, offset: usize) -> Result<usize> {
        let Some(mut order) = self.live.remove(&offset) else {
            return Err(Error::new(
                ErrorCode::NotFound,
                "free to the pool",
                "no allocated block starts here; it was freed before or never allocated",
            )
            .with_offset(offset as u64));
        };
        let freed_bytes = self.order_bytes(order);
        self.used_bytes -= freed_bytes;
        let mut offset = offset;
        // The largest order has no buddy of its order inside the capacity, or it would have one
        // order more.
        while order + 1 < self.free.len() {
            let buddy = offset ^ self.order_bytes(order);
            if !self.free[order].remove(&buddy) {
                break;
            }
            offset = offset.min(buddy);
            order += 1;
        }
        self.free[order].insert(offset);
        Ok(freed_bytes)
    }

    /// All bytes, free or not.
    pub fn capacity_bytes(&self) -> usize {
        self.capacity_bytes
    }

    /// Bytes of the blocks handed out, rounding included.
    pub fn used_bytes(&self) -> usize {
        self.used_bytes
    }

    /// The longest request that can succeed now, in bytes.
    pub fn largest_free_bytes(&self) -> usize {
        let order = (0..self.free.len())
            .rev()
            .find(|&order| !self.free[order].is_empty());
        order.map_or(0, |order| self.order_bytes(order))
    }

    /// How many blocks are handed out.
    pub fn live_count(&self) -> usize {
        self.live.len()
    }

    fn order_bytes(&self, order: usize) -> usize {
        1 << (self.block_shift as usize + order)
    }

    /// The smallest order that holds `length_bytes`; `None` when no order does.
    fn order_of(&self, length_bytes: usize) -> Option<usize> {
        let shift = length_bytes.checked_next_power_of_two()?.trailing_zeros();
        let order = shift.saturating_sub(self.block_shift) as usize;
        (order < self.free.len()).then_some(order)
    }

    fn exhausted(&self, length_bytes: usize) -> Error {
        Error::new(
            ErrorCode::NoMemory,
            "allocate from the pool",
            format!(
                "no room for {length_bytes} bytes: {} of {} bytes are used and the longest free \
                 run is {} bytes; free some or make the pool larger",
                self.used_bytes,
                self.capacity_bytes,
                self.largest_free_bytes()
            ),
        )
    }
}
