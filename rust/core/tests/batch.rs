//! Batches: what they leave is what their parts would one after the other, and failures stay with
//! their bytes.

use gpuio_core::scheduling::batch::{BatchPart, BatchPlace, BatchPlan, BatchResults, Space};
use gpuio_core::scheduling::{DeviceId, EngineKind, RegionId, RequestKind};
use gpuio_core::{Error, ErrorCode, Result};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::ops::Range;

/// Resources are this long, so that random parts meet.
const SOURCE_BYTES: u64 = 4096;
const SOURCES: u32 = 4;
const MEMORY_BYTES: u64 = 64 << 10;
const ENGINES: [EngineKind; 3] = [EngineKind::Memio, EngineKind::Localio, EngineKind::Remoteio];

fn part(kind: RequestKind, resource: u32, offset: u64, length: u64, memory: u64) -> BatchPart {
    let way = (ENGINES[resource as usize % 3], DeviceId(resource % 2));
    let there = (RegionId(resource), offset);
    BatchPart::with_memory(kind, way, there, memory, length)
}

fn copy(src: (Space, u64), dst: (Space, u64), length_bytes: u64) -> BatchPart {
    let place = |(space, first)| BatchPlace { space, first };
    BatchPart {
        kind: RequestKind::Copy,
        engine: EngineKind::Memio,
        device: DeviceId(3),
        src: place(src),
        dst: place(dst),
        length_bytes,
    }
}

/// Reads and writes, with copies among them between any two spaces but not within one.
fn mixed() -> impl Strategy<Value = Vec<BatchPart>> {
    let spaces = [Space::Resource(RegionId(1)), Space::Array(1), Space::Memory];
    let copies = (
        0usize..3,
        1usize..3,
        0..SOURCE_BYTES,
        0..SOURCE_BYTES,
        1u64..2000,
    );
    let copies = copies.prop_map(move |(from, further, src, dst, length)| {
        let length = length.min(SOURCE_BYTES - src).min(SOURCE_BYTES - dst);
        copy(
            (spaces[from], src),
            (spaces[(from + further) % 3], dst),
            length,
        )
    });
    let copies = prop::collection::vec(copies, 1..30);
    (parts(true, true), copies, any::<u64>()).prop_map(|(mut parts, copies, seed)| {
        for (k, copy) in (0..).zip(copies) {
            let place = (seed ^ k).wrapping_mul(0x9e37_79b9) as usize % (parts.len() + 1);
            parts.insert(place, copy);
        }
        parts
    })
}

/// Resources belong to one engine and device each. Each part has memory of its own, unless
/// `shares` says so.
fn parts(writes: bool, shares: bool) -> impl Strategy<Value = Vec<BatchPart>> {
    let part = (
        0..SOURCES,
        0..SOURCE_BYTES,
        1u64..600,
        0..MEMORY_BYTES,
        0u32..3,
    );
    prop::collection::vec(part, 1..60).prop_map(move |parts| {
        let mut own = 0;
        let parts = parts
            .into_iter()
            .map(|(resource, offset, length, any, die)| {
                let length = length.min(SOURCE_BYTES - offset);
                let memory = match shares && die == 1 {
                    true => any.min(MEMORY_BYTES - length),
                    false => own,
                };
                own += length;
                let kind = match writes && die == 0 {
                    true => RequestKind::Write,
                    false => RequestKind::Read,
                };
                self::part(kind, resource, offset, length, memory)
            });
        parts.collect()
    })
}

/// What is in each space.
#[derive(Clone, PartialEq)]
struct Bytes {
    resources: Vec<Vec<u8>>,
    array: Vec<u8>,
    memory: Vec<u8>,
}

fn range(first: u64, length: u64) -> Range<usize> {
    first as usize..(first + length) as usize
}

impl Bytes {
    fn new() -> Self {
        let byte = |seed: u64, at: u64| (at.wrapping_mul(0x9e37_79b9) >> 7) as u8 ^ seed as u8;
        let bytes = |seed: u64, count: u64| (0..count).map(|at| byte(seed, at)).collect();
        Self {
            resources: (0..u64::from(SOURCES))
                .map(|it| bytes(it, SOURCE_BYTES))
                .collect(),
            array: bytes(55, SOURCE_BYTES),
            memory: bytes(77, MEMORY_BYTES),
        }
    }

