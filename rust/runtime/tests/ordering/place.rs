//! The places whose order is looked at.

use super::support::{at, complete, context_with, Memory, TestFile, LONG};
use gpuio_core::config::ConfigLayer;
use gpuio_core::scheduling::SchedulerPolicy;
use gpuio_runtime::requests::{Region, RequestKind, RequestSpec, Requests};
use gpuio_runtime::{ArrayHandle, Context};
use std::sync::Arc;

/// What kind of places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// With O_DIRECT where the file system has it, by io_uring where the system allows it.
    File,
    FileBuffered,
    /// The thread pool, which takes over where io_uring is refused.
    FileThreads,
    FileThreadsBuffered,
    Memio,
    Memory,
    DeviceMemory,
    Array,
    /// A file, memio and another file: what has an order is spread over three engines' resources.
    SeveralEngines,
    /// What an engine carries out, and what none does: a file, arrays, memory, the device's.
    Mixed,
}

/// Bytes of a place: more than a slice of storage, and several of memory's.
pub const LENGTH: u64 = (1 << 20) + 200_000;

/// What keeps a place's bytes. Dropped after the region.
enum Backing {
    File(#[allow(dead_code)] TestFile),
    Array(Arc<Context>, ArrayHandle, #[allow(dead_code)] TestFile),
    Memory(#[allow(dead_code)] Memory),
    DeviceMemory(#[allow(dead_code)] Vec<u8>),
    Engine,
}

/// A place of `LENGTH` bytes, at first zeros.
pub struct Place {
    pub region: Region,
    backing: Backing,
}

impl Place {
    fn file(requests: &Arc<Requests>, parameters: &str) -> Self {
        let file = TestFile::new(&vec![0; LENGTH as usize]);
        let uri = format!("{}?{parameters}", file.uri());
        Self {
            region: requests.open_resource(&uri, 0, true).unwrap(),
            backing: Backing::File(file),
        }
    }

    fn memio(requests: &Arc<Requests>) -> Self {
        let region = requests.open_resource("memio://cpu/dram", LENGTH, true);
        Self {
            region: region.unwrap(),
            backing: Backing::Engine,
        }
    }

    fn memory(requests: &Arc<Requests>) -> Self {
        let memory = Memory::new(requests, vec![0; LENGTH as usize]);
        Self {
            region: memory.region.clone(),
            backing: Backing::Memory(memory),
        }
    }

    fn device_memory(requests: &Arc<Requests>) -> Self {
        let mut bytes = vec![0u8; LENGTH as usize];
        let address = bytes.as_mut_ptr() as u64;
        // SAFETY: the vector is not resized, and `drop` waits until no request names it.
        let region = unsafe { requests.register_device_memory(address, LENGTH) };
        Self {
            region: region.unwrap(),
            backing: Backing::DeviceMemory(bytes),
        }
    }

    fn array(context: &Arc<Context>) -> Self {
        let file = TestFile::new(&vec![0; LENGTH as usize]);
        let array = context.open(&file.uri(), LENGTH, 1, true).unwrap();
        let region = context.requests().register_array(&array).unwrap();
        Self {
            region,
            backing: Backing::Array(Arc::clone(context), array, file),
        }
    }

    /// Whether an engine carries out what goes between this and memory.
    pub fn is_resource(&self) -> bool {
        matches!(self.backing, Backing::File(_) | Backing::Engine)
    }

    /// How memory is written to this place, and read from it.
    pub fn kinds(&self) -> (RequestKind, RequestKind) {
        match self.backing {
            Backing::Memory(_) | Backing::DeviceMemory(_) => (RequestKind::Copy, RequestKind::Copy),
            _ => (RequestKind::Write, RequestKind::Read),
        }
    }

    /// What is there. Nothing is in progress.
    pub fn bytes(&self, requests: &Arc<Requests>) -> Vec<u8> {
        let memory = Memory::new(requests, vec![0; LENGTH as usize]);
        let read = RequestSpec {
            kind: self.kinds().1,
            ..RequestSpec::copy(at(&self.region, 0), memory.at(0), LENGTH)
        };
        complete(&requests.submit(&read).unwrap());
        memory.bytes()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        assert!(self.region.release(LONG), "a request still uses it");
        if let Backing::Array(context, array, _) = &self.backing {
            context.close(array).unwrap();
        }
    }
}

/// A context and places of a kind.
pub fn places(kind: Kind, seed: u64) -> (Arc<Context>, Vec<Place>) {
    let policies = SchedulerPolicy::ALL;
    let context = context_with(ConfigLayer {
        scheduler_policy: Some(policies[seed as usize % policies.len()]),
        ..ConfigLayer::default()
    });
    let requests = context.requests();
    let places = match kind {
        Kind::File => vec![Place::file(&requests, "direct=auto")],
        Kind::FileBuffered => vec![Place::file(&requests, "direct=0")],
        Kind::FileThreads => vec![Place::file(&requests, "backend=threads")],
        Kind::FileThreadsBuffered => vec![Place::file(&requests, "backend=threads&direct=0")],
        Kind::Memio => vec![Place::memio(&requests)],
        Kind::Memory => vec![Place::memory(&requests)],
        Kind::DeviceMemory => vec![Place::device_memory(&requests)],
        Kind::Array => vec![Place::array(&context)],
        Kind::SeveralEngines => vec![
            Place::file(&requests, "direct=auto"),
            Place::memio(&requests),
            Place::file(&requests, "backend=threads"),
        ],
        Kind::Mixed => vec![
            Place::file(&requests, "direct=auto"),
            Place::array(&context),
            Place::array(&context),
            Place::memory(&requests),
            Place::device_memory(&requests),
        ],
    };
    (context, places)
}
