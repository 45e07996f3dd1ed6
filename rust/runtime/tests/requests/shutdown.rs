//! A context ends with requests in flight.

use super::support::{at, context, pattern, Memory, TestFile, LONG};
use gpuio_core::ErrorCode;
use gpuio_runtime::requests::{
    BatchPart, RequestClass, RequestSpec, RequestStatus, StreamId, SubmitOptions,
};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;

const COUNT: usize = 10_000;
const LENGTH: usize = 4096;

#[test]
fn ten_thousand_in_flight_all_end_once_and_nothing_is_touched_after() {
    let content = pattern(1, 1 << 20);
    for pause_us in [0u64, 2000, 20_000] {
        let context = context();
        let requests = context.requests();
        let file = TestFile::new(&content);
        let resource = requests.open_resource(&file.uri(), 0, false).unwrap();
        let mut memory = vec![0u8; COUNT * LENGTH];
        // SAFETY: the vector lives to the end of the round, and is looked at after the end.
        let region =
            unsafe { requests.register_memory(memory.as_mut_ptr() as usize, memory.len() as u64) };
        let region = region.unwrap();
        let stream = requests.create_stream(RequestClass::TrainingBw).unwrap();
        let event = requests.create_event().unwrap();
        let ends = Arc::new(AtomicUsize::new(0));
        let mut handles = Vec::new();
        for k in 0..COUNT {
            let options = SubmitOptions {
                stream: if k % 10 == 0 {
                    stream.id()
                } else {
                    StreamId::NONE
                },
                ..SubmitOptions::default()
            };
            let (from, to) = ((k % 200) * LENGTH, (k * LENGTH) as u64);
            let read = RequestSpec::read(at(&resource, from as u64), at(&region, to), 4096);
            let handle = requests.submit(&read.with(options)).unwrap();
            let counted = Arc::clone(&ends);
            handle.on_complete(move |_| {
                counted.fetch_add(1, Ordering::Relaxed);
            });
            handles.push(handle);
        }
        event.record(&stream).unwrap();
        std::thread::sleep(Duration::from_micros(pause_us));
        drop(context);
        let mut completed = 0;
        for (k, handle) in handles.iter().enumerate() {
            match handle.wait(Duration::ZERO) {
                Some(RequestStatus::Completed) => {
                    completed += 1;
                    let from = (k % 200) * LENGTH;
                    assert_eq!(memory[k * LENGTH], content[from]);
                }
                Some(RequestStatus::Cancelled) => {
                    assert_eq!(handle.error().unwrap().code, ErrorCode::Canceled);
                }
                other => panic!("{other:?} {:?}", handle.error()),
            }
        }
        assert_eq!(ends.load(Ordering::Relaxed), COUNT);
        println!("{completed} of {COUNT} completed");
        assert!(region.release(Duration::ZERO), "it is the caller's again");
        memory.fill(0xee);
        std::thread::sleep(Duration::from_millis(20));
        assert!(memory.iter().all(|it| *it == 0xee), "touched after the end");
        let ended = event.wait(LONG);
        assert!(ended.is_ok() || ended.is_err_and(|it| it.code == ErrorCode::Canceled));
    }
}

#[test]
fn afterwards_everything_is_refused_and_nothing_hangs() {
    let context = context();
    let requests = context.requests();
    let memory = Memory::new(&requests, vec![0; 64]);
    let stream = requests.create_stream(RequestClass::TrainingBw).unwrap();
    let event = requests.create_event().unwrap();
    drop(context);
    let copy = RequestSpec::copy(memory.at(0), memory.at(32), 32);
    assert_eq!(
        requests.submit(&copy).unwrap_err().code,
        ErrorCode::Canceled
    );
    assert_eq!(event.record(&stream).unwrap_err().code, ErrorCode::Canceled);
    assert_eq!(stream.wait(&event).unwrap_err().code, ErrorCode::Canceled);
    assert_eq!(
        stream.synchronize(LONG).unwrap_err().code,
        ErrorCode::Canceled
    );
    assert!(requests.figures().is_err());
    assert!(requests
        .open_resource("memio://cpu/dram", 64, true)
        .is_err());
}