    fn at(&mut self, place: BatchPlace, length: u64) -> &mut [u8] {
        let space = match place.space {
            Space::Memory => &mut self.memory,
            Space::Resource(resource) => &mut self.resources[resource.0 as usize],
            Space::Array(_) | Space::Device => &mut self.array,
        };
        &mut space[range(place.first, length)]
    }

    fn transfer(&mut self, it: &BatchPart) {
        let moved = self.at(it.src, it.length_bytes).to_vec();
        self.at(it.dst, it.length_bytes).copy_from_slice(&moved);
    }

    /// What the parts leave, one after the other.
    fn after(mut self, parts: &[BatchPart]) -> Self {
        parts.iter().for_each(|it| self.transfer(it));
        self
    }

    fn operation(&mut self, parts: &[BatchPart], plan: &BatchPlan, index: u32) {
        let operation = &plan.operations[index as usize];
        if operation.kind == RequestKind::Copy {
            let part = &parts[plan.part_of(index).unwrap() as usize];
            assert_eq!(part.length_bytes, operation.length_bytes);
            return self.transfer(part);
        }
        for it in plan.scatters_of(index) {
            let there = (operation.resource, operation.offset + it.operation_offset);
            let way = (EngineKind::Memio, DeviceId(0));
            let kind = operation.kind;
            let run = BatchPart::with_memory(kind, way, there, it.memory, it.length_bytes);
            self.transfer(&run);
        }
    }
}

