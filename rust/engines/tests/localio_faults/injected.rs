//! Outcomes that a healthy machine does not produce on demand.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use gpuio_core::ErrorCode;
use gpuio_engines::localio::backend::RequestKind;
use gpuio_engines::{Engine, TransferKind};

use crate::injector::{engine, is_direct, Fate};
use crate::support::{
    file_uri, finish, for_writing, read, sync, transfer, write, Arena, Folder, Random,
};

const LENGTH: usize = 1 << 20;

#[test]
fn short_transfers_are_resumed_to_the_last_byte() {
    let (mut engine, record) = engine(4, |number, _| match number % 3 {
        0 => Fate::Real,
        _ => Fate::Short,
    });
    let folder = Folder::new();
    let content = Random(1).bytes(LENGTH);
    let path = folder.file("data", &vec![0; LENGTH]);
    let options = for_writing(LENGTH as u64);
    let (id, _) = engine
        .open(&file_uri(&path, ""), options)
        .expect("it opens");
    let mut arena = Arena::new(2 * LENGTH + 8192);
    arena
        .bytes(100, LENGTH - 200)
        .copy_from_slice(&content[100..LENGTH - 100]);
    let source = arena.span(100, LENGTH - 200);
    write(&mut engine, id, 100, source).expect("it writes");
    let stored = std::fs::read(&path).expect("readable");
    assert!(stored[100..LENGTH - 100] == content[100..LENGTH - 100]);
    assert!(stored[..100]
        .iter()
        .chain(&stored[LENGTH - 100..])
        .all(|&byte| byte == 0));

    let pieces: Vec<_> = [(0, 4096), (8192, 300_000), (409_600, 1), (413_696, 400_000)]
        .map(|(start, length)| arena.span(LENGTH + start, length))
        .into();
    let one = transfer(1, TransferKind::Read, id, 4096, pieces.clone());
    crate::support::run(&mut engine, one).expect("it reads");
    let mut position = 4096;
    for piece in pieces {
        let start = piece.address - arena.whole().0;
        let moved = arena.bytes(start, piece.length_bytes).to_vec();
        assert!(moved == stored[position..position + piece.length_bytes]);
        position += piece.length_bytes;
    }
    let stats = engine.stats();
    let requests = record.lock().expect("no panic").requests.len() as u64;
    assert_eq!(stats.kernel_requests, requests);
    assert!(stats.short_transfers > 0 && stats.short_transfers < requests);
}

#[test]
fn interruptions_are_retried() {
    let (mut engine, _) = engine(4, |number, _| match number % 4 {
        0 => Fate::Answer(-libc::EINTR),
        1 => Fate::Answer(-libc::EAGAIN),
        _ => Fate::Real,
    });
    let folder = Folder::new();
    let path = folder.file("data", &Random(2).bytes(LENGTH));
    let (id, _) = engine
        .open(&file_uri(&path, ""), for_writing(0))
        .expect("it opens");
    let mut arena = Arena::new(LENGTH);
    let target = arena.span(0, LENGTH);
    read(&mut engine, id, 0, target).expect("it reads");
    assert!(*arena.bytes(0, LENGTH) == *std::fs::read(&path).expect("readable"));
    sync(&mut engine, id).expect("it syncs");
}

#[test]
fn endless_interruption_ends_in_a_retryable_error() {
    for errno in [libc::EINTR, libc::EAGAIN] {
        let (mut engine, record) = engine(4, move |_, _| Fate::Answer(-errno));
        let folder = Folder::new();
        let path = folder.file("data", &[1; 4096]);
        let (id, _) = engine
            .open(&file_uri(&path, ""), for_writing(0))
            .expect("it opens");
        let arena = Arena::new(4096);
        let error = read(&mut engine, id, 0, arena.span(0, 4096)).expect_err("it gives up");
        assert_eq!((error.code, error.os_error), (ErrorCode::Busy, errno));
        assert!(error.retryable);
        let requests = record.lock().expect("no panic").requests.len();
        assert!((2..1000).contains(&requests), "{requests} requests");
    }
}

