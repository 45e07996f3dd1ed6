//! Closing, dropping, moving.

use std::time::Duration;

use gpuio_engines::TransferKind;

use crate::subject::{Fixture, Subject};
use crate::support::{finish, read, sync, transfer, write};

/// Once the engine is gone the kernel writes nothing more.
pub fn dropping_ends_the_use_of_memory(subject: Subject) {
    for started in [false, true] {
        let mut fixture = Fixture::new(subject, 64);
        let id = fixture.open(8 << 20);
        // Real data: holes would be read without the drive, and so at once.
        fixture.arena.bytes(0, 8 << 20).fill(0x11);
        let whole = fixture.arena.span(0, 8 << 20);
        write(&mut *fixture.engine, id, 0, whole).expect("it writes");
        sync(&mut *fixture.engine, id).expect("it syncs");
        for token in 0..64u64 {
            let span = fixture.arena.span((token * 131_072) as usize, 131_072);
            let one = transfer(token, TransferKind::Read, id, token * 131_072, vec![span]);
            fixture.engine.queue(one).expect("there is room");
        }
        if started {
            fixture.engine.submit();
        }
        let Fixture {
            engine, mut arena, ..
        } = fixture;
        drop(engine);
        arena.bytes(0, 8 << 20).fill(0xEE);
        std::thread::sleep(Duration::from_millis(20));
        assert!(arena.bytes(0, 8 << 20).iter().all(|&byte| byte == 0xEE));
    }
}

pub fn closing_early_loses_no_completion(subject: Subject) {
    let mut fixture = Fixture::new(subject, 16);
    let id = fixture.open(1 << 20);
    for token in 0..16u64 {
        let span = fixture.arena.span((token * 65_536) as usize, 60_000);
        let one = transfer(token, TransferKind::Read, id, token, vec![span]);
        fixture.engine.queue(one).expect("there is room");
    }
    fixture.engine.close(id);
    assert_eq!(finish(&mut *fixture.engine).len(), 16);
}

pub fn a_closed_number_is_used_again(subject: Subject) {
    let mut fixture = Fixture::new(subject, 4);
    let first = fixture.open(8192);
    fixture.engine.close(first);
    let second = fixture.open(4096);
    assert_eq!(first, second);
    let span = fixture.arena.span(0, 4096);
    read(&mut *fixture.engine, second, 0, span).expect("it reads");
    let third = fixture.open_read_only(4096);
    assert_ne!(second, third);
}

pub fn it_can_move_to_another_thread(subject: Subject) {
    let mut fixture = Fixture::new(subject, 4);
    let id = fixture.open(8192);
    let span = fixture.arena.span(0, 8192);
    write(&mut *fixture.engine, id, 0, span).expect("it writes here");
    let mut fixture = std::thread::spawn(move || {
        read(&mut *fixture.engine, id, 0, span).expect("it reads there");
        // Left for the first thread: the one that started it ends.
        fixture
            .engine
            .queue(transfer(5, TransferKind::Read, id, 0, vec![span]))
            .expect("room");
        fixture.engine.submit();
        fixture
    })
    .join()
    .expect("no panic");
    assert_eq!(finish(&mut *fixture.engine).len(), 1);
}
