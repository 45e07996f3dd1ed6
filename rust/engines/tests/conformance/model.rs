//! Transfers against a plain array in memory.

use gpuio_engines::{MemorySpan, ResourceId, TransferKind};

use crate::subject::{Fixture, Subject};
use crate::support::{finish, read, transfer, write, Random};

/// The file has no whole number of blocks.
const LENGTH: usize = (1 << 20) + 1234;
const ZONES: usize = 8;
/// Arena of one zone: room for the data, its misalignment and what a read may round up.
const ARENA: usize = 256 << 10;
const GUARD: u8 = 0xA5;

struct Planned {
    kind: TransferKind,
    range: std::ops::Range<usize>,
    memory: Vec<MemorySpan>,
    /// Where the memory's pieces lie in the arena.
    starts: Vec<(usize, usize)>,
}

/// Rounds of transfers that run side by side, each in a zone of its own. The borders of the zones
/// are not aligned, so that neighbours share blocks and pages.
pub fn random_transfers_match_a_model(subject: Subject) {
    let mut random = Random(0xC0FF_EE00 + subject as u64);
    let mut fixture = Fixture::new(subject, 32);
    let id = fixture.open(LENGTH as u64);
    let mut model = vec![0u8; LENGTH];
    for _ in 0..40 {
        let borders = zone_borders(&mut random);
        let planned: Vec<Planned> = (0..ZONES)
            .map(|zone| {
                plan(
                    &mut random,
                    &mut fixture,
                    zone,
                    borders[zone]..borders[zone + 1],
                )
            })
            .collect();
        for (zone, plan) in planned.iter().enumerate() {
            if plan.kind == TransferKind::Write {
                scatter(&mut fixture, plan, &random.bytes(plan.range.len()));
            }
            let start = plan.range.start as u64;
            let one = transfer(zone as u64, plan.kind, id, start, plan.memory.clone());
            fixture.engine.queue(one).expect("there is room");
        }
        for completion in finish(&mut *fixture.engine) {
            completion.result.expect("it succeeds");
        }
        for (zone, plan) in planned.iter().enumerate() {
            let moved = gather(&mut fixture, plan);
            match plan.kind {
                TransferKind::Write => model[plan.range.clone()].copy_from_slice(&moved),
                _ => assert!(moved == model[plan.range.clone()], "read {:?}", plan.range),
            }
            check_guards(&mut fixture, zone, plan);
        }
    }
    assert!(fixture.stored(id, LENGTH) == model);
}

fn zone_borders(random: &mut Random) -> Vec<usize> {
    let mut borders: Vec<usize> = (1..ZONES)
        .map(|zone| zone * LENGTH / ZONES + random.below(5000) as usize)
        .collect();
    borders.insert(0, 0);
    borders.push(LENGTH);
    borders
}

fn plan(
    random: &mut Random,
    fixture: &mut Fixture,
    zone: usize,
    zone_range: std::ops::Range<usize>,
) -> Planned {
    fixture.arena.bytes(zone * ARENA, ARENA).fill(GUARD);
    let kind = if random.below(2) == 0 {
        TransferKind::Read
    } else {
        TransferKind::Write
    };
    let mut start = zone_range.start + random.below(zone_range.len() as u64) as usize;
    let mut length = 1 + random.below((zone_range.end - start) as u64) as usize;
    if random.below(2) == 0 {
        // Half of them as a page cache does it.
        start = start.next_multiple_of(4096).min(zone_range.end - 1);
        length = length.next_multiple_of(4096).min(zone_range.end - start);
    }
    let mut memory = Vec::new();
    let mut starts = Vec::new();
    let mut place = zone * ARENA + 4096;
    let mut left = length;
    while left > 0 {
        let misaligned = if random.below(3) == 0 {
            random.below(4096) as usize
        } else {
            start % 4096
        };
        let last = random.below(2) == 0 || memory.len() == 5;
        let bytes = if last {
            left
        } else {
            (1 + random.below(left as u64) as usize).min(left)
        };
        let at = place + misaligned;
        // Only the last span's capacity may be used; the others have some all the same.
        let capacity = bytes + random.below(8192) as usize;
        memory.push(fixture.arena.roomy_span(at, bytes, capacity));
        starts.push((at, bytes));
        place = (at + capacity).next_multiple_of(4096) + 4096;
        left -= bytes;
    }
    Planned {
        kind,
        range: start..start + length,
        memory,
        starts,
    }
}

