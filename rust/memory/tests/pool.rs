//! The allocator against a model of it, and the pool on the host device.

use std::collections::BTreeMap;
use std::thread;

use gpuio_core::ErrorCode;
use gpuio_memory::allocator::BuddyAllocator;
use gpuio_memory::host::HostDevice;
use gpuio_memory::mapping::PAGE_BYTES;
use gpuio_memory::pool::MemoryPool;
use gpuio_memory::region::MemoryFlags;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Allocate {
        length: usize,
        alignment_shift: u32,
    },
    /// Frees the live block of this rank, counted round.
    Free(usize),
    /// Frees where nothing starts.
    FreeUnknown(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1_usize..5000, 0_u32..14)
            .prop_map(|(length, alignment_shift)| Step::Allocate { length, alignment_shift }),
        3 => any::<usize>().prop_map(Step::Free),
        1 => any::<usize>().prop_map(Step::FreeUnknown),
    ];
    prop::collection::vec(step, 1..200)
}

/// What an allocation of the model takes: the allocator may not take more or less.
fn block_bytes(length: usize, alignment: usize, smallest: usize) -> usize {
    length.max(alignment).max(smallest).next_power_of_two()
}

proptest! {
    #[test]
    fn blocks_never_overlap_and_all_come_back(
        capacity in 64_usize..100_000,
        smallest_shift in 0_u32..7,
        steps in steps(),
    ) {
        let smallest = 1 << smallest_shift;
        let mut allocator = BuddyAllocator::new(capacity, smallest).expect("valid");
        let empty_largest = allocator.largest_free_bytes();
        prop_assert!(empty_largest > allocator.capacity_bytes() / 2);
        let mut live = BTreeMap::<usize, usize>::new();
        for step in steps {
            match step {
                Step::Allocate { length, alignment_shift } => {
                    let alignment = 1 << alignment_shift;
                    let block = block_bytes(length, alignment, smallest);
                    let largest = allocator.largest_free_bytes();
                    match allocator.allocate(length, alignment) {
                        Ok(offset) => {
                            prop_assert_eq!(offset % alignment, 0);
                            prop_assert!(offset + block <= allocator.capacity_bytes());
                            let before = live.range(..=offset).next_back();
                            prop_assert!(before.is_none_or(|(at, size)| at + size <= offset));
                            let behind = live.range(offset..).next();
                            prop_assert!(behind.is_none_or(|(&at, _)| offset + block <= at));
                            live.insert(offset, block);
                        }
                        Err(error) => {
                            prop_assert_eq!(error.code, ErrorCode::NoMemory);
                            prop_assert!(block > largest, "refused {} of {}", block, largest);
                            prop_assert!(error.message.contains(&length.to_string()));
                        }
                    }
                }
                Step::Free(rank) if !live.is_empty() => {
                    let offset = *live.keys().nth(rank % live.len()).expect("in range");
                    prop_assert_eq!(allocator.free(offset).ok(), live.remove(&offset));
                }
                Step::Free(offset) | Step::FreeUnknown(offset) => {
                    if !live.contains_key(&offset) {
                        let error = allocator.free(offset).expect_err("unknown");
                        prop_assert_eq!(error.code, ErrorCode::NotFound);
                    }
                }
            }
            prop_assert_eq!(allocator.used_bytes(), live.values().sum::<usize>());
            prop_assert_eq!(allocator.live_count(), live.len());
        }
        for offset in live.into_keys() {
            allocator.free(offset).expect("live");
        }
        prop_assert_eq!(allocator.used_bytes(), 0);
        // Everything has merged again.
        prop_assert_eq!(allocator.largest_free_bytes(), empty_largest);
    }
}

#[test]
fn the_whole_capacity_can_be_handed_out() {
    // 7 blocks: runs of 4, 2 and 1.
    let mut allocator = BuddyAllocator::new(7 * 64, 64).expect("valid");
    let mut offsets: Vec<_> = (0..7)
        .map(|_| allocator.allocate(64, 1).expect("room"))
        .collect();
    offsets.sort_unstable();
    assert_eq!(offsets, (0..7).map(|index| index * 64).collect::<Vec<_>>());
    let error = allocator.allocate(1, 1).expect_err("full");
    assert_eq!(error.code, ErrorCode::NoMemory);
    assert!(
        error.message.contains("448 of 448 bytes are used"),
        "{error}"
    );
}

