//! When there is not enough: threads, memory.
#![cfg(not(any(loom, shuttle)))]

#[path = "support/mod.rs"]
mod support;

use gpuio_core::scheduling::PriorityLevel::{High, Low, Medium};
use gpuio_core::ErrorCode;
use gpuio_workers::{spawn_thread, Body, Outcome, Rest, Task, WorkerPool, TASK_OVERHEAD_BYTES};
use std::io;
use std::sync::mpsc;
use support::{job, options, take_all, Gate, Job, PATIENCE};

const EAGAIN: i32 = 11;

#[test]
fn with_fewer_threads_it_works_and_says_why() {
    let mut asked = Vec::new();
    let mut spawn = |number, body: Body| {
        asked.push(number);
        match number {
            0 | 1 => spawn_thread(number, body),
            _ => Err(io::Error::from_raw_os_error(EAGAIN)),
        }
    };
    let pool = WorkerPool::<Job>::start_with(&options(5, 1000), || {}, &mut spawn).unwrap();
    assert_eq!(
        asked,
        [0, 1, 2],
        "after the first refusal no more are asked for"
    );
    assert_eq!(pool.thread_count(), 2);
    let why = pool.refusal().expect("it has fewer than asked for");
    assert_eq!((why.code, why.os_error), (ErrorCode::Busy, EAGAIN));
    assert!(why.message.contains("ask for fewer workers"), "{why}");
    for token in 0..900 {
        pool.submit([High, Medium, Low][token as usize % 3], token, job(token))
            .unwrap();
    }
    assert_eq!(take_all(&pool, 900).len(), 900);
    pool.shutdown(Rest::Drain, PATIENCE).unwrap();
    assert!(WorkerPool::<Job>::start(&options(1, 1), || {})
        .unwrap()
        .refusal()
        .is_none());
}

#[test]
fn without_any_thread_there_is_an_error_and_no_pool() {
    let mut spawn = |_, _: Body| Err(io::Error::from_raw_os_error(EAGAIN));
    let (sender, receiver) = mpsc::channel::<()>();
    let ring = move || sender.send(()).unwrap();
    let error = WorkerPool::<Job>::start_with(&options(4, 10), ring, &mut spawn).unwrap_err();
    assert_eq!((error.code, error.os_error), (ErrorCode::Busy, EAGAIN));
    assert!(
        error.to_string().contains("raise the limit of processes"),
        "{error}"
    );
    assert_eq!(
        receiver.recv(),
        Err(mpsc::RecvError),
        "the hook is dropped: nothing leaks"
    );
}

const COUNT: usize = 1_000_000;

/// About what a copy is told. One of them holds the worker.
struct Copy {
    words: [u64; 3],
    gate: Option<Gate>,
}

impl Task for Copy {
    type Done = u64;

    fn run(self) -> u64 {
        self.gate.iter().for_each(Gate::pass);
        self.words[0]
    }
}

/// Bytes of this process that are in memory; `None` where there is no /proc.
fn resident_bytes() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4096)
}

#[test]
fn a_million_tasks_wait_in_the_memory_that_is_promised() {
    let pool = WorkerPool::<Copy>::start(&options(1, COUNT + 1), || {}).unwrap();
    let gate = Gate::default();
    let copy = |index: usize, gate| Copy {
        words: [index as u64; 3],
        gate,
    };
    pool.submit(High, 0, copy(COUNT, Some(gate.clone())))
        .unwrap();
    let before = resident_bytes();
    for index in 0..COUNT {
        let level = [High, Medium, Low][index % 3];
        pool.submit(level, index as u64, copy(index, None)).unwrap();
    }
    let refused = pool.submit(High, 0, copy(0, None)).unwrap_err();
    assert_eq!(refused.reason.error().code, ErrorCode::Busy);
    if let Some((before, after)) = before.zip(resident_bytes()) {
        let per_task = (after - before) / COUNT;
        println!("{per_task} bytes a task of {}", size_of::<Copy>());
        // A sanitizer keeps shadows of memory beside it.
        let is_plain = option_env!("RUSTFLAGS").is_none_or(|it| !it.contains("sanitizer"));
        assert!(
            !is_plain || per_task <= size_of::<Copy>() + TASK_OVERHEAD_BYTES,
            "{per_task}"
        );
    }
    gate.open();
    pool.shutdown(Rest::Drain, PATIENCE).unwrap();
    let mut sum = 0;
    while let Some(completion) = pool.take() {
        let Outcome::Done(word) = completion.outcome else {
            panic!("{completion:?}");
        };
        sum += word;
    }
    assert_eq!(sum, (0..=COUNT as u64).sum());
}
