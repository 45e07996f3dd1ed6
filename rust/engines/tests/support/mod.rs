//! What the tests of this crate share: a folder of their own, memory for transfers, random numbers.

#![allow(dead_code)] // Every test program uses a part of it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use gpuio_core::uri::ResourceUri;
use gpuio_core::Result;
use gpuio_engines::{
    Completion, Engine, MemorySpan, OpenOptions, ResourceId, Transfer, TransferKind,
};

/// A folder that is removed with what is in it.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("gpuio-engines-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("the temporary folder can be made");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).expect("the file can be written");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Page-aligned memory, zeroed.
pub struct Arena {
    address: usize,
    length: usize,
}

// SAFETY: the mapping is not bound to a thread.
unsafe impl Send for Arena {}

impl Arena {
    pub fn new(length: usize) -> Self {
        // SAFETY: a fresh anonymous mapping.
        let address = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        assert_ne!(address, libc::MAP_FAILED);
        Self {
            address: address as usize,
            length,
        }
    }

    pub fn whole(&self) -> (usize, usize) {
        (self.address, self.length)
    }

    pub fn span(&self, start: usize, length: usize) -> MemorySpan {
        self.roomy_span(start, length, length)
    }

    pub fn roomy_span(&self, start: usize, length: usize, capacity: usize) -> MemorySpan {
        assert!(start + capacity <= self.length && length <= capacity);
        let address = self.address + start;
        MemorySpan {
            address,
            length_bytes: length,
            capacity_bytes: capacity,
        }
    }

    /// Only while no transfer uses the range.
    pub fn bytes(&mut self, start: usize, length: usize) -> &mut [u8] {
        assert!(start + length <= self.length);
        // SAFETY: inside the mapping, borrowed exclusively, and no transfer is under way.
        unsafe { std::slice::from_raw_parts_mut((self.address + start) as *mut u8, length) }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: the mapping made in `new`.
        unsafe { libc::munmap(self.address as *mut libc::c_void, self.length) };
    }
}

/// xorshift64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| (self.next() >> 32) as u8).collect()
    }
}

pub fn transfer(
    token: u64,
    kind: TransferKind,
    resource: ResourceId,
    offset: u64,
    memory: Vec<MemorySpan>,
) -> Transfer {
    Transfer {
        token,
        kind,
        resource,
        offset,
        memory,
    }
}

/// Waits until nothing is in flight. Panics when that takes too many waits to be explained.
pub fn finish(engine: &mut dyn Engine) -> Vec<Completion> {
    let mut completions = Vec::new();
    for _ in 0..10_000 {
        engine.poll(&mut completions);
        if engine.in_flight() == 0 {
            return completions;
        }
        engine.wait(100_000);
    }
    panic!("transfers stay in flight: {}", engine.in_flight());
}

/// Carries out one transfer.
pub fn run(engine: &mut dyn Engine, transfer: Transfer) -> Result<()> {
    let token = transfer.token;
    engine.queue(transfer).expect("there is room");
    let mut completions = finish(engine);
    assert_eq!(completions.len(), 1);
    assert_eq!(completions[0].token, token);
    completions.remove(0).result
}

pub fn read(engine: &mut dyn Engine, id: ResourceId, offset: u64, into: MemorySpan) -> Result<()> {
    run(
        engine,
        transfer(1, TransferKind::Read, id, offset, vec![into]),
    )
}

pub fn write(engine: &mut dyn Engine, id: ResourceId, offset: u64, from: MemorySpan) -> Result<()> {
    run(
        engine,
        transfer(2, TransferKind::Write, id, offset, vec![from]),
    )
}

pub fn sync(engine: &mut dyn Engine, id: ResourceId) -> Result<()> {
    run(engine, transfer(3, TransferKind::Sync, id, 0, Vec::new()))
}

pub fn uri(text: &str) -> ResourceUri {
    ResourceUri::parse(text).expect("a valid URI")
}

/// `localio://` and the path, with parameters.
pub fn file_uri(path: &Path, parameters: &str) -> ResourceUri {
    uri(&format!("localio://{}?{parameters}", path.display()))
}

pub fn for_reading(needed_bytes: u64) -> OpenOptions {
    OpenOptions {
        writable: false,
        needed_bytes,
    }
}

pub fn for_writing(needed_bytes: u64) -> OpenOptions {
    OpenOptions {
        writable: true,
        needed_bytes,
    }
}
