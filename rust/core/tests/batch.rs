//! Batches: every byte reaches the part that asked for it, and failures stay with their bytes.

use gpuio_core::scheduling::batch::{BatchPart, BatchPlan, BatchResults};
use gpuio_core::scheduling::{DeviceId, EngineKind, RegionId};
use gpuio_core::{Error, ErrorCode};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Resources are this long, so that random parts meet.
const SOURCE_BYTES: u64 = 4096;

const ENGINES: [EngineKind; 3] = [EngineKind::Memio, EngineKind::Localio, EngineKind::Remoteio];

/// Source regions belong to one engine and device each; parts are packed into one destination.
fn parts() -> impl Strategy<Value = Vec<BatchPart>> {
    let part = (0u32..4, 0..SOURCE_BYTES, 1u64..600);
    prop::collection::vec(part, 1..60).prop_map(|parts| {
        let mut dst_offset = 0;
        let parts = parts.into_iter().map(|(src, src_offset, length)| {
            let part = BatchPart {
                engine: ENGINES[src as usize % 3],
                device: DeviceId(src % 2),
                src: RegionId(src),
                src_offset,
                length_bytes: length.min(SOURCE_BYTES - src_offset),
                dst: RegionId(99),
                dst_offset,
            };
            dst_offset += part.length_bytes;
            part
        });
        parts.collect()
    })
}

fn byte_at(src: RegionId, offset: u64) -> u8 {
    (offset.wrapping_mul(0x9e37_79b9) >> 7) as u8 ^ src.0 as u8
}

/// Carries the plan out; `is_lost` says which bytes cannot be read. Returns the destination.
fn carry_out(
    parts: &[BatchPart],
    plan: &BatchPlan,
    is_lost: &dyn Fn(RegionId, u64) -> bool,
) -> (Vec<u8>, Vec<gpuio_core::Result<()>>) {
    let total: u64 = parts.iter().map(|part| part.length_bytes).sum();
    let mut target = vec![0; total as usize];
    let mut results = BatchResults::new(parts.len());
    let error = Error::new(ErrorCode::Io, "read", "a planted error");
    for (index, operation) in plan.operations.iter().enumerate() {
        let index = index as u32;
        for at in 0..operation.length_bytes {
            if is_lost(operation.src, operation.src_offset + at) {
                results.lost(plan, index, at, 1, &error);
            } else {
                results.read(plan, index, at, 1);
            }
        }
        for scatter in plan.scatters_of(index) {
            for at in 0..scatter.length_bytes {
                let source = operation.src_offset + scatter.operation_offset + at;
                target[(scatter.dst_offset + at) as usize] = byte_at(operation.src, source);
            }
        }
    }
    let unread = Error::new(ErrorCode::General, "read", "forgotten");
    (target, results.into_results(parts, &unread))
}

