//! Errands: requests of the scheduler, with their memory and what they are for.

use gpuio_core::scheduling::{Request, RequestId};
use gpuio_core::Error;
use gpuio_engines::engine::{MemorySpan, ResourceId, TransferKind};

/// Names an errand, and never another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Errand {
    place: u32,
    generation: u32,
}

impl Errand {
    pub(super) fn number(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.place)
    }

    pub(super) fn from_number(number: u64) -> Self {
        Self {
            place: number as u32,
            generation: (number >> 32) as u32,
        }
    }
}

/// How an errand is carried out.
#[derive(Debug)]
pub enum Work {
    /// By the engine: reads from the resource `src`, or writes to `dst`. These are the pieces of
    /// memory, in order; only the last may have a capacity beyond its length.
    Transfer(TransferKind, Vec<MemorySpan>),
    /// By the engine, from or into memory that the plan of the batch names, and what are copies by
    /// the owner. These are the resources that the engine writes to.
    Batch(Vec<ResourceId>),
    /// By the owner: see [`Traffic::next_elsewhere`](super::Traffic::next_elsewhere).
    Elsewhere,
}

impl Work {
    /// The resources that the engine writes to.
    pub(super) fn written<'a>(
        &'a self,
        request: &Request,
    ) -> impl Iterator<Item = ResourceId> + use<'a> {
        let own = self.writes().then_some(ResourceId(request.dst.0));
        let of_batch: &[ResourceId] = match self {
            Self::Batch(written) => written,
            _ => &[],
        };
        own.into_iter().chain(of_batch.iter().copied())
    }

    fn writes(&self) -> bool {
        matches!(self, Self::Transfer(TransferKind::Write, _))
    }
}

/// What an errand is for: it may want to know how far it is.
pub trait Purpose {
    /// The first slice has gone out.
    fn began(&self) {}

    /// So many bytes more were moved.
    fn moved(&self, bytes: u64) {
        let _ = bytes;
    }
}

/// One errand.
pub(super) struct Entry<P> {
    pub id: RequestId,
    pub request: Request,
    pub work: Work,
    pub purpose: P,
    /// Order of the starts.
    pub serial: u64,
    /// The byte that the engine blamed last.
    pub blamed: Option<u64>,
}

impl<P> Entry<P> {
    /// The scheduler's error with the offset in the resource: the engine's, or where the write was
    /// when it stopped.
    pub fn located(&self, mut error: Error) -> Error {
        let request = &self.request;
        if let Work::Batch(_) = self.work {
            return error; // the first part's that failed, not what was blamed last
        }
        error.offset = match (self.blamed, error.offset) {
            (Some(blamed), _) => Some(blamed),
            (None, Some(at)) if self.work.writes() => {
                Some(at - request.src_offset + request.dst_offset)
            }
            (None, at) => at,
        };
        error
    }
}

struct Place<P> {
    generation: u32,
    entry: Option<Entry<P>>,
}

/// All errands that have not ended. Memory is kept for the most there ever were.
pub(super) struct Errands<P> {
    places: Vec<Place<P>>,
    free: Vec<u32>,
    count: usize,
    serial: u64,
}

impl<P> Default for Errands<P> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
            count: 0,
            serial: 0,
        }
    }
}

impl<P> Errands<P> {
    /// The name of the next errand.
    pub fn vacancy(&mut self) -> Errand {
        if self.free.is_empty() {
            // As many as the scheduler has requests, so a u32.
            self.free.push(self.places.len() as u32);
            self.places.push(Place {
                generation: 0,
                entry: None,
            });
        }
        let place = self.free.last().copied().unwrap_or_default();
        Errand {
            place,
            generation: self.places[place as usize].generation,
        }
    }

    /// Fills the vacancy.
    pub fn insert(
        &mut self,
        errand: Errand,
        id: RequestId,
        request: Request,
        work: Work,
        purpose: P,
    ) {
        debug_assert_eq!(self.free.last(), Some(&errand.place));
        self.free.pop();
        self.count += 1;
        self.serial += 1;
        self.places[errand.place as usize].entry = Some(Entry {
            id,
            request,
            work,
            purpose,
            serial: self.serial,
            blamed: None,
        });
    }

    /// Takes an errand out, whose name is not used again.
    pub fn take(&mut self, errand: Errand) -> Option<Entry<P>> {
        self.get(errand)?;
        let place = &mut self.places[errand.place as usize];
        place.generation = place.generation.wrapping_add(1);
        self.free.push(errand.place);
        self.count -= 1;
        place.entry.take()
    }

    pub fn get(&self, errand: Errand) -> Option<&Entry<P>> {
        let place = self.places.get(errand.place as usize)?;
        let entry = place.entry.as_ref();
        entry.filter(|_| place.generation == errand.generation)
    }

    pub fn get_mut(&mut self, errand: Errand) -> Option<&mut Entry<P>> {
        let place = self.places.get_mut(errand.place as usize)?;
        let is_same = place.generation == errand.generation;
        place.entry.as_mut().filter(|_| is_same)
    }

    pub fn request(&self, errand: Errand) -> Option<RequestId> {
        self.get(errand).map(|entry| entry.id)
    }

    pub fn purposes(&self) -> impl Iterator<Item = &P> {
        let entries = self.places.iter().filter_map(|it| it.entry.as_ref());
        entries.map(|entry| &entry.purpose)
    }

    /// The `serial` of the errand that was started last.
    pub fn last_serial(&self) -> u64 {
        self.serial
    }

    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.count
    }
}
