//! A block device: a loop device that the test makes, where it may.

use std::path::{Path, PathBuf};
use std::process::Command;

use gpuio_core::uri::LocalBackend;
use gpuio_core::ErrorCode;
use gpuio_engines::localio::{LocalIoEngine, LocalIoOptions};
use gpuio_engines::Engine;

use crate::support::{
    file_uri, for_reading, for_writing, read, sync, write, Arena, Folder, Random,
};

/// A loop device over a file, detached on drop.
struct LoopDevice(PathBuf);

impl LoopDevice {
    fn over(file: &Path) -> Option<Self> {
        let output = Command::new("losetup")
            .args(["-f", "--show"])
            .arg(file)
            .output()
            .ok()?;
        let name = String::from_utf8(output.stdout).ok()?.trim().to_string();
        (output.status.success() && !name.is_empty()).then(|| Self(name.into()))
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        let _ = Command::new("losetup").arg("-d").arg(&self.0).status();
    }
}

#[test]
fn a_block_device_is_read_and_written_up_to_its_end() {
    // Whole sectors, but no whole number of pages.
    const LENGTH: usize = (1 << 20) + 512;
    let folder = Folder::new();
    let content = Random(11).bytes(LENGTH);
    let image = folder.file("image", &content);
    let Some(device) = LoopDevice::over(&image) else {
        println!("skipped: this user or container cannot make a loop device");
        return;
    };
    for backend in [LocalBackend::Auto, LocalBackend::Threads] {
        let options = LocalIoOptions {
            queue_depth: 8,
            backend,
            registered_arena: None,
        };
        let mut engine = LocalIoEngine::new(options).expect("the engine starts");
        let uri = file_uri(&device.0, "");
        let (id, info) = engine
            .open(&uri, for_writing(LENGTH as u64))
            .expect("it opens");
        assert_eq!(info.length_bytes, LENGTH as u64);
        assert!(info.path.contains("O_DIRECT"), "{}", info.path);
        let mut arena = Arena::new(2 << 20);
        let room = LENGTH.next_multiple_of(4096);
        read(&mut engine, id, 0, arena.roomy_span(0, LENGTH, room)).expect("it reads");
        assert!(*arena.bytes(0, LENGTH) == *content);

        arena.bytes(0, LENGTH).reverse();
        write(&mut engine, id, 0, arena.span(0, LENGTH)).expect("it writes");
        sync(&mut engine, id).expect("it syncs");
        assert!(content
            .iter()
            .rev()
            .eq(&std::fs::read(&image).expect("readable")));
        arena.bytes(0, LENGTH).reverse();
        write(&mut engine, id, 0, arena.span(0, LENGTH)).expect("it writes");

        let past = read(&mut engine, id, 1 << 20, arena.span(0, 513)).expect_err("the end");
        assert_eq!(
            (past.code, past.offset),
            (ErrorCode::Io, Some(LENGTH as u64))
        );
        let past = write(&mut engine, id, 1 << 20, arena.span(0, 513)).expect_err("the end");
        assert_eq!(
            (past.code, past.offset),
            (ErrorCode::Io, Some(LENGTH as u64))
        );
        engine.close(id);

        for (parameters, writable) in [("", false), ("create=1", true)] {
            let needed = LENGTH as u64 + 1;
            let options = if writable {
                for_writing(needed)
            } else {
                for_reading(needed)
            };
            let uri = file_uri(&device.0, parameters);
            let error = engine.open(&uri, options).expect_err("it is too short");
            assert_eq!(
                (error.code, error.offset),
                (ErrorCode::Io, Some(LENGTH as u64))
            );
        }
    }
}