fn scatter(fixture: &mut Fixture, plan: &Planned, content: &[u8]) {
    let mut done = 0;
    for &(start, length) in &plan.starts {
        fixture
            .arena
            .bytes(start, length)
            .copy_from_slice(&content[done..done + length]);
        done += length;
    }
}

fn gather(fixture: &mut Fixture, plan: &Planned) -> Vec<u8> {
    let pieces = plan.starts.iter();
    pieces
        .flat_map(|&(start, length)| fixture.arena.bytes(start, length).to_vec())
        .collect()
}

/// Nothing outside the spans (their capacities) was touched.
fn check_guards(fixture: &mut Fixture, zone: usize, plan: &Planned) {
    let last = plan.memory.len() - 1;
    for (index, &(start, length)) in plan.starts.iter().enumerate() {
        let rounded_up = plan.kind == TransferKind::Read && index == last;
        let capacity = plan.memory[index].capacity_bytes;
        let reach = if rounded_up { capacity } else { length };
        fixture.arena.bytes(start, reach).fill(GUARD);
    }
    let untouched = fixture
        .arena
        .bytes(zone * ARENA, ARENA)
        .iter()
        .all(|&byte| byte == GUARD);
    assert!(untouched, "memory outside the spans was written");
}

/// Several MiB in one transfer, from a place that is not aligned.
pub fn large_transfers_match_a_model(subject: Subject) {
    let mut fixture = Fixture::new(subject, 4);
    let length = 5 << 20;
    let id = fixture.open(length as u64 + 77);
    let content = Random(9).bytes(length);
    fixture.arena.bytes(0, length).copy_from_slice(&content);
    let source = fixture.arena.span(0, length);
    write(&mut *fixture.engine, id, 77, source).expect("it writes");
    let target = fixture.arena.span(8 << 20, length);
    read(&mut *fixture.engine, id, 77, target).expect("it reads");
    assert!(fixture.arena.bytes(8 << 20, length) == content);
}

/// More spans than one request can have.
pub fn a_multitude_of_spans_moves_every_byte(subject: Subject) {
    let mut fixture = Fixture::new(subject, 4);
    let count = 1500;
    let length = count * 7;
    let id = fixture.open(length as u64);
    let content = Random(5).bytes(length);
    let spread = |fixture: &Fixture, base: usize| -> Vec<MemorySpan> {
        (0..count)
            .map(|index| fixture.arena.span(base + index * 16, 7))
            .collect()
    };
    for (index, piece) in content.chunks(7).enumerate() {
        fixture.arena.bytes(index * 16, 7).copy_from_slice(piece);
    }
    run_spans(&mut fixture, TransferKind::Write, id, spread);
    for index in 0..count {
        fixture.arena.bytes(index * 16, 7).fill(0);
    }
    run_spans(&mut fixture, TransferKind::Read, id, spread);
    for (index, piece) in content.chunks(7).enumerate() {
        assert_eq!(fixture.arena.bytes(index * 16, 7), piece);
    }
}

fn run_spans(
    fixture: &mut Fixture,
    kind: TransferKind,
    id: ResourceId,
    spread: impl Fn(&Fixture, usize) -> Vec<MemorySpan>,
) {
    let spans = spread(fixture, 0);
    crate::support::run(&mut *fixture.engine, transfer(1, kind, id, 0, spans)).expect("it runs");
}

/// A read whose length is no multiple of the block may be rounded up, but not past its capacity.
pub fn a_read_stays_within_its_capacity(subject: Subject) {
    let mut fixture = Fixture::new(subject, 4);
    let id = fixture.open(64 << 10);
    fixture.arena.bytes(0, 64 << 10).fill(3);
    let source = fixture.arena.span(0, 64 << 10);
    write(&mut *fixture.engine, id, 0, source).expect("it writes");
    for capacity in [5000, 8000, 8192, 12288] {
        fixture.arena.bytes(0, 32 << 10).fill(GUARD);
        let target = fixture.arena.roomy_span(0, 5000, capacity);
        read(&mut *fixture.engine, id, 4096, target).expect("it reads");
        assert!(fixture.arena.bytes(0, 5000).iter().all(|&byte| byte == 3));
        let beyond = fixture.arena.bytes(capacity, (32 << 10) - capacity);
        assert!(beyond.iter().all(|&byte| byte == GUARD));
    }
}