#[test]
fn a_failure_in_the_middle_names_the_place_and_what_was_done() {
    for errno in [libc::ENOSPC, libc::EDQUOT, libc::EIO] {
        // The head succeeds, the body fails.
        let (mut engine, _) = engine(4, move |number, _| match number {
            0 => Fate::Real,
            _ => Fate::Answer(-errno),
        });
        let folder = Folder::new();
        let path = folder.file("data", &[0; LENGTH]);
        let (id, info) = engine
            .open(&file_uri(&path, ""), for_writing(0))
            .expect("it opens");
        if info.alignment_bytes == 1 {
            println!("skipped: {} does no direct I/O", path.display());
            return;
        }
        let granule = info.alignment_bytes as usize;
        let arena = Arena::new(LENGTH);
        let source = arena.span(100, LENGTH - 100);
        let error = write(&mut engine, id, 100, source).expect_err("it fails");
        assert_eq!(
            (error.code, error.os_error),
            (ErrorCode::Io, errno),
            "{error}"
        );
        assert_eq!(error.offset, Some(granule as u64));
        assert_eq!(error.bytes_done, granule as u64 - 100);
        assert!(error.resource.contains("data"));
    }
}

#[test]
fn a_write_of_nothing_is_an_error_and_no_loop() {
    let (mut engine, record) = engine(4, |_, _| Fate::Answer(0));
    let folder = Folder::new();
    let path = folder.file("data", &[0; 4096]);
    let (id, _) = engine
        .open(&file_uri(&path, ""), for_writing(0))
        .expect("it opens");
    let arena = Arena::new(4096);
    let error = write(&mut engine, id, 0, arena.span(0, 4096)).expect_err("nothing written");
    assert_eq!(error.code, ErrorCode::Io);
    assert_eq!(record.lock().expect("no panic").requests.len(), 1);
}

#[test]
fn endless_reads_of_nothing_inside_the_file_end() {
    let (mut engine, _) = engine(4, |_, _| Fate::Answer(0));
    let folder = Folder::new();
    let path = folder.file("data", &[0; 4096]);
    let (id, _) = engine
        .open(&file_uri(&path, ""), for_writing(0))
        .expect("it opens");
    let arena = Arena::new(4096);
    let error = read(&mut engine, id, 0, arena.span(0, 4096)).expect_err("nothing read");
    assert_eq!(error.code, ErrorCode::Io);
}

#[test]
fn a_sync_that_fails_says_so() {
    let (mut engine, _) = engine(4, |_, request| match request.kind {
        RequestKind::Sync => Fate::Answer(-libc::EIO),
        _ => Fate::Real,
    });
    let folder = Folder::new();
    let path = folder.file("data", &[0; 4096]);
    let (id, _) = engine
        .open(&file_uri(&path, ""), for_writing(0))
        .expect("it opens");
    let error = sync(&mut engine, id).expect_err("it fails");
    assert_eq!((error.code, error.operation), (ErrorCode::Io, "sync"));
}

#[test]
fn a_refused_direct_request_goes_through_the_page_cache_unless_direct_is_required() {
    for required in [false, true] {
        let (mut engine, _) = engine(4, |_, request| match is_direct(request.file.fd) {
            true => Fate::Answer(-libc::EINVAL),
            false => Fate::Real,
        });
        let folder = Folder::new();
        let path = folder.file("data", &[5; 65_536]);
        let parameters = if required { "direct=1" } else { "" };
        let opened = engine.open(&file_uri(&path, parameters), for_writing(0));
        let Ok((id, _)) = opened else {
            println!("skipped: {} does no direct I/O", path.display());
            return;
        };
        let mut arena = Arena::new(65_536);
        let outcome = read(&mut engine, id, 0, arena.span(0, 65_536));
        assert_eq!(outcome.is_err(), required);
        assert_eq!(
            arena.bytes(0, 65_536).iter().all(|&byte| byte == 5),
            !required
        );
    }
}

