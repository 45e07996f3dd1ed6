//! The engines under test.

use gpuio_core::uri::LocalBackend;
use gpuio_engines::localio::{LocalIoEngine, LocalIoOptions};
use gpuio_engines::memio::{MemIoEngine, MemIoOptions};
use gpuio_engines::{Engine, Engines, EnginesOptions, ResourceId};

use crate::support::{file_uri, for_reading, for_writing, uri, Arena, Folder};

pub const ARENA_BYTES: usize = 16 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Memio,
    Uring,
    UringRegistered,
    UringBuffered,
    Threads,
    ThreadsBuffered,
    SetOfFiles,
    SetOfMemory,
}

impl Subject {
    /// Its data is a file, which others can look into.
    pub fn has_file(self) -> bool {
        !matches!(self, Self::Memio | Self::SetOfMemory)
    }
}

/// An engine with memory for its transfers. The engine goes first.
pub struct Fixture {
    pub engine: Box<dyn Engine>,
    pub arena: Arena,
    pub subject: Subject,
    pub folder: Folder,
}

impl Fixture {
    pub fn new(subject: Subject, queue_depth: u32) -> Self {
        let arena = Arena::new(ARENA_BYTES);
        let localio = |backend, registered: bool| LocalIoOptions {
            queue_depth,
            backend,
            registered_arena: registered.then(|| arena.whole()),
        };
        let file = |backend, registered| -> Box<dyn Engine> {
            let options = localio(backend, registered);
            Box::new(LocalIoEngine::new(options).expect("the engine starts"))
        };
        let memio = MemIoOptions { queue_depth };
        let engine: Box<dyn Engine> = match subject {
            Subject::Memio => Box::new(MemIoEngine::new(memio)),
            Subject::Uring | Subject::UringBuffered => file(LocalBackend::IoUring, false),
            Subject::UringRegistered => file(LocalBackend::IoUring, true),
            Subject::Threads | Subject::ThreadsBuffered => file(LocalBackend::Threads, false),
            Subject::SetOfFiles | Subject::SetOfMemory => {
                let localio = localio(LocalBackend::Auto, false);
                let mut engines = Engines::new(EnginesOptions { localio, memio });
                if subject == Subject::SetOfFiles {
                    // So that the set's numbers are not those of the engine behind it.
                    let first = engines.open(&uri("memio://cpu/dram"), for_reading(1));
                    first.expect("it opens");
                }
                Box::new(engines)
            }
        };
        Self {
            engine,
            arena,
            subject,
            folder: Folder::new(),
        }
    }

    /// A writable resource of that many zeros.
    pub fn open(&mut self, length: u64) -> ResourceId {
        self.open_with(length, "")
    }

    /// With more parameters for a file.
    pub fn open_with(&mut self, length: u64, parameters: &str) -> ResourceId {
        if !self.subject.has_file() {
            return self.open_memory(length);
        }
        let direct = match self.subject {
            Subject::UringBuffered | Subject::ThreadsBuffered => "direct=0",
            _ => "direct=auto",
        };
        let path = self.folder.path().join("data");
        std::fs::File::create(&path)
            .and_then(|file| file.set_len(length))
            .expect("a file");
        let uri = file_uri(&path, &format!("{direct}{parameters}"));
        let (id, info) = self
            .engine
            .open(&uri, for_writing(length))
            .expect("it opens");
        assert_eq!(info.length_bytes, length);
        id
    }

    fn open_memory(&mut self, length: u64) -> ResourceId {
        let uri = uri("memio://cpu/dram");
        let (id, info) = self
            .engine
            .open(&uri, for_writing(length))
            .expect("it opens");
        assert_eq!(
            info.mapped.expect("memory is mapped").length_bytes as u64,
            length
        );
        id
    }

    pub fn open_read_only(&mut self, length: u64) -> ResourceId {
        let uri = if self.subject.has_file() {
            let path = self.folder.path().join("constant");
            std::fs::write(&path, vec![7; length as usize]).expect("a file");
            file_uri(&path, "")
        } else {
            uri("memio://cpu/dram")
        };
        self.engine
            .open(&uri, for_reading(length))
            .expect("it opens")
            .0
    }

    /// What is really stored, seen by other means than the engine's transfers where there are some.
    pub fn stored(&mut self, id: ResourceId, length: usize) -> Vec<u8> {
        if self.subject.has_file() {
            return std::fs::read(self.folder.path().join("data")).expect("the file is readable");
        }
        let span = self.arena.span(0, length);
        crate::support::read(&mut *self.engine, id, 0, span).expect("it reads");
        self.arena.bytes(0, length).to_vec()
    }
}
