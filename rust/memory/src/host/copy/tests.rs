use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use super::*;

/// A byte that depends on its position in a way no shift or repeat reproduces.
fn pattern(index: usize) -> u8 {
    (index.wrapping_mul(167) ^ (index >> 8).wrapping_mul(59)) as u8
}

const FENCE: u8 = 0xEE;
const ROOM_BYTES: usize = 512;

fn address(bytes: &mut [u8]) -> usize {
    bytes.as_mut_ptr().expose_provenance()
}

#[test]
fn every_alignment_and_length_arrives_whole_and_writes_nothing_beside_it() {
    let mut source: Vec<u8> = (0..ROOM_BYTES).map(pattern).collect();
    let mut target = vec![FENCE; ROOM_BYTES];
    let (from_base, to_base) = (address(&mut source), address(&mut target));
    let lengths = (0..=40).chain([63, 64, 65, 71, 72, 127, 128, 129, 200, 257]);
    for length in lengths {
        for (from, to) in (0..16).flat_map(|from| (0..16).map(move |to| (from, to))) {
            for store in [true, false] {
                target.fill(FENCE);
                // SAFETY: 16 + 257 bytes fit both vectors, and no other thread knows them.
                unsafe {
                    if store {
                        store_words(to_base + to, from_base + from, length);
                    } else {
                        load_words(to_base + to, from_base + from, length);
                    }
                }
                let (before, rest) = target.split_at(to);
                let (copied, behind) = rest.split_at(length);
                let case = (store, from, to, length);
                assert_eq!(copied, &source[from..from + length], "{case:?}");
                assert!(
                    before.iter().chain(behind).all(|&byte| byte == FENCE),
                    "{case:?}"
                );
            }
        }
    }
}

#[test]
fn a_concurrent_reader_sees_only_whole_words() {
    const WORDS: usize = 512;
    let frame: Vec<AtomicU64> = (0..WORDS).map(|_| AtomicU64::new(0)).collect();
    let frame_address = frame.as_ptr().expose_provenance();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for word in &frame {
                    let bytes = word.load(Ordering::Relaxed).to_ne_bytes();
                    assert!(
                        bytes.iter().all(|&byte| byte == bytes[0]),
                        "torn: {bytes:?}"
                    );
                }
            }
        });
        for turn in 0..2000_usize {
            // One byte more than a word past the start, so that the source is unaligned.
            let mut source = vec![turn as u8; WORDS * 8 + 9];
            let plain = address(&mut source[9..]);
            // SAFETY: the frame is accessed atomically by both threads, the source by this one.
            unsafe { store_words(frame_address, plain, WORDS * 8) };
        }
        stop.store(true, Ordering::Relaxed);
        reader.join().expect("no torn word");
    });
}
