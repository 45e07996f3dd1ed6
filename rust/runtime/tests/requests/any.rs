//! Waiting for any of several requests.

use super::support::{complete, context, Memory, LONG};
use gpuio_core::ErrorCode;
use gpuio_runtime::requests::{RequestHandle, RequestSpec};
use std::time::Duration;

#[test]
fn the_first_that_has_ended_is_named() {
    let context = context();
    let requests = context.requests();
    let memory = Memory::new(&requests, vec![0; 64]);
    let add = || {
        requests
            .submit(&RequestSpec::fetch_add(memory.at(0), 1))
            .unwrap()
    };
    let none = RequestHandle::wait_any([].iter(), LONG).unwrap();
    assert_eq!(none, None);
    let early = add();
    complete(&early);
    context.pause_service(true);
    let late = [add(), add()];
    let short = Duration::from_millis(20);
    assert_eq!(RequestHandle::wait_any(late.iter(), short).unwrap(), None);
    let all = [late[0].clone(), early, late[1].clone()];
    assert_eq!(RequestHandle::wait_any(all.iter(), LONG).unwrap(), Some(1));
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| RequestHandle::wait_any(late.iter(), LONG).unwrap());
        std::thread::sleep(short);
        context.pause_service(false);
        assert!(waits.join().unwrap().is_some());
    });
    late.iter().for_each(complete);
}

#[test]
fn many_threads_keep_many_in_flight() {
    const EACH: u64 = 5_000;
    let context = context();
    let requests = context.requests();
    let memory = Memory::new(&requests, vec![0; 64]);
    let add = || {
        requests
            .submit(&RequestSpec::fetch_add(memory.at(8), 1))
            .unwrap()
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut in_flight: Vec<_> = (0..8).map(|_| add()).collect();
                for _ in 8..EACH {
                    let place = RequestHandle::wait_any(in_flight.iter(), LONG).unwrap();
                    let place = place.expect("one of them ends");
                    complete(&in_flight[place]);
                    in_flight[place] = add();
                }
                in_flight.iter().for_each(complete);
            });
        }
    });
    assert_eq!(memory.bytes()[8..16], (4 * EACH).to_ne_bytes());
}

#[test]
fn requests_of_several_contexts_are_refused() {
    let contexts = [context(), context()];
    let handles: Vec<_> = contexts
        .iter()
        .map(|context| {
            let requests = context.requests();
            let memory = Memory::new(&requests, vec![0; 8]);
            let add = RequestSpec::fetch_add(memory.at(0), 1);
            requests.submit(&add).unwrap()
        })
        .collect();
    let error = RequestHandle::wait_any(handles.iter(), LONG).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidArgument);
}
