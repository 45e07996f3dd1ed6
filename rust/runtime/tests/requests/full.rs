//! No room: both ways of dealing with it.

use super::support::{at, complete, context_with, Memory, TestFile, LONG};
use gpuio_core::config::ConfigLayer;
use gpuio_core::ErrorCode;
use gpuio_runtime::requests::{OnFull, RequestSpec, SubmitOptions};
use std::time::Duration;

#[test]
fn a_full_queue_refuses_or_waits_as_asked() {
    let context = context_with(ConfigLayer {
        queued_requests_max: Some(4),
        io_timeout_us: Some(300_000),
        ..ConfigLayer::default()
    });
    let requests = context.requests();
    let file = TestFile::new(&[5; 4096]);
    let resource = requests.open_resource(&file.uri(), 0, false).unwrap();
    let memory = Memory::new(&requests, vec![0; 4096]);
    let spec = |on_full| {
        let options = SubmitOptions {
            on_full,
            ..SubmitOptions::default()
        };
        RequestSpec::read(at(&resource, 0), memory.at(0), 4096).with(options)
    };
    context.pause_service(true);
    let four: Vec<_> = (0..4)
        .map(|_| requests.submit(&spec(OnFull::Fail)).unwrap())
        .collect();
    let error = requests.submit(&spec(OnFull::Fail)).unwrap_err();
    assert_eq!(error.code, ErrorCode::Busy);
    assert!(error.retryable && error.message.contains("queued_requests_max"));
    let error = requests.submit(&spec(OnFull::Wait)).unwrap_err();
    assert_eq!(error.code, ErrorCode::Timeout);
    context.pause_service(false);
    four.iter().for_each(complete);
    // Eight threads, four places: they wait for each other.
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    complete(&requests.submit(&spec(OnFull::Wait)).unwrap());
                }
            });
        }
    });
    assert_eq!(requests.figures().unwrap().requests, 0);
}

#[test]
fn the_end_of_the_context_ends_the_wait_for_room() {
    let context = context_with(ConfigLayer {
        queued_requests_max: Some(1),
        ..ConfigLayer::default()
    });
    let requests = context.requests();
    let memory = Memory::new(&requests, vec![0; 64]);
    let copy = RequestSpec::copy(memory.at(0), memory.at(32), 32);
    context.pause_service(true);
    let first = requests.submit(&copy).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| requests.submit(&copy));
        std::thread::sleep(Duration::from_millis(20));
        drop(context);
        // It may have got the first one's place before the end.
        match waiting.join().unwrap() {
            Ok(handle) => assert!(handle.wait(LONG).is_some()),
            Err(error) => assert_eq!(error.code, ErrorCode::Canceled),
        }
    });
    assert!(first.status().is_end());
}
