//! Order within streams, events between them.

use super::support::{at, complete, context, pattern, Memory, TestFile, LONG};
use gpuio_core::ErrorCode;
use gpuio_runtime::requests::{
    EventState, RequestClass, RequestSpec, RequestStatus, Stream, SubmitOptions,
};
use std::time::Duration;

fn on(stream: &Stream) -> SubmitOptions {
    SubmitOptions {
        stream: stream.id(),
        ..SubmitOptions::default()
    }
}

#[test]
fn overlapping_writes_keep_their_order_and_a_read_sees_them() {
    let (context, file) = (context(), TestFile::new(&vec![0; 300_000]));
    let requests = context.requests();
    let resource = requests.open_resource(&file.uri(), 0, true).unwrap();
    let stream = requests.create_stream(RequestClass::TrainingFw).unwrap();
    let sources: Vec<_> = (0..40u64)
        .map(|k| Memory::new(&requests, vec![k as u8 + 1; 200_000]))
        .collect();
    let target = Memory::new(&requests, vec![0; 300_000]);
    let mut expected = vec![0; 300_000];
    let mut handles = Vec::new();
    for (k, source) in sources.iter().enumerate() {
        // Classes pass each other, but not within a stream.
        let options = SubmitOptions {
            class: Some(RequestClass::ALL[5 - k % 6]),
            ..on(&stream)
        };
        let offset = (k * 7919) % 100_000;
        let write = RequestSpec::write(source.at(0), at(&resource, offset as u64), 200_000);
        handles.push(requests.submit(&write.with(options)).unwrap());
        expected[offset..offset + 200_000].fill(k as u8 + 1);
    }
    let read = RequestSpec::read(at(&resource, 0), target.at(0), 300_000);
    let read = requests.submit(&read.with(on(&stream))).unwrap();
    complete(&read);
    assert!(handles
        .iter()
        .all(|it| it.status() == RequestStatus::Completed));
    assert_eq!(target.bytes(), expected);
}

#[test]
fn what_waits_for_an_event_begins_after_it() {
    let (context, file) = (context(), TestFile::new(&vec![0; 1 << 20]));
    let requests = context.requests();
    let resource = requests.open_resource(&file.uri(), 0, true).unwrap();
    let [first, second] = [0, 1].map(|_| requests.create_stream(RequestClass::TrainingBw).unwrap());
    let target = Memory::new(&requests, vec![0; 1 << 20]);
    for round in 1..20u64 {
        let source = Memory::new(&requests, vec![round as u8; 1 << 20]);
        let event = requests.create_event().unwrap();
        let write = RequestSpec::write(source.at(0), at(&resource, 0), 1 << 20);
        requests.submit(&write.with(on(&first))).unwrap();
        event.record(&first).unwrap();
        second.wait(&event).unwrap();
        let read = RequestSpec::read(at(&resource, 0), target.at(0), 1 << 20);
        let urgent = SubmitOptions {
            class: Some(RequestClass::InferenceRealtime),
            ..on(&second)
        };
        complete(&requests.submit(&read.with(urgent)).unwrap());
        assert!(
            target.bytes().iter().all(|it| *it == round as u8),
            "round {round}"
        );
    }
}

#[test]
fn an_event_tells_where_it_stands_and_when_it_was_reached() {
    let context = context();
    let requests = context.requests();
    let stream = requests.create_stream(RequestClass::TrainingBw).unwrap();
    let [begin, end] = [0, 1].map(|_| requests.create_event().unwrap());
    assert_eq!(begin.query(), EventState::Unrecorded);
    begin.wait(Duration::ZERO).unwrap();
    stream.wait(&begin).unwrap();
    let error = end.elapsed_ns(&begin).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidArgument);
    context.pause_service(true);
    begin.record(&stream).unwrap();
    assert_eq!(begin.query(), EventState::Pending);
    assert_eq!(begin.record(&stream).unwrap_err().code, ErrorCode::Busy);
    let error = begin.wait(Duration::from_millis(1)).unwrap_err();
    assert_eq!(error.code, ErrorCode::Timeout);
    let memory = Memory::new(&requests, pattern(1, 1 << 20));
    let copy = RequestSpec::copy(memory.at(0), memory.at(1 << 19), 1 << 19);
    requests.submit(&copy.with(on(&stream))).unwrap();
    end.record(&stream).unwrap();
    context.pause_service(false);
    end.wait(LONG).unwrap();
    assert!(matches!(begin.query(), EventState::Reached { .. }));
    assert!(end.elapsed_ns(&begin).unwrap() > 0);
    assert_eq!(begin.elapsed_ns(&end).unwrap(), 0);
    begin.record(&stream).unwrap();
    stream.synchronize(LONG).unwrap();
    assert_eq!(end.elapsed_ns(&begin).unwrap(), 0, "it was recorded anew");
}

#[test]
fn streams_and_events_may_go_while_they_are_in_use() {
    let context = context();
    let requests = context.requests();
    let memory = Memory::new(&requests, pattern(1, 4096));
    let mut handles = Vec::new();
    context.pause_service(true);
    for _ in 0..100 {
        let [first, second] =
            [0, 1].map(|_| requests.create_stream(RequestClass::TrainingBw).unwrap());
        let copy = RequestSpec::copy(memory.at(0), memory.at(2048), 2048);
        handles.push(requests.submit(&copy.with(on(&first))).unwrap());
        let event = requests.create_event().unwrap();
        event.record(&first).unwrap();
        second.wait(&event).unwrap();
        handles.push(requests.submit(&copy.with(on(&second))).unwrap());
    }
    context.pause_service(false);
    handles.iter().for_each(complete);
}

#[test]
fn contexts_do_not_mix() {
    let [one, other] = [context(), context()];
    let stream = one
        .requests()
        .create_stream(RequestClass::TrainingBw)
        .unwrap();
    let event = other.requests().create_event().unwrap();
    let code = ErrorCode::InvalidArgument;
    assert_eq!(event.record(&stream).unwrap_err().code, code);
    assert_eq!(stream.wait(&event).unwrap_err().code, code);
}

#[test]
fn a_request_that_fails_does_not_stop_its_successors() {
    let (context, file) = (context(), TestFile::new(&pattern(1, 4096)));
    let requests = context.requests();
    let resource = requests.open_resource(&file.uri(), 0, false).unwrap();
    let stream = requests.create_stream(RequestClass::TrainingBw).unwrap();
    let memory = Memory::new(&requests, vec![0; 8192]);
    let read = |offset, length| {
        let read = RequestSpec::read(at(&resource, offset), memory.at(0), length);
        requests.submit(&read.with(on(&stream))).unwrap()
    };
    let (bad, good) = (read(0, 8192), read(0, 4096));
    complete(&good);
    assert_eq!(bad.status(), RequestStatus::Error);
}