proptest! {
    #[test]
    fn every_part_gets_its_bytes(parts in parts(), cap in 64u64..3000) {
        let plan = BatchPlan::new(&parts, cap).unwrap();
        let (target, results) = carry_out(&parts, &plan, &|_, _| false);
        for (part, result) in parts.iter().zip(results) {
            prop_assert_eq!(result, Ok(()));
            for at in 0..part.length_bytes {
                let found = target[(part.dst_offset + at) as usize];
                prop_assert_eq!(found, byte_at(part.src, part.src_offset + at));
            }
        }
    }

    #[test]
    fn a_part_fails_if_and_only_if_its_own_bytes_are_lost(
        parts in parts(), cap in 64u64..3000,
        lost in prop::collection::btree_set((0u32..4, 0..SOURCE_BYTES), 0..12),
    ) {
        let plan = BatchPlan::new(&parts, cap).unwrap();
        let is_lost = |src: RegionId, offset| lost.contains(&(src.0, offset));
        let (_, results) = carry_out(&parts, &plan, &is_lost);
        for (part, result) in parts.iter().zip(results) {
            let range = part.src_offset..part.src_offset + part.length_bytes;
            let own: BTreeSet<u64> = range.filter(|at| is_lost(part.src, *at)).collect();
            match result {
                Ok(()) => prop_assert!(own.is_empty()),
                Err(error) => {
                    prop_assert_eq!(error.code, ErrorCode::Io);
                    prop_assert!(own.contains(&error.offset.unwrap()));
                    prop_assert_eq!(error.bytes_done, part.length_bytes - own.len() as u64);
                }
            }
        }
    }

    #[test]
    fn operations_are_few_sorted_grouped_and_capped(parts in parts(), cap in 600u64..3000) {
        let plan = BatchPlan::new(&parts, cap).unwrap();
        let mut groups = BTreeSet::new();
        let mut next = 0;
        for group in &plan.groups {
            prop_assert!(groups.insert((group.engine, group.device)), "a group twice");
            prop_assert_eq!(group.operations.start, next);
            next = group.operations.end;
            let range = group.operations.start as usize..next as usize;
            for pair in plan.operations[range].windows(2) {
                let [a, b] = pair else { unreachable!() };
                prop_assert!((a.src, a.src_offset) <= (b.src, b.src_offset));
                // Two operations that could be one must be too long together.
                let touch = a.src == b.src && b.src_offset <= a.src_offset + a.length_bytes;
                let together = b.src_offset + b.length_bytes - a.src_offset.min(b.src_offset);
                let first = plan.scatters[b.scatters.start as usize];
                let with_first = b.src_offset + first.length_bytes - a.src_offset;
                prop_assert!(!touch || with_first > cap || together > cap);
            }
        }
        prop_assert_eq!(next as usize, plan.operations.len());
        prop_assert!(plan.operations.iter().all(|it| it.length_bytes <= cap));
    }
}

fn part(src_offset: u64, length_bytes: u64) -> BatchPart {
    BatchPart {
        engine: EngineKind::Localio,
        device: DeviceId(0),
        src: RegionId(1),
        src_offset,
        length_bytes,
        dst: RegionId(2),
        dst_offset: 0,
    }
}

#[test]
fn neighbours_and_duplicates_become_one_operation() {
    let parts = [
        part(200, 100),
        part(0, 100),
        part(100, 100),
        part(100, 100),
        part(150, 20),
    ];
    let plan = BatchPlan::new(&parts, 4096).unwrap();
    assert_eq!((plan.operations.len(), plan.read_bytes()), (1, 300));
    // A gap is not read.
    let plan = BatchPlan::new(&[part(0, 100), part(101, 100)], 4096).unwrap();
    assert_eq!((plan.operations.len(), plan.read_bytes()), (2, 200));
}

#[test]
fn nonsense_is_refused() {
    let refused = |parts: &[BatchPart]| BatchPlan::new(parts, 4096).unwrap_err().code;
    assert_eq!(refused(&[]), ErrorCode::InvalidArgument);
    assert_eq!(refused(&[part(0, 0)]), ErrorCode::InvalidArgument);
    assert_eq!(refused(&[part(u64::MAX, 2)]), ErrorCode::InvalidArgument);
    assert_eq!(refused(&[part(0, 1 << 60)]), ErrorCode::InvalidArgument);
    assert_eq!(
        refused(&vec![part(0, 1); (1 << 16) + 1]),
        ErrorCode::InvalidArgument
    );
}

#[test]
fn parts_of_a_batch_that_was_not_carried_out_get_the_given_error() {
    let parts = [part(0, 10), part(20, 10)];
    let plan = BatchPlan::new(&parts, 4096).unwrap();
    let mut results = BatchResults::new(2);
    results.read(&plan, 0, 0, 10);
    results.read(&plan, 1, 0, 4);
    let unread = Error::new(ErrorCode::Canceled, "read", "withdrawn");
    let results = results.into_results(&parts, &unread);
    assert_eq!(results[0], Ok(()));
    let error = results[1].clone().unwrap_err();
    assert_eq!((error.code, error.bytes_done), (ErrorCode::Canceled, 4));
}
