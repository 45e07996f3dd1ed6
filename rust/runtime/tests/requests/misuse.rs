//! Bad input: each has its error, and nothing else happens.

use super::support::{at, complete, context, pattern, Memory, TestFile};
use gpuio_core::scheduling::RegionId;
use gpuio_core::ErrorCode;
use gpuio_runtime::requests::{
    BatchRead, RequestClass, RequestKind, RequestSpec, RequestStatus, StreamId, SubmitOptions,
};

#[test]
fn what_can_never_work_is_refused_at_once() {
    let (context, file) = (context(), TestFile::new(&pattern(1, 8192)));
    let requests = context.requests();
    let resource = requests.open_resource(&file.uri(), 0, false).unwrap();
    let memory = Memory::new(&requests, vec![0; 8192]);
    let array = context.open(&file.uri(), 8192, 1, false).unwrap();
    let array_region = requests.register_array(&array).unwrap();
    let (source, target) = (at(&resource, 0), memory.at(0));
    let nobody = (RegionId(9999), 0);
    let gone = requests
        .create_stream(RequestClass::TrainingBw)
        .unwrap()
        .id();
    let batch = RequestSpec {
        kind: RequestKind::Batch,
        ..RequestSpec::read(source, target, 8)
    };
    let long_atomic = RequestSpec {
        length_bytes: 16,
        ..RequestSpec::fetch_add(target, 1)
    };
    let in_gone = SubmitOptions {
        stream: gone,
        ..SubmitOptions::default()
    };
    let unknown_stream = SubmitOptions {
        stream: StreamId(777),
        ..SubmitOptions::default()
    };
    use ErrorCode::{InvalidArgument, Permission, Unsupported};
    let cases = [
        (
            "no bytes",
            RequestSpec::read(source, target, 0),
            InvalidArgument,
        ),
        (
            "beyond the memory",
            RequestSpec::read(source, memory.at(1), 8192),
            InvalidArgument,
        ),
        (
            "far beyond",
            RequestSpec::read(source, memory.at(u64::MAX), 2),
            InvalidArgument,
        ),
        (
            "far in the file",
            RequestSpec::read(at(&resource, u64::MAX), target, 2),
            InvalidArgument,
        ),
        (
            "beyond the array",
            RequestSpec::read(at(&array_region, 1), target, 8192),
            InvalidArgument,
        ),
        (
            "unknown source",
            RequestSpec::read(nobody, target, 8),
            InvalidArgument,
        ),
        (
            "unknown target",
            RequestSpec::read(source, nobody, 8),
            InvalidArgument,
        ),
        (
            "unknown stream",
            RequestSpec::read(source, target, 8).with(unknown_stream),
            InvalidArgument,
        ),
        (
            "gone stream",
            RequestSpec::read(source, target, 8).with(in_gone),
            InvalidArgument,
        ),
        (
            "read of memory",
            RequestSpec::read(target, memory.at(100), 8),
            InvalidArgument,
        ),
        (
            "read to a file",
            RequestSpec::read(source, source, 8),
            InvalidArgument,
        ),
        (
            "write to memory",
            RequestSpec::write(target, memory.at(100), 8),
            InvalidArgument,
        ),
        (
            "write of a file",
            RequestSpec::write(source, source, 8),
            InvalidArgument,
        ),
        (
            "onto itself",
            RequestSpec::copy(target, memory.at(7), 8),
            InvalidArgument,
        ),
        ("batch", batch, InvalidArgument),
        ("atomic of 16", long_atomic, InvalidArgument),
        (
            "unaligned atomic",
            RequestSpec::fetch_add(memory.at(4), 1),
            InvalidArgument,
        ),
        (
            "atomic at the end",
            RequestSpec::fetch_add(memory.at(8185), 1),
            InvalidArgument,
        ),
        (
            "atomic on a file",
            RequestSpec::fetch_add(source, 1),
            Unsupported,
        ),
        (
            "atomic on an array",
            RequestSpec::fetch_add(at(&array_region, 0), 1),
            Unsupported,
        ),
        (
            "read-only file",
            RequestSpec::write(target, source, 8),
            Permission,
        ),
        (
            "read-only array",
            RequestSpec::write(target, at(&array_region, 0), 8),
            Permission,
        ),
    ];
    for (name, spec, code) in cases {
        let error = requests.submit(&spec).expect_err(name);
        assert_eq!(error.code, code, "{name}: {error}");
        assert!(!error.message.is_empty());
    }
    assert_eq!(requests.figures().unwrap().requests, 0);
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
    let part = |src: RegionId, dst: RegionId, length_bytes| BatchRead {
        src,
        src_offset: 0,
        dst,
        dst_offset: 0,
        length_bytes,
    };
    let good = part(resource.id(), memory.region.id(), 8);
    let too_many = vec![good; 65_537];
    let batches: [&[BatchRead]; 6] = [
        &[],
        &too_many,
        &[good, part(resource.id(), memory.region.id(), 0)],
        &[good, part(memio.id(), memory.region.id(), 8)],
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
