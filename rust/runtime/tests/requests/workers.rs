//! Copies and callbacks on worker threads.

use super::support::{at, complete, context, context_with, pattern, Memory, Random, LONG};
use gpuio_core::config::ConfigLayer;
use gpuio_core::ErrorCode;
use gpuio_runtime::requests::{
    OnFull, Region, RequestClass, RequestHandle, RequestSpec, RequestStatus, Requests,
    SubmitOptions,
};
use gpuio_runtime::Context;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{channel, Receiver};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Up to so many bytes the service copies itself.
const INLINE: usize = 64 << 10;
/// Longest slice of a copy.
const SLICE: usize = 256 << 10;

fn workers(count: u32) -> Arc<Context> {
    context_with(ConfigLayer {
        request_workers: Some(count),
        ..ConfigLayer::default()
    })
}

/// A copy that takes a worker.
fn long_copy(requests: &Arc<Requests>, memory: &Memory) -> RequestHandle {
    let copy = RequestSpec::copy(memory.at(0), memory.at(SLICE as u64), SLICE as u64);
    requests.submit(&copy).unwrap()
}

/// Two slices of memory: what is copied, and where to.
fn pair(requests: &Arc<Requests>) -> Memory {
    let mut bytes = pattern(3, SLICE);
    bytes.resize(2 * SLICE, 0);
    Memory::new(requests, bytes)
}

#[test]
fn copies_of_any_length_are_right() {
    for count in [0, 1, 3] {
        let context = workers(count);
        check_copies(&context.requests());
    }
    let context = context();
    context.refuse_threads();
    check_copies(&context.requests());
}

/// Against a model: copies one after the other in a stream, each from anywhere to anywhere.
fn check_copies(requests: &Arc<Requests>) {
    const LENGTH: usize = 2 << 20;
    let mut model = [pattern(1, LENGTH), pattern(2, LENGTH)];
    let memory = model.each_ref().map(|it| Memory::new(requests, it.clone()));
    let stream = requests.create_stream(RequestClass::TrainingBw).unwrap();
    let classes = [
        RequestClass::InferenceRealtime,
        RequestClass::TrainingFw,
        RequestClass::Background,
    ];
    let sizes = [1, INLINE - 1, INLINE, INLINE + 1, SLICE, SLICE + 1, 1 << 20];
    let mut random = Random(5);
    let mut handles = Vec::new();
    for k in 0..300usize {
        let options = SubmitOptions {
            stream: stream.id(),
            class: Some(classes[k % classes.len()]),
            ..SubmitOptions::default()
        };
        let length = sizes[k % sizes.len()];
        let mut place = || random.below((LENGTH - length) as u64 + 1);
        let (from, to, source) = (place(), place(), k / 3 % 2);
        let (a, b) = (&memory[source], &memory[1 - source]);
        let copy = RequestSpec::copy(a.at(from), b.at(to), length as u64).with(options);
        handles.push(requests.submit(&copy).unwrap());
        let (from, to) = (from as usize, to as usize);
        let bytes = model[source][from..from + length].to_vec();
        model[1 - source][to..to + length].copy_from_slice(&bytes);
    }
    handles.iter().for_each(complete);
    assert!(memory[0].bytes() == model[0] && memory[1].bytes() == model[1]);
}

/// One of ten is long enough for a worker.
fn length_of(number: usize) -> usize {
    match number % 10 {
        0 => INLINE + 1,
        _ => 4096,
    }
}

fn length_of_all(count: usize) -> usize {
    (0..count).map(length_of).sum()
}

