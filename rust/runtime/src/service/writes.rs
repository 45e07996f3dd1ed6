//! Getting dirty pages out of L2, and resources durable.

use super::core::Core;
use super::transfers::Purpose;
use gpuio_core::Result;
use gpuio_engines::engine::{Engine, MemorySpan, Transfer, TransferKind};

/// Dirty pages whose write-back is started at a time when room is needed.
const WRITE_BATCH: usize = 32;

impl Core {
    /// Starts the write-back of some dirty pages.
    pub fn write_some(&mut self) {
        for _ in 0..WRITE_BATCH {
            let Some(frame) = self.l2.next_dirty() else {
                return;
            };
            if !self.start_write(frame) {
                return;
            }
        }
    }

    /// Starts to write a dirty frame, of which no write is in flight, to its resource. False if the
    /// engine is full.
    pub fn start_write(&mut self, frame: u32) -> bool {
        let Some(key) = self.l2.key(frame) else {
            return true;
        };
        let Some(entry) = self.arrays[key.array as usize].as_ref() else {
            return true;
        };
        let range = entry.geometry.write_range(key.page);
        let (resource, flushes) = (entry.resource, entry.flushes);
        self.l2.begin_flush(frame);
        let token = self.transfers.begin(Purpose::Write { frame, flushes });
        let length_bytes = range.length as usize;
        let queued = self.engines.queue(Transfer {
            token,
            kind: TransferKind::Write,
            resource,
            offset: range.resource_offset,
            memory: vec![MemorySpan {
                address: self.l2.host_address(frame) + range.page_offset as usize,
                length_bytes,
                capacity_bytes: length_bytes,
            }],
        });
        if queued.is_err() {
            self.transfers.end(token);
            self.l2.cancel_flush(frame);
            return false;
        }
        self.writes += 1;
        true
    }

    /// Queues a sync for a job; the outcome appears in `job_syncs`. False if the engine is full.
    pub fn start_sync(&mut self, array: u32, job: u64) -> bool {
        let Some(entry) = self.arrays[array as usize].as_ref() else {
            return false;
        };
        let resource = entry.resource;
        let token = self.transfers.begin(Purpose::Sync { job });
        let queued = self.engines.queue(Transfer {
            token,
            kind: TransferKind::Sync,
            resource,
            offset: 0,
            memory: Vec::new(),
        });
        if queued.is_err() {
            self.transfers.end(token);
        }
        queued.is_ok()
    }

    /// A write has ended that was started when the array had been flushed `flushes` times.
    pub(super) fn written(&mut self, frame: u32, flushes: u64, result: Result<()>) {
        self.writes -= 1;
        let key = self.l2.key(frame);
        self.l2.end_flush(frame, result.is_ok());
        let Some(array) = key.and_then(|key| self.array_mut(key.array)) else {
            return;
        };
        match result {
            Ok(()) => {
                let page = key.map_or(0, |key| key.page);
                array.written_bytes += array.geometry.write_range(page).length;
            }
            Err(error) => {
                // A flush that failed leaves writes in flight: their failures are not the next
                // one's, which writes these pages again.
                if array.flushes == flushes {
                    array.write_error = Some(error.clone());
                }
                self.last_write_error = Some(error);
            }
        }
    }
}
