//! What a transfer may not do.

use gpuio_core::ErrorCode;
use gpuio_engines::{MemorySpan, ResourceId, TransferKind};

use crate::subject::{Fixture, Subject};
use crate::support::{read, run, sync, transfer, write};

const LENGTH: u64 = 10_000;

pub fn a_read_past_the_end_names_it(subject: Subject) {
    let mut fixture = Fixture::new(subject, 4);
    let id = fixture.open(LENGTH);
    for (offset, length) in [
        (8192, 4096),
        (0, 16384),
        (LENGTH, 1),
        (9_999, 2),
        (40_960, 4096),
    ] {
        let target = fixture.arena.span(0, length);
        let error = read(&mut *fixture.engine, id, offset, target).expect_err("the end");
        assert_eq!(error.code, ErrorCode::Io, "{error}");
        assert_eq!(error.offset, Some(LENGTH), "{error}");
        assert!(error.message.contains("10000 bytes long"), "{error}");
        assert!(!error.resource.is_empty());
    }
    // The last byte is still there, and a read that is rounded up reaches past the end unharmed.
    let target = fixture.arena.roomy_span(0, 1808, 8192);
    read(&mut *fixture.engine, id, 8192, target).expect("it reads");
}

pub fn a_write_past_the_end_is_refused(subject: Subject) {
    let mut fixture = Fixture::new(subject, 4);
    let id = fixture.open(LENGTH);
    fixture.arena.bytes(0, 16384).fill(9);
    for (offset, length) in [(8192, 4096), (LENGTH, 1), (40_960, 4096)] {
        let source = fixture.arena.span(0, length);
        let error = write(&mut *fixture.engine, id, offset, source).expect_err("the end");
        assert_eq!(error.code, ErrorCode::Io, "{error}");
        assert_eq!(error.offset, Some(LENGTH));
        assert_eq!(error.bytes_done, 0);
    }
    let stored = fixture.stored(id, LENGTH as usize);
    assert!(stored.len() as u64 == LENGTH && stored.iter().all(|&byte| byte == 0));
}

pub fn zero_bytes_are_nothing_to_do(subject: Subject) {
    let mut fixture = Fixture::new(subject, 4);
    let id = fixture.open(LENGTH);
    let empty = fixture.arena.span(0, 0);
    for kind in [TransferKind::Read, TransferKind::Write] {
        run(&mut *fixture.engine, transfer(1, kind, id, 5, Vec::new())).expect("nothing to do");
        run(&mut *fixture.engine, transfer(1, kind, id, 5, vec![empty])).expect("nothing to do");
    }
    // Empty spans among others are no stumbling block either.
    fixture.arena.bytes(0, 8).fill(6);
    let some = fixture.arena.span(0, 8);
    let spans = vec![empty, some, empty];
    run(
        &mut *fixture.engine,
        transfer(1, TransferKind::Write, id, 0, spans),
    )
    .expect("8 bytes");
    assert_eq!(
        fixture.stored(id, LENGTH as usize)[..9],
        [6, 6, 6, 6, 6, 6, 6, 6, 0]
    );
}

pub fn a_malformed_transfer_completes_with_an_error(subject: Subject) {
    let mut fixture = Fixture::new(subject, 4);
    let id = fixture.open(LENGTH);
    let good = fixture.arena.span(0, 16);
    let short = MemorySpan {
        capacity_bytes: 15,
        ..good
    };
    let null = MemorySpan { address: 0, ..good };
    let wrapping = MemorySpan {
        address: usize::MAX - 3,
        ..good
    };
    let vast = MemorySpan {
        length_bytes: usize::MAX / 2,
        capacity_bytes: usize::MAX / 2,
        ..good
    };
    let cases = [
        (TransferKind::Read, 0, vec![short]),
        (TransferKind::Read, 0, vec![null]),
        (TransferKind::Write, 0, vec![wrapping]),
        (TransferKind::Read, u64::MAX - 3, vec![good]),
        (TransferKind::Write, i64::MAX as u64, vec![good]),
        (TransferKind::Read, 0, vec![vast, vast, vast]),
        (TransferKind::Sync, 0, vec![good]),
    ];
    for (kind, offset, memory) in cases {
        let case = transfer(77, kind, id, offset, memory);
        let error = run(&mut *fixture.engine, case.clone()).expect_err("malformed");
        assert_eq!(error.code, ErrorCode::InvalidArgument, "{case:?}: {error}");
    }
}

pub fn a_read_only_resource_refuses_writes(subject: Subject) {
    let mut fixture = Fixture::new(subject, 4);
    let id = fixture.open_read_only(4096);
    let span = fixture.arena.span(0, 4096);
    let error = write(&mut *fixture.engine, id, 0, span).expect_err("read-only");
    assert_eq!(error.code, ErrorCode::Permission);
    read(&mut *fixture.engine, id, 0, span).expect("it reads");
    sync(&mut *fixture.engine, id).expect("there is nothing to sync");
}

pub fn an_unknown_resource_is_an_error(subject: Subject) {
    let mut fixture = Fixture::new(subject, 4);
    let id = fixture.open(LENGTH);
    let span = fixture.arena.span(0, 16);
    fixture.engine.close(ResourceId(12345));
    let error = read(&mut *fixture.engine, ResourceId(12345), 0, span).expect_err("unknown");
    assert_eq!(error.code, ErrorCode::InvalidArgument);
    fixture.engine.close(id);
    let error = read(&mut *fixture.engine, id, 0, span).expect_err("closed");
    assert_eq!(error.code, ErrorCode::InvalidArgument);
}