/// So many copies, each to a place of its own.
fn many_copies(requests: &Arc<Requests>, target: &mut [u8], count: usize) -> Targets {
    assert_eq!(target.len(), length_of_all(count));
    let source = Memory::new(requests, pattern(7, INLINE + 1));
    // SAFETY: the caller keeps it until all have ended.
    let region =
        unsafe { requests.register_memory(target.as_mut_ptr() as usize, target.len() as u64) };
    let region = region.unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let mut to = 0;
    let handles = (0..count).map(|k| {
        let length = length_of(k) as u64;
        let copy = RequestSpec::copy(source.at(0), at(&region, to), length);
        to += length;
        let handle = requests.submit(&copy).unwrap();
        let counted = Arc::clone(&calls);
        handle.on_complete(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        handle
    });
    Targets {
        handles: handles.collect(),
        calls,
        region,
        source,
    }
}

struct Targets {
    handles: Vec<RequestHandle>,
    calls: Arc<AtomicUsize>,
    region: Region,
    source: Memory,
}

impl Targets {
    /// All have ended.
    fn check(&self, target: &mut [u8]) -> usize {
        let source = self.source.bytes();
        let (mut completed, mut from) = (0, 0);
        for (k, handle) in self.handles.iter().enumerate() {
            let place = from..from + length_of(k);
            from = place.end;
            match handle.status() {
                RequestStatus::Completed => {
                    assert!(target[place] == source[..length_of(k)]);
                    completed += 1;
                }
                RequestStatus::Cancelled => {
                    assert_eq!(handle.error().unwrap().code, ErrorCode::Canceled);
                }
                other => panic!("{other:?} {:?}", handle.error()),
            }
        }
        assert!(
            self.region.release(Duration::ZERO),
            "a request still uses it"
        );
        target.fill(0xee);
        std::thread::sleep(Duration::from_millis(20));
        assert!(target.iter().all(|it| *it == 0xee), "touched after the end");
        completed
    }
}

#[test]
fn the_end_of_a_context_ends_ten_thousand_copies_once() {
    const COUNT: usize = 10_000;
    for pause_us in [0u64, 1000, 10_000] {
        let context = context();
        let requests = context.requests();
        let mut target = vec![0u8; length_of_all(COUNT)];
        let targets = many_copies(&requests, &mut target, COUNT);
        std::thread::sleep(Duration::from_micros(pause_us));
        drop(context);
        assert!(targets.handles.iter().all(|it| it.status().is_end()));
        assert_eq!(targets.calls.load(Ordering::Relaxed), COUNT);
        let completed = targets.check(&mut target);
        println!("{completed} of {COUNT} completed");
    }
}

#[test]
fn cancelled_copies_leave_memory_alone_once_they_have_ended() {
    const COUNT: usize = 2000;
    let context = context();
    let requests = context.requests();
    let mut target = vec![0u8; length_of_all(COUNT)];
    let targets = many_copies(&requests, &mut target, COUNT);
    for handle in &targets.handles {
        handle.cancel();
    }
    for handle in &targets.handles {
        assert!(handle.wait(LONG).is_some());
    }
    targets.check(&mut target);
}

/// Blocks until the sender that comes back is dropped.
fn blocks(handle: &RequestHandle) -> (std::sync::mpsc::Sender<()>, Receiver<()>) {
    let (go, ready) = channel::<()>();
    let (began, begun) = channel();
    handle.on_complete(move |_| {
        let _ = began.send(());
        let _ = ready.recv();
    });
    (go, begun)
}

#[test]
fn blocking_callbacks_hold_up_neither_copies_nor_the_service() {
    let context = workers(2);
    let requests = context.requests();
    let memory = pair(&requests);
    let mut gates = Vec::new();
    for _ in 0..5 {
        context.pause_service(true);
        let handle = long_copy(&requests, &memory);
        gates.push(blocks(&handle));
        context.pause_service(false);
        complete(&handle);
    }
    // Most often the first two. But a thread that takes two along has the second stolen from it,
    // after what has been submitted since.
    let deadline = Instant::now() + LONG;
    let mut waiting = gates;
    let mut begun = Vec::new();
    while begun.len() < 2 {
        assert!(Instant::now() < deadline, "two threads call two");
        let (now, later) = waiting.into_iter().partition(|it| it.1.try_recv().is_ok());
        let now: Vec<_> = now;
        begun.extend(now);
        waiting = later;
        std::thread::yield_now();
    }
    for _ in 0..100 {
        complete(&long_copy(&requests, &memory));
    }
    requests.figures().unwrap();
    let others = waiting.iter().filter(|it| it.1.try_recv().is_ok());
    assert_eq!(
        begun.len() + others.count(),
        2,
        "two threads call two at a time"
    );
    drop(begun);
    let (go, begun): (Vec<_>, Vec<_>) = waiting.into_iter().unzip();
    drop(go);
    for it in begun {
        it.recv_timeout(LONG).unwrap();
    }
}

#[test]
fn callbacks_may_submit_and_wait_on_every_thread_there_is() {
    for count in [1, 3] {
        let context = context_with(ConfigLayer {
            request_workers: Some(count),
            queued_requests_max: Some(8),
            ..ConfigLayer::default()
        });
        let requests = context.requests();
        let (sender, ended) = channel();
        for _ in 0..20 {
            // Copies that run at once need targets of their own.
            let memory = pair(&requests);
            let inner = Arc::clone(&requests);
            let sender = sender.clone();
            let handle = long_copy(&requests, &memory);
            handle.on_complete(move |_| {
                let next = long_copy(&inner, &memory);
                let seen = (next.wait(LONG), inner.figures().is_ok());
                sender.send(seen).unwrap();
            });
        }
        for _ in 0..20 {
            let seen = ended.recv_timeout(LONG).unwrap();
            assert_eq!(seen, (Some(RequestStatus::Completed), true));
        }
    }
}

#[test]
fn without_threads_the_service_calls_back_and_refuses_what_would_wait_for_it() {
    let context = context();
    context.refuse_threads();
    let requests = context.requests();
    let memory = pair(&requests);
    let (sender, seen) = channel();
    context.pause_service(true);
    let handle = long_copy(&requests, &memory);
    let inner = Arc::clone(&requests);
    handle.on_complete(move |_| {
        sender
            .send(inner.figures().map(|_| ()).unwrap_err().code)
            .unwrap();
    });
    context.pause_service(false);
    assert_eq!(seen.recv_timeout(LONG).unwrap(), ErrorCode::Busy);
    assert_eq!(memory.bytes()[SLICE..], pattern(3, SLICE));
}

#[test]
fn more_callbacks_than_there_is_room_for_are_called_once_each() {
    const COUNT: usize = 70_000;
    let context = workers(1);
    let requests = context.requests();
    let memory = Memory::new(&requests, vec![0; 64]);
    let copy = RequestSpec::copy(memory.at(0), memory.at(32), 8);
    context.pause_service(true);
    let first = requests.submit(&copy).unwrap();
    let (go, begun) = blocks(&first);
    context.pause_service(false);
    begun.recv_timeout(LONG).unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let mut handles = Vec::new();
    for _ in 0..COUNT {
        let handle = requests.submit(&copy).unwrap();
        let counted = Arc::clone(&calls);
        handle.on_complete(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        handles.push(handle);
    }
    handles.iter().for_each(complete);
    drop(go);
    drop(context);
    assert_eq!(calls.load(Ordering::Relaxed), COUNT);
}

#[test]
fn callbacks_given_while_others_run_come_after_them() {
    let context = context();
    let requests = context.requests();
    let memory = pair(&requests);
    context.pause_service(true);
    let handle = long_copy(&requests, &memory);
    let (go, begun) = blocks(&handle);
    let (sender, order) = channel();
    for k in 0..3 {
        if k == 1 {
            context.pause_service(false);
            begun.recv_timeout(LONG).unwrap();
        }
        let sender = sender.clone();
        handle.on_complete(move |_| {
            sender.send(k).unwrap();
            assert_ne!(k, 1, "a panic in a callback, as this test wants");
        });
    }
    assert!(order.try_recv().is_err());
    drop((go, sender));
    assert_eq!(order.iter().collect::<Vec<_>>(), [0, 1, 2]);
    // Nothing is before it any more, so it is called here.
    let here = std::thread::current().id();
    let (sender, called) = channel();
    handle.on_complete(move |_| sender.send(std::thread::current().id()).unwrap());
    assert_eq!(called.try_recv(), Ok(here));
}

#[test]
fn the_end_in_a_callback_has_every_other_callback_called() {
    const COUNT: usize = 100;
    let context = workers(1);
    let requests = context.requests();
    let memory = pair(&requests);
    let (sender, calls) = channel();
    context.pause_service(true);
    let handles: Vec<_> = (0..COUNT).map(|_| long_copy(&requests, &memory)).collect();
    let (go, ready) = channel::<()>();
    let held = Arc::clone(&context);
    handles[0].on_complete(move |_| {
        let _ = ready.recv();
        drop(held);
    });
    for handle in &handles {
        let (sender, inner) = (sender.clone(), Arc::clone(&requests));
        handle.on_complete(move |handle| {
            // Nothing of these hangs, whatever is left of the context.
            let _ = inner.figures();
            let options = SubmitOptions {
                on_full: OnFull::Wait,
                ..SubmitOptions::default()
            };
            let nothing = RequestSpec::copy((nowhere(), 0), (nowhere(), 0), 1);
            assert!(inner.submit(&nothing.with(options)).is_err());
            sender.send(handle.status().is_end()).unwrap();
        });
    }
    drop(sender);
    context.pause_service(false);
    drop(context);
    drop(go);
    for _ in 0..COUNT {
        assert!(calls.recv_timeout(LONG).unwrap());
    }
    assert!(calls.recv_timeout(LONG).is_err(), "each was called once");
}

/// A region that there is not.
fn nowhere() -> gpuio_runtime::requests::RegionId {
    gpuio_runtime::requests::RegionId(u32::MAX)
}
