//! Cancelling at every point, and dropping.

use super::support::{at, complete, context, pattern, Memory, Random, TestFile, LONG};
use gpuio_core::ErrorCode;
use gpuio_runtime::requests::{RequestClass, RequestSpec, RequestStatus, SubmitOptions};
use std::time::Duration;

const LENGTH: usize = 4 << 20;

#[test]
fn before_it_is_taken_in_its_stream_and_after_its_end() {
    let (context, file) = (context(), TestFile::new(&pattern(1, LENGTH)));
    let requests = context.requests();
    let resource = requests.open_resource(&file.uri(), 0, false).unwrap();
    let memory = Memory::new(&requests, vec![0; LENGTH]);
    let stream = requests.create_stream(RequestClass::TrainingBw).unwrap();
    let options = SubmitOptions {
        stream: stream.id(),
        ..SubmitOptions::default()
    };
    let read = RequestSpec::read(at(&resource, 0), memory.at(0), LENGTH as u64).with(options);
    context.pause_service(true);
    let handles: Vec<_> = (0..5).map(|_| requests.submit(&read).unwrap()).collect();
    for k in [1, 3, 4] {
        assert!(handles[k].cancel());
        assert!(handles[k].cancel(), "it has not ended");
    }
    context.pause_service(false);
    for (k, handle) in handles.iter().enumerate() {
        if [1, 3, 4].contains(&k) {
            assert_eq!(handle.wait(LONG), Some(RequestStatus::Cancelled));
            assert_eq!(handle.error().unwrap().code, ErrorCode::Canceled);
        } else {
            complete(handle);
        }
        assert!(!handle.cancel());
    }
}

#[test]
fn in_flight_every_byte_is_old_or_new() {
    let (context, file) = (context(), TestFile::new(&vec![0; LENGTH]));
    let requests = context.requests();
    let resource = requests.open_resource(&file.uri(), 0, true).unwrap();
    let mut random = Random(1);
    let mut old = 0u8;
    let mut ends = [0; 2];
    for round in 1..60u8 {
        let source = Memory::new(&requests, vec![round; LENGTH]);
        let write = RequestSpec::write(source.at(0), at(&resource, 0), LENGTH as u64);
        let handle = requests.submit(&write).unwrap();
        std::thread::sleep(Duration::from_micros(random.below(3000)));
        handle.cancel();
        let status = handle.wait(LONG).unwrap();
        let bytes = file.bytes();
        match status {
            RequestStatus::Completed => assert!(bytes.iter().all(|it| *it == round)),
            RequestStatus::Cancelled => {
                let new = bytes.iter().filter(|it| **it == round).count();
                assert_eq!(new as u64, handle.bytes_completed());
                assert!(bytes.iter().all(|it| *it == round || *it == old));
            }
            other => panic!("{other:?}: {:?}", handle.error()),
        }
        ends[usize::from(status == RequestStatus::Completed)] += 1;
        // All bytes are equal again.
        old = round;
        let again = RequestSpec::write(source.at(0), at(&resource, 0), LENGTH as u64);
        complete(&requests.submit(&again).unwrap());
    }
    println!("{} cancelled, {} completed", ends[0], ends[1]);
}

#[test]
fn copies_by_way_of_a_buffer_and_arrays_are_cancelled_too() {
    let context = context();
    let requests = context.requests();
    let files = [0, 1].map(|seed| TestFile::new(&pattern(seed, LENGTH)));
    let array_file = TestFile::new(&pattern(2, LENGTH));
    let array = context
        .open(&array_file.uri(), LENGTH as u64, 1, true)
        .unwrap();
    let open = |file: &TestFile| requests.open_resource(&file.uri(), 0, true).unwrap();
    let places = [
        open(&files[0]),
        open(&files[1]),
        requests.register_array(&array).unwrap(),
    ];
    let mut random = Random(2);
    for round in 0..60 {
        let (from, to) = (round % 3, (round + 1) % 3);
        let copy = RequestSpec::copy(at(&places[from], 0), at(&places[to], 0), LENGTH as u64);
        let handle = requests.submit(&copy).unwrap();
        std::thread::sleep(Duration::from_micros(random.below(3000)));
        handle.cancel();
        let status = handle.wait(LONG).unwrap();
        assert_ne!(status, RequestStatus::Error, "{:?}", handle.error());
    }
    for place in &places {
        assert!(place.release(LONG));
    }
    context.close(&array).unwrap();
}

#[test]
fn a_dropped_handle_neither_cancels_nor_leaks() {
    let (context, file) = (context(), TestFile::new(&vec![0; 1000 * 512]));
    let requests = context.requests();
    let resource = requests.open_resource(&file.uri(), 0, true).unwrap();
    let source = Memory::new(&requests, pattern(3, 1000 * 512));
    for k in 0..1000u64 {
        let write = RequestSpec::write(source.at(512 * k), at(&resource, 512 * k), 512);
        drop(requests.submit(&write).unwrap());
    }
    drop(resource);
    assert!(source.region.release(LONG));
    assert_eq!(file.bytes(), pattern(3, 1000 * 512));
    let figures = requests.figures().unwrap();
    assert_eq!(figures.requests, 0);
    assert_eq!(figures.figures.total(|it| it.completed), 1000);
    assert!(figures
        .devices
        .iter()
        .all(|it| (it.waiting, it.in_flight) == (0, 0)));
    let storage = figures
        .devices
        .iter()
        .find(|it| it.name.starts_with("storage"));
    assert!(storage.is_some(), "{:?}", figures.devices);
}
