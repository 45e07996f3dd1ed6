//! File systems that are full, or know no direct I/O. They are mounted for the test, by root only.

use std::path::{Path, PathBuf};
use std::process::Command;

use gpuio_core::uri::LocalBackend;
use gpuio_core::ErrorCode;
use gpuio_engines::localio::{LocalIoEngine, LocalIoOptions};
use gpuio_engines::Engine;

use crate::support::{file_uri, for_writing, read, sync, write, Arena, Folder};

/// A file system of a few MiB, unmounted on drop. The folder it lies in is dropped after it.
struct Mount {
    at: PathBuf,
    _folder: Folder,
}

impl Mount {
    fn tmpfs() -> Option<Self> {
        Self::new(|folder, at| {
            let _ = folder;
            run("mount", &["-t", "tmpfs", "-o", "size=4m", "none", at])
        })
    }

    fn ext4() -> Option<Self> {
        Self::new(|folder, at| {
            let image = folder.file("image", &[]);
            let file = std::fs::File::options().write(true).open(&image).ok()?;
            file.set_len(16 << 20).ok()?;
            let image = image.to_str()?;
            run("mkfs.ext4", &["-q", "-m", "0", image])?;
            run("mount", &["-o", "loop", image, at])
        })
    }

    fn new(mount: impl FnOnce(&Folder, &str) -> Option<()>) -> Option<Self> {
        let folder = Folder::new();
        let at = folder.path().join("mounted");
        std::fs::create_dir(&at).expect("the folder can be made");
        let mounted = mount(&folder, at.to_str()?);
        if mounted.is_none() {
            println!("skipped: this user or container cannot mount");
        }
        mounted.map(|()| Self {
            at,
            _folder: folder,
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.at.join(name)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if let Some(at) = self.at.to_str() {
            let _ = run("umount", &[at]);
        }
    }
}

fn run(program: &str, arguments: &[&str]) -> Option<()> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then_some(())
}

/// Writes into a sparse file until the file system is full, and checks how that is told.
fn fill(directory: &Mount, parameters: &str, backend: LocalBackend) {
    let options = LocalIoOptions {
        queue_depth: 4,
        backend,
        registered_arena: None,
    };
    let mut engine = LocalIoEngine::new(options).expect("the engine starts");
    let path = directory.path("filled");
    let length = 64 << 20;
    std::fs::File::create(&path)
        .and_then(|file| file.set_len(length))
        .expect("sparse");
    let uri = file_uri(&path, parameters);
    let (id, _) = engine.open(&uri, for_writing(length)).expect("it opens");
    let mut arena = Arena::new(2 << 20);
    arena.bytes(0, 1 << 20).fill(7);
    let mut offset = 0;
    let error = loop {
        assert!(offset < length, "the file system never filled up");
        match write(&mut engine, id, offset, arena.span(0, 1 << 20)) {
            Ok(()) => offset += 1 << 20,
            Err(error) => break error,
        }
    };
    assert_eq!(
        (error.code, error.os_error),
        (ErrorCode::Io, libc::ENOSPC),
        "{error}"
    );
    assert_eq!(error.offset, Some(offset + error.bytes_done));
    assert!(error.message.contains("full"), "{error}");
    // What was written before is there, and can be made durable.
    sync(&mut engine, id).expect("it syncs");
    for done in (0..offset).step_by(1 << 20) {
        read(&mut engine, id, done, arena.span(1 << 20, 1 << 20)).expect("it reads");
        assert!(arena.bytes(1 << 20, 1 << 20).iter().all(|&byte| byte == 7));
    }
    // With room again, the same write succeeds.
    let file = std::fs::File::options()
        .write(true)
        .open(&path)
        .expect("it opens");
    assert!(offset >= 1 << 20, "some of it fitted");
    punch_hole(&file, 0, 1 << 20);
    write(&mut engine, id, offset, arena.span(0, 1 << 19)).expect("there is room again");
    engine.close(id);
    std::fs::remove_file(&path).expect("it goes");
}

fn punch_hole(file: &std::fs::File, offset: libc::off_t, length: libc::off_t) {
    let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
    let fd = std::os::fd::AsRawFd::as_raw_fd(file);
    // SAFETY: plain numbers on an open descriptor.
    assert_eq!(unsafe { libc::fallocate(fd, mode, offset, length) }, 0);
}

#[test]
fn a_full_tmpfs_is_told() {
    let Some(mount) = Mount::tmpfs() else { return };
    fill(&mount, "direct=0", LocalBackend::Auto);
    fill(&mount, "direct=0", LocalBackend::Threads);
}

#[test]
fn a_full_disk_is_told() {
    let Some(mount) = Mount::ext4() else { return };
    for backend in [LocalBackend::Auto, LocalBackend::Threads] {
        fill(&mount, "direct=1", backend);
        fill(&mount, "direct=0", backend);
    }
}

#[test]
fn growing_a_file_on_a_full_disk_is_told() {
    let Some(mount) = Mount::tmpfs() else { return };
    std::fs::write(mount.path("ballast"), vec![1; 8 << 20]).expect_err("it is full");
    let mut engine = LocalIoEngine::new(LocalIoOptions::default()).expect("the engine starts");
    let uri = file_uri(&mount.path("new"), "create=1");
    let error = engine
        .open(&uri, for_writing(1 << 20))
        .expect_err("no room");
    assert_eq!(
        (error.code, error.os_error),
        (ErrorCode::Io, libc::ENOSPC),
        "{error}"
    );
}

/// squashfs, proc and others refuse O_DIRECT; proc is there everywhere.
#[test]
fn a_file_system_without_direct_io_is_told() {
    let path = Path::new("/proc/self/maps");
    let mut engine = LocalIoEngine::new(LocalIoOptions::default()).expect("the engine starts");
    let zero = crate::support::for_reading(0);
    let error = engine
        .open(&file_uri(path, "direct=1"), zero)
        .expect_err("no O_DIRECT");
    assert_eq!(error.code, ErrorCode::Unsupported, "{error}");
    let (_, info) = engine
        .open(&file_uri(path, ""), zero)
        .expect("through the page cache");
    assert!(info.path.contains("page cache"), "{}", info.path);
    assert_eq!(info.alignment_bytes, 1);
}
