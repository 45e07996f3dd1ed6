//! The fault ring under loom: every interleaving of two producers and the consumer, with the
//! memory orders as they are. Run by `scripts/test` with `--cfg loom`.
#![cfg(loom)]

use gpuio_memory::ring::{Consumer, Fault, Producer};
use gpuio_memory::sync::atomic::{AtomicU64, Ordering};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

const CAPACITY: usize = 2;

struct Shared {
    words: [[AtomicU64; 2]; CAPACITY],
    producer: Producer,
    /// What a producer writes before it pushes, as a kernel writes a frame before a write-back.
    frames: [UnsafeCell<u64>; CAPACITY],
}

fn shared() -> Arc<Shared> {
    let word = || AtomicU64::new(0);
    Arc::new(Shared {
        words: [[word(), word()], [word(), word()]],
        producer: Producer::new(),
        frames: [UnsafeCell::new(0), UnsafeCell::new(0)],
    })
}

/// A fault whose every field tells who pushed it.
fn fault(who: u32) -> Fault {
    Fault {
        operation: 3,
        array: 40 + who,
        page: 1000 + u64::from(who),
        slot: who,
        generation: 7 + who,
        frame: who,
    }
}

fn push(shared: &Shared, who: u32) {
    shared.frames[who as usize].with_mut(|frame| {
        // SAFETY: loom checks that nobody else touches the cell meanwhile.
        unsafe { *frame = 100 + u64::from(who) }
    });
    shared.producer.push(&shared.words, fault(who));
}

/// Takes one fault, and looks at what its producer wrote before.
fn take(shared: &Shared, consumer: &mut Consumer) -> Option<Fault> {
    let taken = consumer.take(&shared.words)?;
    assert_eq!(taken, fault(taken.slot), "a fault is taken whole");
    let seen = shared.frames[taken.frame as usize].with(|frame| {
        // SAFETY: as in `push`.
        unsafe { *frame }
    });
    assert_eq!(
        seen,
        100 + u64::from(taken.slot),
        "what came before the push is seen"
    );
    Some(taken)
}

#[test]
fn two_producers_lose_nothing() {
    loom::model(|| {
        let shared = shared();
        let producers: Vec<_> = (0..2)
            .map(|who| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || push(&shared, who))
            })
            .collect();
        let mut consumer = Consumer::new(CAPACITY);
        let mut seen = [0; 2];
        for _ in 0..2 {
            if let Some(taken) = take(&shared, &mut consumer) {
                seen[taken.slot as usize] += 1;
            }
        }
        for producer in producers {
            producer.join().unwrap();
        }
        while let Some(taken) = take(&shared, &mut consumer) {
            seen[taken.slot as usize] += 1;
        }
        assert_eq!(seen, [1, 1]);
        assert_eq!(consumer.taken(), 2);
    });
}

#[test]
fn the_second_lap_is_told_from_the_first() {
    loom::model(|| {
        let shared = shared();
        let mut consumer = Consumer::new(CAPACITY);
        for who in 0..2 {
            push(&shared, who);
        }
        assert!(take(&shared, &mut consumer).is_some());
        assert!(take(&shared, &mut consumer).is_some());
        assert!(
            take(&shared, &mut consumer).is_none(),
            "the first lap's entries are not new"
        );
        let other = Arc::clone(&shared);
        let producer = thread::spawn(move || push(&other, 1));
        let early = take(&shared, &mut consumer).is_some();
        producer.join().unwrap();
        let late = take(&shared, &mut consumer).is_some();
        assert!(early ^ late);
    });
}

/// The planted bug: a consumer that trusts the first word's parity alone takes half an entry.
#[test]
#[should_panic(expected = "a fault is taken whole")]
fn one_parity_is_not_enough() {
    loom::model(|| {
        let shared = shared();
        let other = Arc::clone(&shared);
        let producer = thread::spawn(move || push(&other, 1));
        let first = shared.words[0][0].load(Ordering::Acquire);
        if first >> 63 == 1 {
            let second = shared.words[0][1].load(Ordering::Acquire);
            assert_eq!((second >> 48) & 0x7fff, 1, "a fault is taken whole");
        }
        producer.join().unwrap();
    });
}
