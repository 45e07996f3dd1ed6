//! What happened to each task, and whether it may have.
//!
//! Plain atomics and locks: shuttle does not see them, so they order nothing that it explores.

use gpuio_workers::{Completion, Outcome, Rest, Task};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Mutex;

/// A task as its submitter sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    #[default]
    NotSubmitted,
    Refused,
    Accepted,
    /// Accepted, and `withdraw` returned true.
    Withdrawn,
}

#[derive(Default)]
struct Life {
    runs: AtomicUsize,
    fate: Mutex<Fate>,
    ends: Mutex<Vec<&'static str>>,
}

/// Knows every task by its token.
pub struct Oracle {
    lives: Vec<Life>,
    is_shut: AtomicBool,
}

impl Oracle {
    pub fn new(tasks: usize) -> Self {
        Self {
            lives: (0..tasks).map(|_| Life::default()).collect(),
            is_shut: AtomicBool::new(false),
        }
    }

    /// The task runs.
    pub fn run(&self, token: u64) {
        self.lives[token as usize]
            .runs
            .fetch_add(1, Ordering::Relaxed);
        assert!(
            !self.is_shut.load(Ordering::Relaxed),
            "task {token} runs after the shutdown"
        );
    }

    /// Its submitter knows more.
    pub fn decide(&self, token: u64, fate: Fate) {
        *self.lives[token as usize].fate.lock().unwrap() = fate;
    }

    /// `shutdown` has returned.
    pub fn shut(&self) {
        self.is_shut.store(true, Ordering::Relaxed);
    }

    /// A completion was taken.
    pub fn end<T: Task>(&self, completion: &Completion<T>) {
        let end = match completion.outcome {
            Outcome::Done(_) => "done",
            Outcome::Panicked(_) => "panicked",
            Outcome::Withdrawn(_) => "withdrawn",
            Outcome::Discarded(_) => "discarded",
        };
        let life = &self.lives[completion.token as usize];
        life.ends.lock().unwrap().push(end);
    }

    /// How many were accepted.
    pub fn accepted(&self) -> usize {
        let is_in =
            |life: &&Life| matches!(*life.fate.lock().unwrap(), Fate::Accepted | Fate::Withdrawn);
        self.lives.iter().filter(is_in).count()
    }

    /// All completions have been taken.
    pub fn judge(&self, rest: Rest) {
        for (token, life) in self.lives.iter().enumerate() {
            let fate = *life.fate.lock().unwrap();
            let runs = life.runs.load(Ordering::Relaxed);
            let ends = life.ends.lock().unwrap();
            match (fate, ends.as_slice()) {
                (Fate::NotSubmitted | Fate::Refused, []) => {
                    assert_eq!(runs, 0, "task {token} was not accepted");
                }
                (Fate::NotSubmitted | Fate::Refused, _) => {
                    panic!("task {token} was not accepted and ends: {ends:?}")
                }
                (_, []) => panic!("task {token} has no completion"),
                (Fate::Withdrawn, ends) => {
                    assert_eq!(
                        (ends, runs),
                        (&["withdrawn"][..], 0),
                        "task {token} was withdrawn"
                    );
                }
                (Fate::Accepted, ["done"]) => assert_eq!(runs, 1, "task {token} is done"),
                (Fate::Accepted, ["discarded"]) => {
                    assert_eq!(runs, 0, "task {token} was discarded");
                    assert_eq!(rest, Rest::Discard, "task {token} was not to be discarded");
                }
                (Fate::Accepted, ends) => panic!("task {token} ends: {ends:?}"),
            }
        }
    }
}