#[test]
fn copies_and_arrays_under_way_end_with_the_context() {
    for pause_us in [0u64, 300, 3000] {
        let context = context();
        let requests = context.requests();
        let files = [0, 1].map(|seed| TestFile::new(&pattern(seed, 4 << 20)));
        let array = context.open(&files[1].uri(), 4 << 20, 1, true).unwrap();
        let array = requests.register_array(&array).unwrap();
        let resource = requests.open_resource(&files[0].uri(), 0, true).unwrap();
        let other = requests
            .open_resource("memio://cpu/dram", 4 << 20, true)
            .unwrap();
        let memory = Memory::new(&requests, vec![0; 4 << 20]);
        let pairs = [
            (&array, &memory.region),
            (&resource, &array),
            (&resource, &other),
        ];
        let copies = pairs.map(|(from, to)| {
            let copy = RequestSpec::copy(at(from, 0), at(to, 0), 4 << 20);
            requests.submit(&copy).unwrap()
        });
        std::thread::sleep(Duration::from_micros(pause_us));
        drop(context);
        for handle in copies {
            assert!(handle.status().is_end());
            assert_ne!(
                handle.status(),
                RequestStatus::Error,
                "{:?}",
                handle.error()
            );
        }
    }
}

/// Batches of arrays, a file and memory: each ends, each part says truly whether it was carried
/// out, and nothing is touched after.
#[test]
fn batches_of_all_kinds_of_places_under_way_end_with_the_context() {
    let length = 1 << 20;
    for pause_us in [0u64, 300, 3000, 10_000] {
        let context = context();
        let requests = context.requests();
        let file = TestFile::new(&pattern(1, length));
        let array = context.open(&file.uri(), length as u64, 1, false).unwrap();
        let array = requests.register_array(&array).unwrap();
        let disk = requests.open_resource(&file.uri(), 0, false).unwrap();
        let dram = requests.open_resource("memio://cpu/dram", 1 << 20, true);
        let dram = dram.unwrap();
        let memory = Memory::new(&requests, vec![0; 3 * length]);
        let part = |k: u64| {
            let (at_, to) = (
                1000 * (k / 3),
                memory.at((k % 3) * (1 << 20) + 1000 * (k / 3)),
            );
            match k % 3 {
                0 => BatchPart::read(at(&array, at_), to, 1000),
                1 => BatchPart::read(at(&disk, at_), to, 1000),
                _ => BatchPart::copy(at(&array, at_), at(&dram, at_), 1000),
            }
        };
        let batch = |first: u64| {
            let parts: Vec<_> = (90 * first..90 * (first + 1)).map(part).collect();
            let batch = requests.submit_batch(&parts, SubmitOptions::default());
            batch.unwrap()
        };
        let batches: Vec<_> = (0..30).map(batch).collect();
        std::thread::sleep(Duration::from_micros(pause_us));
        drop(context);
        let (found, source) = (memory.bytes(), pattern(1, length));
        for (first, batch) in batches.iter().enumerate() {
            let (status, results) = (batch.status(), batch.part_results());
            assert!(
                status.is_end() && status != RequestStatus::Error,
                "{:?}",
                batch.error()
            );
            for (k, result) in (90 * first..).zip(&results) {
                let (from, to) = (1000 * (k / 3), (k % 3) * length + 1000 * (k / 3));
                match result {
                    Ok(()) if k % 3 == 2 => {}
                    Ok(()) => assert_eq!(found[to..to + 1000], source[from..from + 1000]),
                    Err(error) => assert_eq!(error.code, ErrorCode::Canceled),
                }
            }
        }
        assert!(
            memory.region.release(Duration::ZERO),
            "it is the caller's again"
        );
        std::thread::sleep(Duration::from_millis(20));
        assert!(memory.bytes() == found, "touched after the end");
    }
}

#[test]
fn a_callback_may_be_the_last_to_hold_the_context() {
    let context = context();
    let requests = context.requests();
    let memory = Memory::new(&requests, vec![0; 64]);
    let copy = RequestSpec::copy(memory.at(0), memory.at(32), 32);
    context.pause_service(true);
    let handle = requests.submit(&copy).unwrap();
    let (sender, gone) = std::sync::mpsc::channel();
    let (go, ready) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Arc::clone(&context);
    handle.on_complete(move |_| {
        let _ = ready.recv();
        drop(held);
        sender.send(()).unwrap();
    });
    context.pause_service(false);
    drop(context);
    go.send(()).unwrap();
    gone.recv_timeout(LONG).unwrap();
    // The service ends by itself; then nothing is taken any more.
    let deadline = std::time::Instant::now() + LONG;
    while requests.submit(&copy).is_ok() {
        assert!(std::time::Instant::now() < deadline, "the service goes on");
        std::thread::yield_now();
    }
}
