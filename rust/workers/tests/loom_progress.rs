//! The handshake of an owner that advances with those who wait, under loom: every interleaving,
//! with the memory orders as they are. Who is not told sleeps for ever: loom says "deadlock". Run
//! by `scripts/test` with `--cfg loom`.
#![cfg(loom)]

use gpuio_workers::progress::Progress;
use gpuio_workers::sync::atomic::{AtomicU32, Ordering};
use loom::thread;
// Not loom's: its Arc cannot be dropped while a deadlock unwinds.
use std::sync::Arc;
use std::time::Duration;

/// Loom's condition variables know no time: this is for ever.
const LONG: Duration = Duration::from_secs(3600);
const END: u32 = 3;

/// Something that ends with a result, and callbacks that are called after.
struct Task {
    progress: Progress<Vec<u32>>,
    /// As weakly ordered as can be: the stage alone makes it visible.
    result: AtomicU32,
}

impl Task {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            progress: Progress::new(0, Vec::new()),
            result: AtomicU32::new(0),
        })
    }

    /// The owner's part. Gives the callbacks that it has to call.
    fn end(&self) -> Vec<u32> {
        self.result.store(7, Ordering::Relaxed);
        match self.progress.advance(END) {
            true => self.progress.tell(std::mem::take),
            false => Vec::new(),
        }
    }

    fn wait(&self) -> u32 {
        let look = |stage, _: &mut Vec<u32>| (stage == END).then_some(());
        self.progress.wait(LONG, look).expect("it ends");
        self.result.load(Ordering::Relaxed)
    }

    /// Leaves a callback. `false`: it has ended, and the caller calls it.
    fn leave(&self, callback: u32) -> bool {
        self.progress.with(|callbacks| {
            let is_early = self.progress.watch() != END;
            if is_early {
                callbacks.push(callback);
            }
            is_early
        })
    }
}

#[test]
fn who_waits_is_told_and_sees_the_result() {
    loom::model(|| {
        let task = Task::new();
        let other = Arc::clone(&task);
        let waiter = thread::spawn(move || other.wait());
        task.progress.advance(1);
        task.end();
        assert_eq!(waiter.join().unwrap(), 7);
    });
}

#[test]
fn two_who_wait_are_both_told() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let task = Task::new();
        let waiters: Vec<_> = (0..2)
            .map(|_| {
                let task = Arc::clone(&task);
                thread::spawn(move || task.wait())
            })
            .collect();
        task.end();
        let results = waiters.into_iter().map(|it| it.join().unwrap());
        assert!(results.into_iter().all(|it| it == 7));
    });
}

#[test]
fn who_looks_at_the_stage_alone_sees_the_result() {
    loom::model(|| {
        let task = Task::new();
        let other = Arc::clone(&task);
        let owner = thread::spawn(move || other.end());
        if task.progress.stage() == END {
            assert_eq!(task.result.load(Ordering::Relaxed), 7);
        }
        owner.join().unwrap();
    });
}

#[test]
fn a_callback_is_called_by_exactly_one() {
    loom::model(|| {
        let task = Task::new();
        let other = Arc::clone(&task);
        let owner = thread::spawn(move || other.end());
        let by_owner = task.leave(5);
        let called = owner.join().unwrap();
        assert_eq!(called, if by_owner { vec![5] } else { vec![] });
    });
}

/// The planted bug: the waiter looks first and sets the mark after.
#[test]
#[should_panic(expected = "deadlock")]
fn watching_after_the_look_loses_the_end() {
    loom::model(|| {
        let task = Task::new();
        let other = Arc::clone(&task);
        let waiter = thread::spawn(move || {
            let mut is_over = other.progress.stage() == END;
            let look = |_, _: &mut Vec<u32>| std::mem::replace(&mut is_over, true).then_some(());
            other.progress.wait(LONG, look)
        });
        task.end();
        waiter.join().unwrap();
    });
}

/// The planted bug: the owner looks at the mark first and advances after.
#[test]
#[should_panic(expected = "deadlock")]
fn advancing_after_the_look_tells_nobody() {
    loom::model(|| {
        let task = Task::new();
        let other = Arc::clone(&task);
        let waiter = thread::spawn(move || other.wait());
        let (is_watched, _) = task.progress.is_watched();
        task.progress.advance(END);
        if is_watched {
            task.progress.tell(|_| {});
        }
        waiter.join().unwrap();
    });
}

/// The planted bug: a callback is left without a look at how far the owner is.
#[test]
#[should_panic(expected = "called")]
fn leaving_without_a_look_forgets_a_callback() {
    loom::model(|| {
        let task = Task::new();
        let other = Arc::clone(&task);
        let owner = thread::spawn(move || other.end());
        task.progress.with(|callbacks| {
            task.progress.watch();
            callbacks.push(5);
        });
        assert_eq!(owner.join().unwrap(), [5], "called");
    });
}
