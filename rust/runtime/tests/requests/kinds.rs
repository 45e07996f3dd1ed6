//! Every kind of request, between all places there are.

use super::support::{at, complete, context, pattern, Memory, TestFile, LONG};
use gpuio_runtime::requests::{
    Region, RequestClass, RequestSpec, RequestStatus, Requests, SubmitOptions,
};
use std::sync::Arc;

const LENGTH: usize = 3 << 20;

fn memio(requests: &Arc<Requests>) -> Region {
    requests
        .open_resource("memio://cpu/dram", LENGTH as u64, true)
        .unwrap()
}

#[test]
fn a_file_is_read_and_written() {
    let (context, file) = (context(), TestFile::new(&pattern(1, LENGTH)));
    let requests = context.requests();
    let resource = requests.open_resource(&file.uri(), 0, true).unwrap();
    assert_eq!(resource.length_bytes(), LENGTH as u64);
    let memory = Memory::new(&requests, vec![0; LENGTH]);
    let read = requests
        .submit(&RequestSpec::read(
            at(&resource, 100),
            memory.at(7),
            2_500_000,
        ))
        .unwrap();
    complete(&read);
    assert_eq!(read.bytes_completed(), 2_500_000);
    let bytes = memory.bytes();
    assert_eq!(bytes[7..2_500_007], pattern(1, LENGTH)[100..2_500_100]);
    assert!(bytes[..7]
        .iter()
        .chain(&bytes[2_500_007..])
        .all(|it| *it == 0));

    let source = Memory::new(&requests, pattern(2, LENGTH));
    let write = RequestSpec::write(source.at(11), at(&resource, 1001), 2_000_000);
    complete(&requests.submit(&write).unwrap());
    let (found, old) = (file.bytes(), pattern(1, LENGTH));
    assert_eq!(found[1001..2_001_001], pattern(2, LENGTH)[11..2_000_011]);
    assert_eq!(found[..1001], old[..1001]);
    assert_eq!(found[2_001_001..], old[2_001_001..]);
    assert_eq!(found.len(), LENGTH);
}

#[test]
fn offsets_count_from_the_uris_offset() {
    let (context, file) = (context(), TestFile::new(&pattern(1, 10_000)));
    let requests = context.requests();
    let uri = format!("{}?offset=4096", file.uri());
    let resource = requests.open_resource(&uri, 0, false).unwrap();
    assert_eq!(resource.length_bytes(), 10_000 - 4096);
    let memory = Memory::new(&requests, vec![0; 100]);
    let read = RequestSpec::read(at(&resource, 10), memory.at(0), 100);
    complete(&requests.submit(&read).unwrap());
    assert_eq!(memory.bytes(), pattern(1, 10_000)[4106..4206]);
}

#[test]
fn copies_go_between_any_two_places() {
    let context = context();
    let requests = context.requests();
    let files = [0, 1].map(|_| TestFile::new(&vec![0; LENGTH]));
    let array_file = TestFile::new(&vec![0; LENGTH]);
    let array = context
        .open(&array_file.uri(), LENGTH as u64, 1, true)
        .unwrap();
    let source = Memory::new(&requests, pattern(3, LENGTH));
    let target = Memory::new(&requests, vec![0; LENGTH]);
    let resource = |file: &TestFile| requests.open_resource(&file.uri(), 0, true).unwrap();
    let chain = [
        source.region.clone(),
        resource(&files[0]),
        resource(&files[1]),
        memio(&requests),
        requests.register_array(&array).unwrap(),
        memio(&requests),
        resource(&files[0]),
        requests.register_array(&array).unwrap(),
        target.region.clone(),
    ];
    // Each step moves the bytes on by an odd number, so that nothing is aligned.
    let length = 2_600_000;
    for (step, pair) in chain.windows(2).enumerate() {
        let offsets = (step as u64 * 1001, (step as u64 + 1) * 1001);
        let copy = RequestSpec::copy(at(&pair[0], offsets.0), at(&pair[1], offsets.1), length);
        let handle = requests.submit(&copy).unwrap();
        complete(&handle);
        assert_eq!(handle.bytes_completed(), length);
    }
    let first = (chain.len() - 1) * 1001;
    let bytes = target.bytes();
    let expected = pattern(3, LENGTH);
    assert_eq!(
        bytes[first..first + length as usize],
        expected[..length as usize]
    );
    assert!(bytes[..first].iter().all(|it| *it == 0));
    for region in &chain {
        assert!(region.release(super::support::LONG));
    }
    context.close(&array).unwrap();
}

#[test]
fn an_array_is_read_and_written_like_the_context_does() {
    let context = context();
    let requests = context.requests();
    let file = TestFile::new(&pattern(4, LENGTH));
    let array = context
        .open(&file.uri(), LENGTH as u64 / 8, 8, true)
        .unwrap();
    let region = requests.register_array(&array).unwrap();
    let memory = Memory::new(&requests, vec![0; LENGTH]);
    let read = RequestSpec::read(at(&region, 0), memory.at(0), LENGTH as u64);
    complete(&requests.submit(&read).unwrap());
    assert_eq!(memory.bytes(), pattern(4, LENGTH));
    let source = Memory::new(&requests, pattern(5, 100_000));
    let write = RequestSpec::write(source.at(0), at(&region, 12_345), 100_000);
    complete(&requests.submit(&write).unwrap());
    let mut bytes = vec![0; 100_000];
    context.read(&array, 12_345, &mut bytes).unwrap();
    assert_eq!(bytes, pattern(5, 100_000));
    context.flush(&array).unwrap();
    assert_eq!(file.bytes()[12_345..112_345], pattern(5, 100_000));
    assert!(region.release(super::support::LONG));
    context.close(&array).unwrap();
}

