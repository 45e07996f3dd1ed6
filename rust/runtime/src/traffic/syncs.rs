//! Syncs: no kind of request, so they pass the scheduler by. Each goes to the engine after the
//! writes to its resource that were started before it.

use super::{Done, Purpose, Traffic};
use gpuio_core::scheduling::RequestStatus;
use gpuio_core::Result;
use gpuio_engines::engine::{Engine, ResourceId, Transfer, TransferKind};
use hashbrown::HashMap;
use std::collections::VecDeque;

/// The low half of a sync's token, which no slice's has: it is the number of no place.
const SYNC_MARK: u64 = u32::MAX as u64;

struct Sync<P> {
    resource: ResourceId,
    /// Writes that were started before it and have not ended.
    waits_for: usize,
    purpose: P,
}

/// Syncs that wait, and those in flight.
pub(super) struct Syncs<P> {
    /// Writes that have not ended, by resource.
    writes: HashMap<ResourceId, usize>,
    /// With the number of the last errand before each.
    waiting: VecDeque<(u64, Sync<P>)>,
    in_flight: HashMap<u64, P>,
    next_number: u64,
}

impl<P> Default for Syncs<P> {
    fn default() -> Self {
        Self {
            writes: HashMap::new(),
            waiting: VecDeque::new(),
            in_flight: HashMap::new(),
            next_number: 0,
        }
    }
}

impl<P> Syncs<P> {
    pub fn write_began(&mut self, resource: ResourceId) {
        *self.writes.entry(resource).or_default() += 1;
    }

    /// A write has ended, the `serial`th errand that was started.
    pub fn write_ended(&mut self, resource: ResourceId, serial: u64) {
        if let Some(count) = self.writes.get_mut(&resource) {
            *count -= 1;
            if *count == 0 {
                self.writes.remove(&resource);
            }
        }
        for (before, sync) in &mut self.waiting {
            if sync.resource == resource && serial <= *before {
                sync.waits_for -= 1;
            }
        }
    }

    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.waiting.len() + self.in_flight.len()
    }

    #[cfg(test)]
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    pub fn purposes(&self) -> impl Iterator<Item = &P> {
        let waiting = self.waiting.iter().map(|(_, sync)| &sync.purpose);
        waiting.chain(self.in_flight.values())
    }

    pub fn is_token(token: u64) -> bool {
        token & SYNC_MARK == SYNC_MARK
    }
}

impl<E: Engine, P: Purpose> Traffic<E, P> {
    pub(super) fn add_sync(&mut self, resource: ResourceId, purpose: P) {
        let waits_for = self.syncs.writes.get(&resource).copied().unwrap_or(0);
        let before = self.errands.last_serial();
        let sync = Sync {
            resource,
            waits_for,
            purpose,
        };
        self.syncs.waiting.push_back((before, sync));
        self.start_syncs();
    }

    /// Sends the syncs that need not wait any more.
    pub(super) fn start_syncs(&mut self) {
        while let Some(at) = (self.syncs.waiting.iter()).position(|(_, it)| it.waits_for == 0) {
            let Some((_, sync)) = self.syncs.waiting.remove(at) else {
                return;
            };
            let token = self.syncs.next_number << 32 | SYNC_MARK;
            self.syncs.next_number += 1;
            self.syncs.in_flight.insert(token, sync.purpose);
            self.push(
                Transfer {
                    token,
                    kind: TransferKind::Sync,
                    resource: sync.resource,
                    offset: 0,
                    memory: Vec::new(),
                },
                false,
            );
        }
    }

    /// The engine has made a resource durable, or not.
    pub(super) fn synced(&mut self, token: u64, result: Result<()>) {
        let Some(purpose) = self.syncs.in_flight.remove(&token) else {
            return;
        };
        let status = match result {
            Ok(()) => RequestStatus::Completed,
            Err(_) => RequestStatus::Error,
        };
        self.done.push_back(Done {
            purpose,
            status,
            bytes_completed: 0,
            error: result.err(),
            parts: Vec::new(),
        });
    }
}
