//! What only memio does: memory in place, NUMA nodes, bounds on what is asked for.

mod support;

use gpuio_core::ErrorCode;
use gpuio_engines::memio::{MemIoEngine, MemIoOptions, MAX_RESOURCES};
use gpuio_engines::{Engine, Engines, EnginesOptions};
use support::{for_reading, for_writing, read, uri, write, Arena};

fn engine() -> MemIoEngine {
    MemIoEngine::new(MemIoOptions::default())
}

fn refusal(text: &str, needed_bytes: u64) -> gpuio_core::Error {
    let error = engine()
        .open(&uri(text), for_writing(needed_bytes))
        .expect_err("it is refused");
    assert_eq!(error.resource, text);
    error
}

#[test]
fn the_memory_is_zeroed_aligned_and_usable_in_place() {
    let mut engine = engine();
    let (id, info) = engine
        .open(&uri("memio://cpu/dram"), for_writing(100_001))
        .expect("opens");
    let mapped = info.mapped.expect("it is mapped");
    assert_eq!((mapped.address % 4096, mapped.length_bytes), (0, 100_001));
    // SAFETY: the engine gives this memory out until the resource is closed.
    let bytes =
        unsafe { std::slice::from_raw_parts_mut(mapped.address as *mut u8, mapped.length_bytes) };
    assert!(bytes.iter().all(|&byte| byte == 0));
    bytes[100_000] = 5;
    let mut arena = Arena::new(8192);
    read(&mut engine, id, 99_999, arena.span(0, 2)).expect("it reads");
    assert_eq!(arena.bytes(0, 2), [0, 5]);
    arena.bytes(0, 2).fill(9);
    write(&mut engine, id, 0, arena.span(0, 2)).expect("it writes");
    assert_eq!(bytes[..3], [9, 9, 0]);
}

#[test]
fn memory_comes_from_a_node_that_exists() {
    let mut engine = engine();
    let (_, info) = engine
        .open(&uri("memio://cpu/dram?numa=0"), for_writing(1 << 20))
        .expect("0");
    assert!(info.mapped.is_some());
    let error = refusal("memio://cpu/dram?numa=1023", 4096);
    assert_eq!(error.code, ErrorCode::NotFound);
    assert!(error.message.contains("no NUMA node 1023"), "{error}");
}

#[test]
fn what_cannot_be_had_names_its_size() {
    for bytes in [1 << 50, u64::MAX - 1, u64::MAX] {
        let error = refusal("memio://cpu/dram", bytes);
        assert_eq!(error.code, ErrorCode::NoMemory);
        assert!(error.message.contains(&bytes.to_string()), "{error}");
    }
    assert_eq!(
        refusal("memio://cpu/dram", 0).code,
        ErrorCode::InvalidArgument
    );
}

#[test]
fn cxl_pools_say_what_can_be_used_instead() {
    let error = refusal("memio://cxl/pool0", 4096);
    assert_eq!(error.code, ErrorCode::Unsupported);
    assert!(error.message.contains("numa="), "{error}");
}

#[test]
fn the_number_of_resources_is_bounded() {
    let mut engine = engine();
    let any = uri("memio://cpu/dram");
    let ids: Vec<_> = (0..MAX_RESOURCES)
        .map(|_| {
            engine
                .open(&any, for_reading(1))
                .expect("there is a place")
                .0
        })
        .collect();
    let error = engine
        .open(&any, for_reading(1))
        .expect_err("there is none left");
    assert_eq!(error.code, ErrorCode::NoMemory);
    engine.close(ids[7]);
    assert_eq!(
        engine
            .open(&any, for_reading(1))
            .expect("there is one again")
            .0,
        ids[7]
    );
}

#[test]
fn the_set_of_engines_opens_what_it_has_and_names_what_it_has_not() {
    let mut engines = Engines::new(EnginesOptions::default());
    let folder = support::Folder::new();
    let path = folder.file("data", &[3; 4096]);
    let remote = uri("remoteio://host:5555/dataset");
    let error = engines
        .open(&remote, for_reading(1))
        .expect_err("there is no such engine");
    assert_eq!(error.code, ErrorCode::Unsupported);
    assert_eq!(error.resource, remote.text);

    let options = for_writing(4096);
    let (memory, _) = engines
        .open(&uri("memio://cpu/dram"), options)
        .expect("it opens");
    let (file, _) = engines
        .open(&support::file_uri(&path, ""), options)
        .expect("it opens");
    assert_ne!(memory, file);
    let mut arena = Arena::new(8192);
    let span = arena.span(0, 4096);
    read(&mut engines, file, 0, span).expect("the file is read");
    write(&mut engines, memory, 0, span).expect("the memory is written");
    let other = arena.span(4096, 4096);
    read(&mut engines, memory, 0, other).expect("the memory is read");
    assert!(arena.bytes(4096, 4096).iter().all(|&byte| byte == 3));
    assert_eq!(engines.stats().transfers, 3);
}
