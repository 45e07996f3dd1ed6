//! Getting dirty pages out of L2, and resources durable.

use super::core::Core;
use super::transfers::Purpose;
use gpuio_core::scheduling::{RequestClass, RequestKind};
use gpuio_core::Result;
use gpuio_engines::engine::MemorySpan;

/// Dirty pages whose write-back is started at a time when room is needed.
const WRITE_BATCH: usize = 32;

impl Core {
    /// Starts the write-back of some dirty pages: somebody waits for their frames.
    pub fn write_some(&mut self) {
        for _ in 0..WRITE_BATCH {
            let Some(frame) = self.l2.next_dirty() else {
                return;
            };
            if !self.start_write(frame, RequestClass::TrainingFw) {
                return;
            }
        }
    }

    /// Starts to write a dirty frame, of which no write is in flight, to its resource. False if
    /// there is no room.
    pub fn start_write(&mut self, frame: u32, class: RequestClass) -> bool {
        let Some(key) = self.l2.key(frame) else {
            return true;
        };
        let Some(entry) = self.arrays[key.array as usize].as_ref() else {
            return true;
        };
        let range = entry.geometry.write_range(key.page);
        let (resource, flushes) = (entry.resource, entry.flushes);
        self.l2.begin_flush(frame);
        let length_bytes = range.length as usize;
        let memory = vec![MemorySpan {
            address: self.l2.host_address(frame) + range.page_offset as usize,
            length_bytes,
            capacity_bytes: length_bytes,
        }];
        let place = (resource, range.resource_offset);
        let purpose = Purpose::Write { frame, flushes };
        let what = (RequestKind::Write, class);
        if self.start_own(what, place, memory, purpose).is_err() {
            self.l2.cancel_flush(frame);
            return false;
        }
        self.writes += 1;
        true
    }

    /// Starts a sync for a job, after the writes to the array's resource that were started before;
    /// the outcome appears in `job_syncs`.
    pub fn start_sync(&mut self, array: u32, job: u64) {
        if let Some(entry) = self.arrays[array as usize].as_ref() {
            self.own_errands += 1;
            self.traffic.sync(entry.resource, Purpose::Sync { job });
        }
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
