//! Bad input: each has its error, and nothing else happens.

use super::support::{at, complete, context, pattern, Memory, TestFile};
use gpuio_core::scheduling::RegionId;
use gpuio_core::ErrorCode;
use gpuio_runtime::requests::{
    BatchPart, RequestClass, RequestKind, RequestSpec, RequestStatus, Requests, StreamId,
    SubmitOptions,
};
use std::sync::Arc;

/// Expects each request to be refused with this code, and nothing to have happened.
fn refused(requests: &Arc<Requests>, code: ErrorCode, cases: &[(&str, RequestSpec)]) {
    for (name, spec) in cases {
        let error = requests.submit(spec).expect_err(name);
        assert_eq!(error.code, code, "{name}: {error}");
        assert!(!error.message.is_empty());
    }
    assert_eq!(requests.figures().unwrap().requests, 0);
}

#[test]
fn ranges_and_names_that_there_are_not_are_refused() {
    let (context, file) = (context(), TestFile::new(&pattern(1, 8192)));
    let requests = context.requests();
    let resource = requests.open_resource(&file.uri(), 0, false).unwrap();
    let memory = Memory::new(&requests, vec![0; 8192]);
    let array = context.open(&file.uri(), 8192, 1, false).unwrap();
    let array_region = requests.register_array(&array).unwrap();
    let (source, target) = (at(&resource, 0), memory.at(0));
    let nobody = (RegionId(9999), 0);
    let in_stream = |stream| {
        let options = SubmitOptions {
            stream,
            ..SubmitOptions::default()
        };
        RequestSpec::read(source, target, 8).with(options)
    };
    let class = RequestClass::TrainingBw;
    let gone = requests.create_stream(class).unwrap().id();
    let read = RequestSpec::read;
    let far = at(&resource, u64::MAX);
    let cases = [
        ("no bytes", read(source, target, 0)),
        ("beyond the memory", read(source, memory.at(1), 8192)),
        ("far beyond", read(source, memory.at(u64::MAX), 2)),
        ("far in the file", read(far, target, 2)),
        ("beyond the array", read(at(&array_region, 1), target, 8192)),
        ("unknown source", read(nobody, target, 8)),
        ("unknown target", read(source, nobody, 8)),
        ("unknown stream", in_stream(StreamId(777))),
        ("a stream that has gone", in_stream(gone)),
    ];
    refused(&requests, ErrorCode::InvalidArgument, &cases);
    assert_eq!(memory.bytes(), vec![0; 8192]);
    drop(array_region);
    context.close(&array).unwrap();
}

#[test]
fn kinds_that_do_not_fit_their_regions_are_refused() {
    let (context, file) = (context(), TestFile::new(&pattern(1, 8192)));
    let requests = context.requests();
    let resource = requests.open_resource(&file.uri(), 0, false).unwrap();
    let memory = Memory::new(&requests, vec![0; 8192]);
    let array = context.open(&file.uri(), 8192, 1, false).unwrap();
    let array_region = requests.register_array(&array).unwrap();
    let (source, target, other) = (at(&resource, 0), memory.at(0), memory.at(100));
    let elements = at(&array_region, 0);
    let batch = RequestSpec {
        kind: RequestKind::Batch,
        ..RequestSpec::read(source, target, 8)
    };
    let add = |target| RequestSpec::fetch_add(target, 1);
    let long_atomic = RequestSpec {
        length_bytes: 16,
        ..add(target)
    };
    let invalid = [
        ("read of memory", RequestSpec::read(target, other, 8)),
        ("read to a file", RequestSpec::read(source, source, 8)),
        ("write to memory", RequestSpec::write(target, other, 8)),
        ("write of a file", RequestSpec::write(source, source, 8)),
        ("onto itself", RequestSpec::copy(target, memory.at(7), 8)),
        ("a batch without parts", batch),
        ("an atomic of 16 bytes", long_atomic),
        ("an unaligned atomic", add(memory.at(4))),
        ("an atomic at the end", add(memory.at(8185))),
    ];
    refused(&requests, ErrorCode::InvalidArgument, &invalid);
    let unsupported = [("on a file", add(source)), ("on an array", add(elements))];
    refused(&requests, ErrorCode::Unsupported, &unsupported);
    let forbidden = [
        ("a read-only file", RequestSpec::write(target, source, 8)),
        ("a read-only array", RequestSpec::write(target, elements, 8)),
    ];
    refused(&requests, ErrorCode::Permission, &forbidden);
    assert_eq!(memory.bytes(), vec![0; 8192]);
    drop(array_region);
    context.close(&array).unwrap();
}

