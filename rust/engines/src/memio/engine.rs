//! The engine: transfers as bounds-checked copies.

use std::os::fd::RawFd;

use gpuio_core::uri::{EngineUri, MemioPool, ResourceUri};
use gpuio_core::{Error, ErrorCode, Result};

use super::allocation::Allocation;
use crate::check::check_transfer;
use crate::engine::{
    Completion, Engine, EngineStats, MappedMemory, OpenOptions, ResourceId, ResourceInfo, Transfer,
    TransferKind,
};

/// Most resources open at a time in one engine.
pub const MAX_RESOURCES: usize = 1024;

/// How a [`MemIoEngine`] is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemIoOptions {
    /// Transfers it holds at a time: those done and not polled.
    pub queue_depth: u32,
}

impl Default for MemIoOptions {
    fn default() -> Self {
        Self { queue_depth: 256 }
    }
}

/// An engine over memory of this host. Every `open` makes new memory, zeroed, that lives until the
/// resource is closed. A transfer is a copy, done within `queue`.
#[derive(Debug)]
pub struct MemIoEngine {
    resources: Vec<Option<Memory>>,
    finished: Vec<Completion>,
    queue_depth: usize,
    stats: EngineStats,
}

#[derive(Debug)]
struct Memory {
    allocation: Allocation,
    writable: bool,
    text: String,
}

impl MemIoEngine {
    /// Makes an engine without any memory yet.
    pub fn new(options: MemIoOptions) -> Self {
        let queue_depth = options.queue_depth.max(1) as usize;
        Self {
            resources: Vec::new(),
            finished: Vec::with_capacity(queue_depth),
            queue_depth,
            stats: EngineStats::default(),
        }
    }

    fn allocate(&self, uri: &ResourceUri, options: OpenOptions) -> Result<Allocation> {
        let EngineUri::Memio(memio) = &uri.engine else {
            let message = "memio opens memio: URIs only";
            return Err(Error::new(ErrorCode::InvalidArgument, "open", message));
        };
        if let MemioPool::Cxl { .. } = &memio.pool {
            let message = "this version does not open CXL pools; CXL memory that the system shows \
                           as a NUMA node can be used as memio://cpu/dram?numa=NODE";
            return Err(Error::new(ErrorCode::Unsupported, "open", message));
        }
        if options.needed_bytes == 0 {
            let message = "an array of zero bytes needs no memory; give it a length";
            return Err(Error::new(ErrorCode::InvalidArgument, "open", message));
        }
        Allocation::new(options.needed_bytes, memio.numa)
    }

    fn vacancy(&mut self) -> Result<usize> {
        if let Some(index) = self.resources.iter().position(Option::is_none) {
            return Ok(index);
        }
        if self.resources.len() == MAX_RESOURCES {
            let message = format!("{MAX_RESOURCES} resources are open; close one first");
            return Err(Error::new(ErrorCode::NoMemory, "open", message));
        }
        self.resources.push(None);
        Ok(self.resources.len() - 1)
    }

    fn carry_out(&mut self, transfer: &Transfer) -> Result<()> {
        let total = check_transfer(transfer)?;
        let resource = self
            .resources
            .get(transfer.resource.0 as usize)
            .and_then(Option::as_ref);
        let Some(memory) = resource else {
            let message = format!("resource {} is not open", transfer.resource.0);
            return Err(Error::new(ErrorCode::InvalidArgument, "queue", message));
        };
        let named = |error: Error| error.with_resource(memory.text.clone());
        match transfer.kind {
            TransferKind::Sync => return Ok(()),
            TransferKind::Write if !memory.writable => {
                let message = "it was opened for reading only";
                return Err(named(Error::new(ErrorCode::Permission, "write", message)));
            }
            TransferKind::Read | TransferKind::Write => {}
        }
        let length = memory.allocation.length_bytes() as u64;
        if total > 0 && transfer.offset + total > length {
            let verb = if transfer.kind == TransferKind::Read {
                "read"
            } else {
                "write"
            };
            let message = format!("the memory ends here: it is {length} bytes long");
            return Err(named(
                Error::new(ErrorCode::Io, verb, message).with_offset(length),
            ));
        }
        if total > 0 {
            copy(
                memory.allocation.address() + transfer.offset as usize,
                transfer,
            );
        }
        match transfer.kind {
            TransferKind::Read => self.stats.read_bytes += total,
            _ => self.stats.written_bytes += total,
        }
        Ok(())
    }
}

/// Copies between the spans and the resource's memory from `address` on.
fn copy(mut address: usize, transfer: &Transfer) {
    for span in &transfer.memory {
        let (from, to) = match transfer.kind {
            TransferKind::Read => (address, span.address),
            _ => (span.address, address),
        };
        // SAFETY: the resource's side was checked against its length; the spans belong to the
        // engine by its contract. The two may overlap: the memory is given out for use in place.
        unsafe { std::ptr::copy(from as *const u8, to as *mut u8, span.length_bytes) };
        address += span.length_bytes;
    }
}

impl Engine for MemIoEngine {
    fn open(
        &mut self,
        uri: &ResourceUri,
        options: OpenOptions,
    ) -> Result<(ResourceId, ResourceInfo)> {
        let named = |error: Error| error.with_resource(uri.text.clone());
        let index = self.vacancy().map_err(named)?;
        let allocation = self.allocate(uri, options).map_err(named)?;
        let mapped = MappedMemory {
            address: allocation.address(),
            length_bytes: allocation.length_bytes(),
        };
        let (writable, text) = (options.writable, uri.text.clone());
        self.resources[index] = Some(Memory {
            allocation,
            writable,
            text,
        });
        let info = ResourceInfo {
            length_bytes: mapped.length_bytes as u64,
            path: "host memory, mapped".into(),
            alignment_bytes: 1,
            mapped: Some(mapped),
            storage: None,
        };
        Ok((ResourceId(index as u32), info))
    }

    fn close(&mut self, resource: ResourceId) {
        if let Some(place) = self.resources.get_mut(resource.0 as usize) {
            *place = None;
        }
    }

    fn queue(&mut self, transfer: Transfer) -> std::result::Result<(), Transfer> {
        if self.finished.len() >= self.queue_depth {
            return Err(transfer);
        }
        let result = self.carry_out(&transfer);
        self.stats.transfers += u64::from(result.is_ok());
        self.finished.push(Completion {
            token: transfer.token,
            result,
        });
        Ok(())
    }

    fn submit(&mut self) {}

    fn poll(&mut self, completions: &mut Vec<Completion>) -> usize {
        let count = self.finished.len();
        completions.append(&mut self.finished);
        count
    }

    fn wait(&mut self, _timeout_us: u64) {
        // Whatever is in flight has finished already.
    }

    /// None: a transfer has finished by the time `queue` returns.
    fn readable_fds(&self) -> Vec<RawFd> {
        Vec::new()
    }

    fn in_flight(&self) -> usize {
        self.finished.len()
    }

    fn stats(&self) -> EngineStats {
        self.stats
    }
}