#[test]
fn memory_of_the_device_and_pinned_arrays_are_reached() {
    let context = context();
    let requests = context.requests();
    let file = TestFile::new(&pattern(6, 100_000));
    let uri = format!("{}?policy=pinned", file.uri());
    let array = context.open(&uri, 100_000, 1, true).unwrap();
    let pinned = requests.register_array(&array).unwrap();
    let mut bytes = vec![0u8; 100_000];
    // SAFETY: the vector outlives the requests, which are waited for.
    let device = unsafe { requests.register_device_memory(bytes.as_mut_ptr() as u64, 100_000) };
    let device = device.unwrap();
    let read = RequestSpec::read(at(&pinned, 10), at(&device, 20), 50_000);
    complete(&requests.submit(&read).unwrap());
    assert!(device.release(super::support::LONG) && pinned.release(super::support::LONG));
    assert_eq!(bytes[20..50_020], pattern(6, 100_000)[10..50_010]);
    context.close(&array).unwrap();
}

#[test]
fn atomic_operations_are_atomic_and_tell_the_old_value() {
    let context = context();
    let requests = context.requests();
    let memory = Memory::new(&requests, vec![0; 64]);
    // The vector may begin anywhere; the region's first aligned word.
    let add = |operand| RequestSpec::fetch_add(memory.at(8), operand);
    let handles: Vec<_> = (0..1000)
        .map(|_| requests.submit(&add(3)).unwrap())
        .collect();
    handles.iter().for_each(complete);
    let mut found: Vec<u64> = handles.iter().map(|it| it.old_value().unwrap()).collect();
    found.sort_unstable();
    assert!(found.iter().enumerate().all(|(k, it)| *it == 3 * k as u64));
    let swap = |compare| RequestSpec::compare_swap(memory.at(8), compare, 77);
    for (compare, old, after) in [(5, 3000, 3000), (3000, 3000, 77)] {
        let handle = requests.submit(&swap(compare)).unwrap();
        complete(&handle);
        assert_eq!(handle.old_value(), Some(old));
        let bytes = memory.bytes();
        assert_eq!(u64::from_le_bytes(bytes[8..16].try_into().unwrap()), after);
    }
    let wrap = requests.submit(&add(u64::MAX)).unwrap();
    complete(&wrap);
    assert_eq!(wrap.old_value(), Some(77));
    assert_eq!(memory.bytes()[8], 76);
}

#[test]
fn callbacks_run_once_in_order_and_a_panic_in_one_harms_nobody() {
    let (context, file) = (context(), TestFile::new(&pattern(1, 4096)));
    let requests = context.requests();
    let resource = requests.open_resource(&file.uri(), 0, false).unwrap();
    let memory = Memory::new(&requests, vec![0; 4096]);
    context.pause_service(true);
    let read = RequestSpec::read(at(&resource, 0), memory.at(0), 4096);
    let handle = requests.submit(&read).unwrap();
    assert_eq!(handle.status(), RequestStatus::Pending);
    let (sender, calls) = std::sync::mpsc::channel();
    for name in ["first", "second"] {
        let sender = sender.clone();
        handle.on_complete(move |handle| {
            sender
                .send((name, handle.status(), handle.wait(super::support::LONG)))
                .unwrap();
        });
        handle.on_complete(|_| panic!("a panic in a callback, as this test wants"));
    }
    let inner = Arc::clone(&requests);
    let asked = sender.clone();
    handle.on_complete(move |_| {
        // It may wait for the service, which does not wait for it.
        assert_eq!(inner.figures().unwrap().requests, 0);
        asked
            .send(("asked", RequestStatus::Completed, None))
            .unwrap();
    });
    context.pause_service(false);
    complete(&handle);
    let done = RequestStatus::Completed;
    for name in ["first", "second"] {
        assert_eq!(calls.recv().unwrap(), (name, done, Some(done)));
    }
    assert_eq!(calls.recv().unwrap().0, "asked");
    handle.on_complete(move |_| sender.send(("late", done, None)).unwrap());
    assert_eq!(calls.recv().unwrap().0, "late");
    assert!(calls.recv().is_err(), "each was called once");
    assert_eq!(requests.figures().unwrap().requests, 0);
}

/// What a request has read for it is as urgent as the request.
#[test]
fn pages_of_arrays_are_read_with_the_class_of_the_request() {
    const LENGTH: u64 = 64 << 10;
    for class in [RequestClass::InferenceRealtime, RequestClass::Background] {
        let (context, file) = (context(), TestFile::new(&pattern(1, LENGTH as usize)));
        let requests = context.requests();
        let array = context.open(&file.uri(), LENGTH, 1, true).unwrap();
        let region = requests.register_array(&array).unwrap();
        let memory = Memory::new(&requests, vec![0; LENGTH as usize]);
        let options = SubmitOptions {
            class: Some(class),
            ..SubmitOptions::default()
        };
        // In the middle of a page, which has to be read before it is written to.
        let write = RequestSpec::write(memory.at(0), at(&region, 100), 200);
        complete(&requests.submit(&write.with(options)).unwrap());
        let read = RequestSpec::read(at(&region, LENGTH / 2), memory.at(0), LENGTH / 2);
        complete(&requests.submit(&read.with(options)).unwrap());
        let figures = requests.figures().unwrap().figures;
        let submitted = |class| figures.class(class).submitted;
        assert!(
            submitted(class) > 3,
            "two requests and their pages: {class:?}"
        );
        assert_eq!(submitted(class), figures.total(|it| it.submitted));
        assert!(region.release(LONG));
        context.close(&array).unwrap();
    }
}