#[test]
fn the_depth_bounds_the_requests_in_the_kernel() {
    for depth in [1, 3, 64] {
        let (mut engine, record) = engine(64, |_, _| Fate::Real);
        let folder = Folder::new();
        let path = folder.file("data", &[0; LENGTH]);
        let uri = file_uri(&path, &format!("depth={depth}"));
        let (id, _) = engine.open(&uri, for_writing(0)).expect("it opens");
        let arena = Arena::new(LENGTH);
        for token in 0..64u64 {
            let span = arena.span((token * 16_384) as usize, 10_000);
            let one = transfer(token, TransferKind::Read, id, token * 16_000, vec![span]);
            engine.queue(one).expect("there is room");
        }
        assert_eq!(finish(&mut engine).len(), 64);
        let most = record.lock().expect("no panic").most_running;
        assert!(most <= depth, "{most} requests at a time");
        assert!(most > 1 || depth == 1);
    }
}

#[test]
fn direct_and_cached_writes_of_a_file_never_overlap() {
    let (mut engine, record) = engine(64, |_, _| Fate::Real);
    let folder = Folder::new();
    let path = folder.file("data", &[0; LENGTH]);
    let (id, info) = engine
        .open(&file_uri(&path, ""), for_writing(0))
        .expect("it opens");
    if info.alignment_bytes == 1 {
        println!("skipped: {} does no direct I/O", path.display());
        return;
    }
    let mut arena = Arena::new(LENGTH);
    arena.bytes(0, LENGTH).fill(8);
    // Neighbours, so that head and tail of one are in the same page as those of the next.
    for token in 0..64usize {
        let start = token * 16_384 + token % 2 * 7;
        let end = (token + 1) * 16_384 + (token + 1) % 2 * 7;
        let span = arena.span(start, end.min(LENGTH) - start);
        let one = transfer(
            token as u64,
            TransferKind::Write,
            id,
            start as u64,
            vec![span],
        );
        engine.queue(one).expect("there is room");
    }
    assert!(finish(&mut engine)
        .iter()
        .all(|completion| completion.result.is_ok()));
    let record = record.lock().expect("no panic");
    let directs = record
        .requests
        .iter()
        .filter(|request| is_direct(request.file.fd))
        .count();
    assert!(directs > 0 && directs < record.requests.len());
    assert!(!record.writes_mixed);
    assert!(std::fs::read(&path)
        .expect("readable")
        .iter()
        .all(|&byte| byte == 8));
}

#[test]
fn draining_waits_for_the_kernel_and_cancels_the_rest() {
    let release = Arc::new(AtomicBool::new(false));
    let held = Arc::clone(&release);
    let (mut engine, record) = engine(8, move |_, _| Fate::Held(Arc::clone(&held)));
    let folder = Folder::new();
    let path = folder.file("data", &[1; 8 * 4096]);
    let (id, _) = engine
        .open(&file_uri(&path, "depth=1"), for_writing(0))
        .expect("it opens");
    let arena = Arena::new(8 * 4096);
    for token in 0..8u64 {
        let span = arena.span((token * 4096) as usize, 4096);
        let one = transfer(token, TransferKind::Read, id, token * 4096, vec![span]);
        engine.queue(one).expect("there is room");
    }
    assert!(!engine.drain(20_000), "the kernel still has a request");
    let late = transfer(9, TransferKind::Read, id, 0, vec![arena.span(0, 4096)]);
    assert!(
        engine.queue(late).is_err(),
        "an engine that drains takes nothing"
    );
    assert_eq!(
        engine.poll(&mut Vec::new()),
        0,
        "whose memory is in use has not completed"
    );

    release.store(true, Ordering::SeqCst);
    assert!(engine.drain(10_000_000));
    let completions = finish(&mut engine);
    assert_eq!(completions.len(), 8);
    for completion in completions {
        let code = completion.result.err().map(|error| error.code);
        assert_eq!(code, (completion.token > 0).then_some(ErrorCode::Canceled));
    }
    assert_eq!(record.lock().expect("no panic").requests.len(), 1);
}
