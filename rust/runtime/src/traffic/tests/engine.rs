//! An engine whose transfers end when and how a test wants.

use gpuio_core::uri::ResourceUri;
use gpuio_core::{Error, ErrorCode, Result};
use gpuio_engines::engine::{
    Completion, Engine, EngineStats, OpenOptions, ResourceId, ResourceInfo, Transfer, TransferKind,
};
use std::os::fd::RawFd;

/// Byte `offset` of a resource.
pub fn byte_of(resource: ResourceId, offset: u64) -> u8 {
    (offset ^ (offset >> 8) ^ (u64::from(resource.0) * 31)) as u8
}

#[derive(Default)]
pub struct FakeEngine {
    pub capacity: usize,
    /// Queued, the oldest first.
    pub held: Vec<Transfer>,
    /// In the order of queueing: kind and token of everything there ever was.
    pub history: Vec<(TransferKind, u64)>,
    pub submissions: usize,
    /// What is read and written, if not as `byte_of` says.
    pub disk: Option<Vec<u8>>,
    /// What was written: resource, offset, bytes.
    pub written: Vec<(ResourceId, u64, Vec<u8>)>,
    finished: Vec<Completion>,
}

impl FakeEngine {
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            ..Self::default()
        }
    }

    /// Ends a transfer after `bytes` (all if `error` is none).
    pub fn end(&mut self, place: usize, bytes: u64, error: Option<Error>) {
        let transfer = self.held.remove(place);
        let total: usize = transfer.memory.iter().map(|it| it.length_bytes).sum();
        let moved = match error {
            Some(_) => bytes as usize,
            None => total,
        };
        self.carry_out(&transfer, moved);
        let result = match error {
            Some(error) => Err(error.with_bytes_done(moved as u64)),
            None => Ok(()),
        };
        self.finished.push(Completion {
            token: transfer.token,
            result,
        });
    }

    pub fn end_all(&mut self) {
        while !self.held.is_empty() {
            self.end(0, 0, None);
        }
    }

    fn carry_out(&mut self, transfer: &Transfer, mut left: usize) {
        let mut offset = transfer.offset;
        for span in &transfer.memory {
            let length = span.length_bytes.min(left);
            // SAFETY: the test keeps the memory while the transfer is in flight; whether the code
            // under test does is checked by the caller before this.
            let memory = unsafe { std::slice::from_raw_parts_mut(span.address as *mut u8, length) };
            let place = offset as usize..offset as usize + length;
            if let Some(disk) = &mut self.disk {
                match transfer.kind {
                    TransferKind::Write => disk[place].copy_from_slice(memory),
                    _ => memory.copy_from_slice(&disk[place]),
                }
            } else if transfer.kind == TransferKind::Write {
                let bytes = memory.to_vec();
                self.written.push((transfer.resource, offset, bytes));
            } else {
                for (k, byte) in memory.iter_mut().enumerate() {
                    *byte = byte_of(transfer.resource, offset + k as u64);
                }
            }
            offset += length as u64;
            left -= length;
        }
    }
}

impl Engine for FakeEngine {
    fn open(&mut self, _: &ResourceUri, _: OpenOptions) -> Result<(ResourceId, ResourceInfo)> {
        let message = "the fake opens nothing";
        Err(Error::new(ErrorCode::Unsupported, "open", message))
    }

    fn close(&mut self, _: ResourceId) {}

    fn queue(&mut self, transfer: Transfer) -> std::result::Result<(), Transfer> {
        if self.held.len() + self.finished.len() >= self.capacity {
            return Err(transfer);
        }
        self.history.push((transfer.kind, transfer.token));
        self.held.push(transfer);
        Ok(())
    }

    fn submit(&mut self) {
        self.submissions += 1;
    }

    fn poll(&mut self, completions: &mut Vec<Completion>) -> usize {
        let count = self.finished.len();
        completions.append(&mut self.finished);
        count
    }

    fn wait(&mut self, _: u64) {}

    fn readable_fds(&self) -> Vec<RawFd> {
        Vec::new()
    }

    fn in_flight(&self) -> usize {
        self.held.len() + self.finished.len()
    }

    fn stats(&self) -> EngineStats {
        EngineStats::default()
    }
}