/// Carries the plan out, each group in an order that `seed` decides. With `as_one`, the whole plan
/// as if it were one group: a bug.
fn carry_out(parts: &[BatchPart], plan: &BatchPlan, seed: u64, as_one: bool) -> Bytes {
    let mut bytes = Bytes::new();
    let all = 0..plan.operations.len() as u32;
    let groups = match as_one {
        true => vec![all],
        false => plan.groups.iter().map(|it| it.operations.clone()).collect(),
    };
    for group in groups {
        let mut operations: Vec<u32> = group.collect();
        operations.sort_by_key(|it| (u64::from(*it) ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        operations
            .iter()
            .for_each(|it| bytes.operation(parts, plan, *it));
    }
    bytes
}

/// What becomes of the parts if some bytes cannot be moved.
fn results(
    parts: &[BatchPart],
    plan: &BatchPlan,
    is_lost: impl Fn(RegionId, u64) -> bool,
) -> Vec<Result<()>> {
    let mut results = BatchResults::new(parts.len());
    let error = Error::new(ErrorCode::Io, "read", "a planted error");
    for (index, operation) in plan.operations.iter().enumerate() {
        for at in 0..operation.length_bytes {
            match is_lost(operation.resource, operation.offset + at) {
                true => results.lost(plan, index as u32, at, 1, &error),
                false => results.moved(plan, index as u32, at, 1),
            }
        }
    }
    let rest = Error::new(ErrorCode::General, "read", "forgotten");
    results.into_results(parts, &rest)
}

proptest! {
    #[test]
    fn it_leaves_what_the_list_says(
        parts in prop_oneof![
            parts(false, false), parts(true, false), parts(true, true), mixed(),
        ],
        cap in 64u64..3000, seed: u64,
    ) {
        let plan = BatchPlan::new(&parts, cap).unwrap();
        prop_assert!(carry_out(&parts, &plan, seed, false) == Bytes::new().after(&parts));
        let done = results(&parts, &plan, |_, _| false);
        prop_assert_eq!(done, vec![Ok(()); parts.len()]);
    }

    #[test]
    fn a_part_fails_if_and_only_if_its_own_bytes_are_lost(
        parts in prop_oneof![parts(false, false), parts(true, true), mixed()],
        cap in 64u64..3000,
        lost in prop::collection::btree_set((0..SOURCES, 0..SOURCE_BYTES), 0..12),
    ) {
        let plan = BatchPlan::new(&parts, cap).unwrap();
        let is_lost = |resource: RegionId, offset| lost.contains(&(resource.0, offset));
        for (part, result) in parts.iter().zip(results(&parts, &plan, is_lost)) {
            let range = part.offset()..part.offset() + part.length_bytes;
            let own: BTreeSet<u64> = range.filter(|at| is_lost(part.resource(), *at)).collect();
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
    fn operations_are_few_sorted_grouped_and_capped(
        parts in prop_oneof![parts(false, false), parts(true, false)], cap in 600u64..3000,
    ) {
        let plan = BatchPlan::new(&parts, cap).unwrap();
        let mut next = 0;
        for group in &plan.groups {
            prop_assert_eq!(group.operations.start, next);
            next = group.operations.end;
            let range = group.operations.start as usize..next as usize;
            for pair in plan.operations[range].windows(2) {
                let [a, b] = pair else { unreachable!() };
                let is_write = |it: RequestKind| it == RequestKind::Write;
                let [place_a, place_b] = [a, b].map(|it| (it.resource, is_write(it.kind)));
                prop_assert!((place_a, a.offset) <= (place_b, b.offset));
                // Two operations that could be one must be too long together.
                let touch = place_a == place_b && b.offset <= a.offset + a.length_bytes;
                let first = plan.scatters[b.scatters.start as usize];
                let with_first = b.offset + first.length_bytes - a.offset.min(b.offset);
                prop_assert!(!touch || with_first > cap);
            }
        }
        prop_assert_eq!(next as usize, plan.operations.len());
        prop_assert!(plan.operations.iter().all(|it| it.length_bytes <= cap));
        if parts.iter().all(|it| it.kind == RequestKind::Read) {
            let mut places = BTreeSet::new();
            let is_new = plan.groups.iter().all(|it| places.insert((it.engine, it.device)));
            prop_assert!(is_new, "reads into memory of their own need one stage");
        }
    }

    #[test]
    fn runs_end_where_parts_begin_and_end(parts in parts(false, false), from in 0u64..500) {
        let plan = BatchPlan::new(&parts, 3000).unwrap();
        for (index, operation) in (0..).zip(&plan.operations) {
            let from = from.min(operation.length_bytes - 1);
            let runs = plan.runs_of(index, from..operation.length_bytes);
            prop_assert_eq!(runs[0].start, from);
            prop_assert_eq!(runs[runs.len() - 1].end, operation.length_bytes);
            prop_assert!(runs.windows(2).all(|pair| pair[0].end == pair[1].start));
            for it in plan.scatters_of(index) {
                let (first, end) = (it.operation_offset, it.operation_offset + it.length_bytes);
                let is_whole = |run: &Range<u64>| run.end <= first || run.start >= end
                    || (first.max(from) <= run.start && run.end <= end);
                prop_assert!(runs.iter().all(is_whole));
            }
        }
    }
}

#[test]
fn copies_stay_by_themselves_and_others_are_still_put_together() {
    let array = |at| copy((Space::Array(1), at), (Space::Memory, 50_000 + at), 100);
    let parts = [array(0), read(0, 100), array(100), read(100, 100)];
    let plan = BatchPlan::new(&parts, 4096).unwrap();
    let kinds: Vec<_> = plan.operations.iter().map(|it| it.kind).collect();
    assert_eq!(
        kinds.iter().filter(|it| **it == RequestKind::Copy).count(),
        2
    );
    assert_eq!((kinds.len(), plan.groups.len()), (3, 2));
    // A long one is one operation: whoever carries it out knows its part.
    let long = copy((Space::Array(1), 3), (Space::Device, 0), 1 << 20);
    let plan = BatchPlan::new(&[read(0, 1), long], 4096).unwrap();
    let copies = (0..).zip(&plan.operations);
    let mut copies = copies.filter(|(_, it)| it.kind == RequestKind::Copy);
    let (index, operation) = copies.next().unwrap();
    assert_eq!((operation.length_bytes, operation.offset), (1 << 20, 3));
    assert_eq!(plan.part_of(index), Some(1));
    assert!(copies.next().is_none());
}

/// The oracle above would see it if groups did not wait for each other.
#[test]
fn groups_that_do_not_wait_are_noticed() {
    let write = |memory| part(RequestKind::Write, 1, 100, 50, memory);
    let parts = [
        write(0),
        write(50),
        part(RequestKind::Read, 1, 120, 60, 200),
        write(100),
    ];
    let plan = BatchPlan::new(&parts, 4096).unwrap();
    let expected = Bytes::new().after(&parts);
    assert!((0..20).all(|seed| carry_out(&parts, &plan, seed, false) == expected));
    assert!((0..20).any(|seed| carry_out(&parts, &plan, seed, true) != expected));
}

fn read(offset: u64, length: u64) -> BatchPart {
    part(RequestKind::Read, 1, offset, length, 10_000 + 1000 * offset)
}

#[test]
fn neighbours_and_duplicates_become_one_operation() {
    let parts = [read(200, 100), read(0, 100), read(100, 100), read(150, 20)];
    let again = part(RequestKind::Read, 1, 100, 100, 0);
    let plan = BatchPlan::new(&[&parts[..], &[again]].concat(), 4096).unwrap();
    assert_eq!((plan.operations.len(), plan.moved_bytes()), (1, 300));
    // A gap is not read.
    let plan = BatchPlan::new(&[read(0, 100), read(101, 100)], 4096).unwrap();
    assert_eq!((plan.operations.len(), plan.moved_bytes()), (2, 200));
    // Writes, too, but not with reads.
    let write = |offset| part(RequestKind::Write, 1, offset, 100, offset);
    let plan = BatchPlan::new(&[write(100), write(0), read(200, 100)], 4096).unwrap();
    assert_eq!((plan.operations.len(), plan.groups.len()), (2, 1));
}

#[test]
fn nonsense_is_refused() {
    let refused = |parts: &[BatchPart]| BatchPlan::new(parts, 4096).unwrap_err().code;
    let atomic = BatchPart {
        kind: RequestKind::AtomicFetchAdd,
        ..read(0, 8)
    };
    let turned = BatchPart {
        kind: RequestKind::Write,
        ..read(0, 1)
    };
    let within = BatchPart {
        kind: RequestKind::Read,
        ..copy((Space::Array(1), 0), (Space::Memory, 0), 1)
    };
    let far = part(RequestKind::Read, 1, 0, 2, u64::MAX);
    let too_many = vec![read(0, 1); (1 << 16) + 1];
    let beyond = part(RequestKind::Read, 1, u64::MAX, 2, 0);
    for parts in [
        &[][..],
        &[read(0, 0)],
        &[beyond],
        &[read(0, 1 << 60)],
        &[copy((Space::Array(1), 0), (Space::Memory, 0), 1 << 60)],
        &[atomic],
        &[turned],
        &[within],
        &[far],
        &too_many,
    ] {
        assert_eq!(refused(parts), ErrorCode::InvalidArgument);
    }
}

#[test]
fn parts_of_a_batch_that_was_not_carried_out_get_the_given_error() {
    let parts = [read(0, 10), read(20, 10)];
    let plan = BatchPlan::new(&parts, 4096).unwrap();
    let mut results = BatchResults::new(2);
    results.moved(&plan, 0, 0, 10);
    results.moved(&plan, 1, 0, 4);
    let rest = Error::new(ErrorCode::Canceled, "read", "withdrawn");
    let results = results.into_results(&parts, &rest);
    assert_eq!(results[0], Ok(()));
    let error = results[1].clone().unwrap_err();
    assert_eq!((error.code, error.bytes_done), (ErrorCode::Canceled, 4));
}

/// As many as there may be, each over the one before: the plan stays quick to make.
#[test]
fn a_long_list_that_meets_itself_is_planned() {
    let all: Vec<_> = (0..1u64 << 16)
        .map(|k| part(RequestKind::Write, 1, k, 2, 4 * k))
        .collect();
    assert_eq!(BatchPlan::new(&all, 4096).unwrap().groups.len(), 1 << 16);
    // Short ones, and over all of them long ones.
    let wide = (0..1u64 << 15).map(|k| part(RequestKind::Read, 1, 0, 1 << 17, (4 + k) << 18));
    let mixed: Vec<_> = all[..1 << 15].iter().copied().chain(wide).collect();
    let stages = BatchPlan::new(&mixed, 1 << 17).unwrap().groups.len();
    assert_eq!(stages, (1 << 15) + 1);
}