#[test]
fn bad_arguments_are_refused() {
    for (capacity, block) in [(0, 64), (63, 64), (100, 3), (100, 0)] {
        let error = BuddyAllocator::new(capacity, block).expect_err("invalid");
        assert_eq!(error.code, ErrorCode::InvalidArgument);
    }
    let mut allocator = BuddyAllocator::new(4096, 64).expect("valid");
    for (length, alignment) in [(0, 1), (1, 0), (1, 3)] {
        let error = allocator.allocate(length, alignment).expect_err("invalid");
        assert_eq!(error.code, ErrorCode::InvalidArgument);
    }
    for length in [4097, usize::MAX] {
        assert_eq!(
            allocator.allocate(length, 1).expect_err("too long").code,
            ErrorCode::NoMemory
        );
    }
}

#[test]
fn regions_carry_both_addresses_and_go_back_on_drop() {
    let pool = MemoryPool::shared(&HostDevice::new(), 1 << 20, 4096).expect("pool");
    let whole = pool.region();
    let first = pool.allocate(5000, PAGE_BYTES).expect("room");
    let second = pool.allocate(100, 64).expect("room");
    assert_eq!(first.length, 5000);
    assert_eq!(first.base_addr % PAGE_BYTES, 0);
    for region in [&first, &second] {
        assert_eq!(region.base_addr, whole.base_addr + region.offset_bytes());
        assert_eq!(
            region.gpu_addr,
            whole.gpu_addr + region.offset_bytes() as u64
        );
        assert!(region
            .flags
            .contains(MemoryFlags::HOST | MemoryFlags::PINNED));
        assert!(!region.flags.contains(MemoryFlags::DEVICE));
    }
    assert_ne!(first.handle, second.handle);
    let usage = pool.usage();
    assert_eq!((usage.used_bytes, usage.region_count), (8192 + 4096, 2));
    drop((first, second));
    let usage = pool.usage();
    assert_eq!(
        (usage.used_bytes, usage.largest_free_bytes),
        (0, usage.capacity_bytes)
    );
}

#[test]
fn a_region_keeps_the_memory_of_a_dropped_pool() {
    let pool = MemoryPool::shared(&HostDevice::new(), 1 << 16, 4096).expect("pool");
    let region = pool.allocate(4096, 4096).expect("room");
    drop(pool);
    let byte: *mut u8 = std::ptr::with_exposed_provenance_mut(region.base_addr);
    // SAFETY: the region is alive, host-addressable and this test's alone.
    unsafe {
        byte.write(9);
        assert_eq!(byte.read(), 9);
    }
}

#[test]
fn device_pools_have_no_host_address_and_refuse_what_they_cannot_align() {
    let pool = MemoryPool::near(&HostDevice::new(), 1 << 16, 256).expect("pool");
    let region = pool.allocate(300, 256).expect("room");
    assert_eq!(region.base_addr, 0);
    assert!(region.flags.contains(MemoryFlags::DEVICE) && !region.registered);
    let error = pool
        .allocate(1, 2 * PAGE_BYTES)
        .err()
        .expect("more than a page");
    assert_eq!(error.code, ErrorCode::InvalidArgument);
}

#[test]
fn threads_never_share_a_piece() {
    let pool = MemoryPool::shared(&HostDevice::new(), 1 << 18, 64).expect("pool");
    thread::scope(|scope| {
        for seed in 0..4_u8 {
            let pool = pool.clone();
            scope.spawn(move || {
                for turn in 0..500_usize {
                    let length = 64 + (turn * 37) % 3000;
                    let Ok(region) = pool.allocate(length, 64) else {
                        continue;
                    };
                    let base: *mut u8 = std::ptr::with_exposed_provenance_mut(region.base_addr);
                    // SAFETY: the pool says that the region is this thread's alone, which is
                    // what is tested.
                    unsafe {
                        base.write_bytes(seed, length);
                        let bytes = std::slice::from_raw_parts(base, length);
                        assert!(bytes.iter().all(|&byte| byte == seed));
                    }
                }
            });
        }
    });
    assert_eq!(pool.usage().used_bytes, 0);
}
