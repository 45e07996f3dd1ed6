//! Many transfers: room, order, counting.

use std::collections::{HashMap, HashSet};

use gpuio_engines::{Completion, TransferKind};

use crate::subject::{Fixture, Subject};
use crate::support::{finish, read, run, sync, transfer, write};

/// No whole number of blocks.
const LENGTH: usize = 20_001;

pub fn a_full_engine_hands_back(subject: Subject) {
    let mut fixture = Fixture::new(subject, 3);
    let id = fixture.open(64 << 10);
    let spans: Vec<_> = (0..4)
        .map(|slot| fixture.arena.span(slot * 4096, 4096))
        .collect();
    for slot in 0..3 {
        let one = transfer(
            slot,
            TransferKind::Read,
            id,
            slot * 4096,
            vec![spans[slot as usize]],
        );
        fixture.engine.queue(one).expect("there is room");
    }
    assert_eq!(fixture.engine.in_flight(), 3);
    let more = transfer(99, TransferKind::Read, id, 8192, vec![spans[3]]);
    let back = fixture.engine.queue(more).expect_err("it is full");
    assert_eq!((back.token, back.offset, back.resource), (99, 8192, id));
    assert_eq!(back.memory, vec![spans[3]]);
    assert_eq!(finish(&mut *fixture.engine).len(), 3);
    run(&mut *fixture.engine, back).expect("there is room again");
}

pub fn every_token_comes_back_once(subject: Subject) {
    let mut fixture = Fixture::new(subject, 64);
    let id = fixture.open(1 << 20);
    let mut expected = HashSet::new();
    let mut completions = Vec::new();
    // Transfers that are in flight together have memory of their own each.
    let mut free: Vec<u64> = (0..64).collect();
    let mut pieces = HashMap::new();
    for token in 0..1000u64 {
        while free.is_empty() {
            fixture.engine.wait(100_000);
            let known = completions.len();
            fixture.engine.poll(&mut completions);
            let ended = completions[known..].iter();
            free.extend(ended.filter_map(|it: &Completion| pieces.remove(&it.token)));
        }
        let piece = free.pop().expect("one is free");
        pieces.insert(token, piece);
        let span = fixture
            .arena
            .span(piece as usize * 8192, 4096 + (token % 3) as usize);
        let offset = token * 37 % (1 << 19);
        fixture
            .engine
            .queue(transfer(token, TransferKind::Read, id, offset, vec![span]))
            .expect("as many fit as there are pieces");
        expected.insert(token);
    }
    completions.extend(finish(&mut *fixture.engine));
    assert_eq!(completions.len(), 1000);
    for completion in completions {
        completion.result.expect("it reads");
        assert!(
            expected.remove(&completion.token),
            "{} came back twice",
            completion.token
        );
    }
}

pub fn a_depth_of_one_still_finishes_everything(subject: Subject) {
    let mut fixture = Fixture::new(subject, 64);
    let parameters = if subject.has_file() { "&depth=1" } else { "" };
    let id = fixture.open_with(1 << 20, parameters);
    for token in 0..64u64 {
        let kind = if token % 2 == 0 {
            TransferKind::Write
        } else {
            TransferKind::Read
        };
        // Odd ones are not aligned and take several requests each.
        let offset = token * 16384 + token % 4;
        let span = fixture.arena.span((token * 16384) as usize, 9000);
        fixture
            .engine
            .queue(transfer(token, kind, id, offset, vec![span]))
            .expect("room");
    }
    let completions = finish(&mut *fixture.engine);
    assert_eq!(completions.len(), 64);
    assert!(completions
        .iter()
        .all(|completion| completion.result.is_ok()));
}

/// What a transfer needs after its first request is handed on without further calls.
pub fn polling_alone_finishes_what_was_submitted(subject: Subject) {
    let mut fixture = Fixture::new(subject, 4);
    let id = fixture.open(64 << 10);
    let span = fixture.arena.span(100, 30_000);
    let one = transfer(1, TransferKind::Read, id, 100, vec![span]);
    fixture.engine.queue(one).expect("there is room");
    fixture.engine.submit();
    let mut completions = Vec::new();
    for _ in 0..10_000 {
        if fixture.engine.poll(&mut completions) > 0 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert_eq!(completions.len(), 1, "it never finished");
}

pub fn a_sync_completes(subject: Subject) {
    let mut fixture = Fixture::new(subject, 4);
    let id = fixture.open(8192);
    let span = fixture.arena.span(0, 8192);
    write(&mut *fixture.engine, id, 0, span).expect("it writes");
    sync(&mut *fixture.engine, id).expect("it syncs");
}

pub fn waiting_for_nothing_returns(subject: Subject) {
    let mut fixture = Fixture::new(subject, 4);
    fixture.engine.wait(u64::MAX);
    let id = fixture.open(8192);
    fixture.engine.wait(u64::MAX);
    let span = fixture.arena.span(0, 8192);
    read(&mut *fixture.engine, id, 0, span).expect("it reads");
    fixture.engine.wait(u64::MAX);
    assert_eq!(fixture.engine.poll(&mut Vec::new()), 0);
}

pub fn statistics_count_bytes(subject: Subject) {
    let mut fixture = Fixture::new(subject, 4);
    let id = fixture.open(LENGTH as u64);
    let span = fixture.arena.roomy_span(0, LENGTH, LENGTH + 8192);
    write(&mut *fixture.engine, id, 0, span).expect("it writes");
    read(&mut *fixture.engine, id, 0, span).expect("it reads");
    read(&mut *fixture.engine, id, 1, span).expect_err("one byte is not there");
    let stats = fixture.engine.stats();
    assert_eq!((stats.transfers, stats.written_bytes), (2, LENGTH as u64));
    assert!(stats.read_bytes >= LENGTH as u64 && stats.read_bytes < 2 * LENGTH as u64);
    assert_eq!(stats.kernel_requests > 0, subject.has_file());
}
