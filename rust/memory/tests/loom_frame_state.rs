//! The state of an L2 frame under loom: a lease on another thread against the service that wants
//! the frame for another page. Run by `scripts/test` with `--cfg loom`.
#![cfg(loom)]

use gpuio_memory::frame_state::{FrameState, L2State};
use gpuio_memory::sync::atomic::{AtomicU64, Ordering};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

struct Frame {
    state: FrameState,
    bytes: UnsafeCell<u64>,
}

fn valid_frame() -> Arc<Frame> {
    let frame = Frame {
        state: FrameState::new(),
        bytes: UnsafeCell::new(1),
    };
    frame.state.set_state(L2State::Loading);
    frame.state.set_state(L2State::Valid);
    Arc::new(frame)
}

fn read(frame: &Frame) -> u64 {
    // SAFETY: loom checks that nobody writes meanwhile.
    frame.bytes.with(|bytes| unsafe { *bytes })
}

fn overwrite(frame: &Frame, value: u64) {
    // SAFETY: loom checks that nobody else touches the cell meanwhile.
    frame.bytes.with_mut(|bytes| unsafe { *bytes = value });
}

#[test]
fn a_leased_frame_is_not_overwritten() {
    loom::model(|| {
        let frame = valid_frame();
        frame.state.pin();
        let lent = Arc::clone(&frame);
        let lessee = thread::spawn(move || {
            assert_eq!(read(&lent), 1, "the page stays while it is leased");
            lent.state.unpin();
        });
        if frame.state.try_claim() {
            overwrite(&frame, 2);
        }
        lessee.join().unwrap();
        assert!(frame.state.is_unpinned());
    });
}

#[test]
fn two_leases_end_in_any_order() {
    loom::model(|| {
        let frame = valid_frame();
        let lessees: Vec<_> = (0..2)
            .map(|_| {
                frame.state.pin();
                let lent = Arc::clone(&frame);
                thread::spawn(move || {
                    assert_eq!(read(&lent), 1, "the page stays while it is leased");
                    lent.state.unpin();
                })
            })
            .collect();
        let claimed = frame.state.try_claim();
        if claimed {
            overwrite(&frame, 2);
        }
        for lessee in lessees {
            lessee.join().unwrap();
        }
        assert!(
            claimed || frame.state.try_claim(),
            "once all have let go it can be had"
        );
    });
}

#[test]
fn transitions_keep_the_pins() {
    loom::model(|| {
        let frame = valid_frame();
        frame.state.pin();
        let lent = Arc::clone(&frame);
        let lessee = thread::spawn(move || lent.state.unpin());
        for next in [
            L2State::Dirty,
            L2State::Flushing,
            L2State::Dirty,
            L2State::Valid,
        ] {
            frame.state.set_state(next);
            assert_eq!(frame.state.state(), next);
        }
        lessee.join().unwrap();
        assert!(frame.state.is_unpinned());
        assert!(frame.state.try_claim());
        assert_eq!(frame.state.state(), L2State::Free);
    });
}

#[test]
fn only_clean_pages_are_claimed() {
    for state in [L2State::Loading, L2State::Dirty, L2State::Flushing] {
        loom::model(move || {
            let frame = FrameState::new();
            frame.set_state(state);
            assert!(!frame.try_claim());
            assert_eq!(frame.state(), state);
        });
    }
}

/// The planted bug: an unpin without release order lets the claim overtake the reading.
#[test]
#[should_panic]
fn a_relaxed_unpin_is_found() {
    loom::model(|| {
        let pins = Arc::new(AtomicU64::new(1));
        let bytes = Arc::new(UnsafeCell::new(1u64));
        let (lent_pins, lent_bytes) = (Arc::clone(&pins), Arc::clone(&bytes));
        let lessee = thread::spawn(move || {
            // SAFETY: this is the access that loom is to catch.
            lent_bytes.with(|bytes| assert_eq!(unsafe { *bytes }, 1));
            lent_pins.fetch_sub(1, Ordering::Relaxed);
        });
        if pins.load(Ordering::Acquire) == 0 {
            // SAFETY: see above.
            bytes.with_mut(|bytes| unsafe { *bytes = 2 });
        }
        lessee.join().unwrap();
    });
}