#[test]
fn regions_and_batches_that_make_no_sense_are_refused() {
    let context = context();
    let requests = context.requests();
    // SAFETY: refused, so never touched.
    unsafe {
        for (address, length) in [(0, 8), (8, 0), (usize::MAX - 3, 8), (8, u64::MAX)] {
            let error = requests.register_memory(address, length).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArgument);
        }
    }
    for (uri, code) in [
        ("nonsense", ErrorCode::InvalidArgument),
        ("localio:///does/not/exist", ErrorCode::NotFound),
    ] {
        assert_eq!(
            requests.open_resource(uri, 0, false).unwrap_err().code,
            code
        );
    }
    let memory = Memory::new(&requests, vec![0; 64]);
    let memio = requests
        .open_resource("memio://cpu/dram", 64, true)
        .unwrap();
    let file = TestFile::new(&[1; 64]);
    let resource = requests.open_resource(&file.uri(), 0, false).unwrap();
    let part = |src: RegionId, dst: RegionId, length_bytes| {
        BatchPart::read((src, 0), (dst, 0), length_bytes)
    };
    let good = part(resource.id(), memory.region.id(), 8);
    let too_many = vec![good; 65_537];
    let batches: [&[BatchPart]; 5] = [
        &[],
        &too_many,
        &[good, part(resource.id(), memory.region.id(), 0)],
        &[good, part(memory.region.id(), memory.region.id(), 8)],
        &[good, part(resource.id(), memio.id(), 8)],
    ];
    for parts in batches {
        let error = requests
            .submit_batch(parts, SubmitOptions::default())
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArgument, "{error}");
    }
}

#[test]
fn a_read_past_the_end_fails_where_the_file_ends() {
    let (context, file) = (context(), TestFile::new(&pattern(1, 5000)));
    let requests = context.requests();
    let resource = requests.open_resource(&file.uri(), 0, false).unwrap();
    let memory = Memory::new(&requests, vec![0; 8192]);
    let read = RequestSpec::read(at(&resource, 4000), memory.at(0), 4000);
    let handle = requests.submit(&read).unwrap();
    assert_eq!(
        handle.wait(super::support::LONG),
        Some(RequestStatus::Error)
    );
    let error = handle.error().unwrap();
    assert_eq!((error.code, error.offset), (ErrorCode::Io, Some(5000)));
    assert!(error.resource.contains("gpuio-requests"), "{error}");
    assert!(!handle.cancel());
}

#[test]
fn an_unregistered_region_takes_nothing_more_and_keeps_what_it_has() {
    let (context, file) = (context(), TestFile::new(&pattern(1, 8192)));
    let requests = context.requests();
    let memory = Memory::new(&requests, vec![0; 8192]);
    let resource = requests.open_resource(&file.uri(), 0, false).unwrap();
    context.pause_service(true);
    let read = RequestSpec::read(at(&resource, 0), memory.at(0), 8192);
    let handle = requests.submit(&read).unwrap();
    resource.unregister();
    let error = requests.submit(&read).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidArgument);
    assert!(
        !resource.release(std::time::Duration::ZERO),
        "a request uses it"
    );
    context.pause_service(false);
    complete(&handle);
    assert!(resource.release(super::support::LONG));
    assert_eq!(memory.bytes(), pattern(1, 8192));
}

#[test]
fn a_region_of_a_closed_array_gives_an_error() {
    let (context, file) = (context(), TestFile::new(&pattern(1, 8192)));
    let requests = context.requests();
    let memory = Memory::new(&requests, vec![0; 8192]);
    let array = context.open(&file.uri(), 8192, 1, true).unwrap();
    let region = requests.register_array(&array).unwrap();
    context.close(&array).unwrap();
    let read = RequestSpec::read(at(&region, 0), memory.at(0), 8192);
    let handle = requests.submit(&read).unwrap();
    assert_eq!(
        handle.wait(super::support::LONG),
        Some(RequestStatus::Error)
    );
    assert_eq!(handle.error().unwrap().code, ErrorCode::NotFound);
}
