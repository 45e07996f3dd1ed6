//! Real files: missing, odd, forbidden, shrinking, growing, sparse.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use gpuio_core::uri::{LocalBackend, ResourceUri};
use gpuio_core::{Error, ErrorCode};
use gpuio_engines::localio::{LocalIoEngine, LocalIoOptions};
use gpuio_engines::{Engine, OpenOptions};

use crate::support::{
    file_uri, for_reading, for_writing, read, sync, write, Arena, Folder, Random,
};

/// Both backends: the kernel's answers come by different ways.
fn engines() -> Vec<LocalIoEngine> {
    [LocalBackend::Auto, LocalBackend::Threads]
        .map(|backend| LocalIoOptions {
            queue_depth: 8,
            backend,
            registered_arena: None,
        })
        .map(|options| LocalIoEngine::new(options).expect("the engine starts"))
        .into()
}

fn refused(uri: &ResourceUri, options: OpenOptions) -> Error {
    let mut engine = LocalIoEngine::new(LocalIoOptions::default()).expect("the engine starts");
    let error = engine.open(uri, options).expect_err("it is refused");
    assert_eq!(error.resource, uri.text);
    error
}

#[test]
fn a_missing_file_says_how_to_make_it() {
    let folder = Folder::new();
    let uri = file_uri(&folder.path().join("absent"), "");
    let error = refused(&uri, for_reading(1));
    assert_eq!(error.code, ErrorCode::NotFound);
    assert!(error.message.contains("create=1"), "{error}");
    let uri = file_uri(&folder.path().join("absent/data"), "create=1");
    assert_eq!(refused(&uri, for_writing(1)).code, ErrorCode::NotFound);
    let uri = file_uri(&folder.path().join("absent"), "create=1");
    assert_eq!(refused(&uri, for_reading(1)).code, ErrorCode::NotFound);
    assert!(!folder.path().join("absent").exists());
}

#[test]
fn what_is_no_file_is_named() {
    let folder = Folder::new();
    let pipe = folder.path().join("pipe");
    let name = CString::new(pipe.as_os_str().as_bytes()).expect("no NUL");
    // SAFETY: a C string and a mode.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    let socket = folder.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("it binds");
    let cases: [(&Path, &str); 4] = [
        (folder.path(), "a directory"),
        (&pipe, "a pipe"),
        (&socket, "a socket"),
        (Path::new("/dev/zero"), "a character device"),
    ];
    for (path, kind) in cases {
        for options in [for_reading(1), for_writing(1)] {
            let error = refused(&file_uri(path, ""), options);
            assert_eq!(error.code, ErrorCode::InvalidArgument);
            assert!(error.message.contains(kind), "{error}");
        }
    }
    let file = folder.file("file", b"x");
    let error = refused(&file_uri(&file.join("below"), ""), for_reading(1));
    assert_eq!(error.code, ErrorCode::NotFound);
}

#[test]
fn gds_is_not_there_yet() {
    let folder = Folder::new();
    let path = folder.file("data", &[0; 4096]);
    let error = refused(&file_uri(&path, "gds=1"), for_reading(1));
    assert_eq!(error.code, ErrorCode::Unsupported);
    assert!(error.message.contains("gds"));
}

#[test]
fn a_short_file_says_where_it_ends() {
    let folder = Folder::new();
    let path = folder.file("data", &[0; 1000]);
    for options in [for_reading(1001), for_writing(1001)] {
        let error = refused(&file_uri(&path, ""), options);
        assert_eq!((error.code, error.offset), (ErrorCode::Io, Some(1000)));
    }
    assert!(refused(&file_uri(&path, ""), for_reading(1001))
        .message
        .contains("grow=1"));
    assert!(refused(&file_uri(&path, ""), for_writing(1001))
        .message
        .contains("create=1"));
    assert_eq!(std::fs::metadata(&path).expect("there").len(), 1000);
}

#[test]
fn create_makes_and_grows_and_never_truncates() {
    for mut engine in engines() {
        let folder = Folder::new();
        let path = folder.path().join("new");
        let uri = file_uri(&path, "create=1");
        let (id, info) = engine
            .open(&uri, for_writing(100_000_000))
            .expect("it is made");
        assert_eq!(info.length_bytes, 100_000_000);
        let metadata = std::fs::metadata(&path).expect("there");
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        assert!(
            metadata.blocks() * 512 < 1_000_000,
            "the new file is sparse"
        );
        let mut arena = Arena::new(8192);
        arena.bytes(0, 8192).fill(4);
        write(&mut engine, id, 99_999_000, arena.span(0, 1000)).expect("it writes");
        engine.close(id);

        let (id, info) = engine.open(&uri, for_writing(5000)).expect("it opens");
        assert_eq!(info.length_bytes, 100_000_000);
        // With create=1 a write may extend the file further.
        write(&mut engine, id, 100_000_000, arena.span(0, 8192)).expect("it extends");
        sync(&mut engine, id).expect("it syncs");
        assert_eq!(std::fs::metadata(&path).expect("there").len(), 100_008_192);
    }
}

#[test]
fn reads_past_a_truncation_fail_where_the_file_ends_now() {
    for mut engine in engines() {
        for parameters in ["direct=auto", "direct=0"] {
            let folder = Folder::new();
            let path = folder.file("data", &[3; 1 << 20]);
            let uri = file_uri(&path, parameters);
            let (id, _) = engine.open(&uri, for_writing(1 << 20)).expect("it opens");
            let mut arena = Arena::new(1 << 20);
            read(&mut engine, id, 0, arena.span(0, 1 << 20)).expect("it reads");
            let file = std::fs::File::options()
                .write(true)
                .open(&path)
                .expect("it opens");
            file.set_len(300_001).expect("it shrinks");

            let error = read(&mut engine, id, 0, arena.span(0, 1 << 20)).expect_err("truncated");
            assert_eq!((error.code, error.offset), (ErrorCode::Io, Some(300_001)));
            assert_eq!(error.bytes_done, 300_001);
            let error = read(&mut engine, id, 1 << 19, arena.span(0, 4096)).expect_err("gone");
            assert_eq!((error.offset, error.bytes_done), (Some(300_001), 0));
            let error = write(&mut engine, id, 1 << 19, arena.span(0, 4096)).expect_err("gone");
            assert_eq!(error.offset, Some(300_001));
            assert_eq!(file.metadata().expect("there").len(), 300_001);
            arena.bytes(0, 1 << 20).fill(0);
            read(&mut engine, id, 0, arena.span(0, 300_001)).expect("what is left is readable");
            assert!(arena.bytes(0, 300_001).iter().all(|&byte| byte == 3));
        }
    }
}

#[test]
fn a_growing_file_is_read_as_far_as_it_reaches() {
    for mut engine in engines() {
        let folder = Folder::new();
        let content = Random(3).bytes(200_000);
        let path = folder.file("data", &content[..50_000]);
        let uri = file_uri(&path, "grow=1");
        let (id, info) = engine.open(&uri, for_reading(200_000)).expect("it opens");
        assert_eq!(info.length_bytes, 50_000);
        let mut arena = Arena::new(262_144);
        let whole = arena.roomy_span(0, 200_000, 204_800);
        let error = read(&mut engine, id, 0, whole).expect_err("not there yet");
        assert_eq!(error.offset, Some(50_000));
        std::fs::write(&path, &content).expect("it grows");
        read(&mut engine, id, 0, whole).expect("it is there");
        assert!(*arena.bytes(0, 200_000) == *content);
    }
}

#[test]
fn holes_read_as_zeros() {
    for mut engine in engines() {
        let folder = Folder::new();
        let path = folder.path().join("sparse");
        let file = std::fs::File::create(&path).expect("it is made");
        file.set_len(10 << 20).expect("it is sparse");
        std::os::unix::fs::FileExt::write_all_at(&file, &[9; 5000], 5 << 20).expect("written");
        let (id, _) = engine
            .open(&file_uri(&path, ""), for_reading(10 << 20))
            .expect("it opens");
        let mut arena = Arena::new(10 << 20);
        arena.bytes(0, 10 << 20).fill(1);
        read(&mut engine, id, 0, arena.span(0, 10 << 20)).expect("it reads");
        let data = 5 << 20..(5 << 20) + 5000;
        let wrong =
            |(index, &byte): (usize, &u8)| byte != if data.contains(&index) { 9 } else { 0 };
        assert!(!arena.bytes(0, 10 << 20).iter().enumerate().any(wrong));
    }
}

#[test]
fn many_files_can_be_open_and_too_many_are_refused() {
    let mut engine = LocalIoEngine::new(LocalIoOptions::default()).expect("the engine starts");
    let folder = Folder::new();
    let path = folder.file("data", &[6; 4096]);
    let uri = file_uri(&path, "");
    let arena = Arena::new(4096);
    let mut opened = Vec::new();
    let error = loop {
        match engine.open(&uri, for_reading(4096)) {
            Ok((id, _)) => opened.push(id),
            Err(error) => break error,
        }
        assert!(opened.len() <= 1024);
    };
    // The engine's own bound or that of the process, whichever is lower.
    assert_eq!(error.code, ErrorCode::NoMemory, "{error}");
    assert!(opened.len() > 100);
    read(
        &mut engine,
        *opened.last().expect("some"),
        0,
        arena.span(0, 4096),
    )
    .expect("it reads");
    engine.close(opened[0]);
    engine
        .open(&uri, for_reading(4096))
        .expect("there is a place again");
}
