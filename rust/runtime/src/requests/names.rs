//! Regions and streams by their numbers, which are never used again.

use super::region::{unknown, Place, RegionKind, RegionState};
use gpuio_core::scheduling::{RegionId, RequestClass, StreamId};
use gpuio_core::{Error, ErrorCode, Result};
use hashbrown::HashMap;

/// Most regions of a context.
const REGIONS_MAX: usize = 1 << 20;
/// Most streams of a context.
const STREAMS_MAX: usize = 1 << 16;

/// See the module's comment.
pub struct Names {
    regions: Numbered<Entry>,
    /// With the class of what names none.
    streams: Numbered<RequestClass>,
}

/// A region that takes requests, or is used by some.
struct Entry {
    state: RegionState,
    /// Requests that have not ended, each as often as it names the region.
    uses: usize,
    is_unregistered: bool,
}

struct Numbered<T> {
    by_number: HashMap<u32, T>,
    /// 0 is nobody's.
    last: u32,
}

impl<T> Numbered<T> {
    fn new() -> Self {
        Self {
            by_number: HashMap::new(),
            last: 0,
        }
    }

    /// A new number, if there is room.
    fn next(&mut self, most: usize) -> Option<u32> {
        let has_room = self.by_number.len() < most;
        self.last = self.last.checked_add(1).filter(|_| has_room)?;
        Some(self.last)
    }
}

fn too_many(operation: &'static str, what: &str, most: usize) -> Error {
    let message = format!("a context has room for {most} {what}; let some go");
    Error::new(ErrorCode::NoMemory, operation, message)
}

impl Names {
    pub fn new() -> Self {
        Self {
            regions: Numbered::new(),
            streams: Numbered::new(),
        }
    }

    pub fn add_region(
        &mut self,
        kind: RegionKind,
        place: Place,
        length_bytes: u64,
        is_writable: bool,
    ) -> Result<RegionState> {
        let Some(number) = self.regions.next(REGIONS_MAX) else {
            return Err(too_many("register a region", "regions", REGIONS_MAX));
        };
        let state = RegionState {
            id: RegionId(number),
            kind,
            place,
            length_bytes,
            is_writable,
        };
        let entry = Entry {
            state,
            uses: 0,
            is_unregistered: false,
        };
        self.regions.by_number.insert(number, entry);
        Ok(state)
    }

    /// A region that takes requests.
    pub fn region(&self, id: RegionId) -> Result<&RegionState> {
        let entry = self.regions.by_number.get(&id.0);
        let entry = entry.filter(|it| !it.is_unregistered);
        entry.map(|it| &it.state).ok_or_else(|| unknown(id))
    }

    /// Whether requests can name it, or some that do have not ended.
    pub fn is_used(&self, id: RegionId) -> bool {
        self.regions.by_number.contains_key(&id.0)
    }

    /// One more request names these regions, so often: all of them, or none.
    pub fn begin_uses(
        &mut self,
        uses: impl Iterator<Item = (RegionId, usize)> + Clone,
    ) -> Result<()> {
        for (id, _) in uses.clone() {
            self.region(id)?;
        }
        for (id, count) in uses {
            if let Some(entry) = self.regions.by_number.get_mut(&id.0) {
                entry.uses += count;
            }
        }
        Ok(())
    }

    /// Requests that named it have ended. Gives the region if nobody can use it any more.
    pub fn end_uses(&mut self, id: RegionId, count: usize) -> Option<RegionState> {
        let entry = self.regions.by_number.get_mut(&id.0)?;
        entry.uses -= count;
        self.forget_unused(id)
    }

    /// It takes no more requests. Gives the region if nobody can use it any more.
    pub fn unregister(&mut self, id: RegionId) -> Option<RegionState> {
        self.regions.by_number.get_mut(&id.0)?.is_unregistered = true;
        self.forget_unused(id)
    }

    fn forget_unused(&mut self, id: RegionId) -> Option<RegionState> {
        let entry = self.regions.by_number.get(&id.0)?;
        if !entry.is_unregistered || entry.uses > 0 {
            return None;
        }
        let entry = self.regions.by_number.remove(&id.0);
        entry.map(|entry| entry.state)
    }

    pub fn add_stream(&mut self, class: RequestClass) -> Result<StreamId> {
        let Some(number) = self.streams.next(STREAMS_MAX) else {
            return Err(too_many("create a stream", "streams", STREAMS_MAX));
        };
        self.streams.by_number.insert(number, class);
        Ok(StreamId(number))
    }

    /// The class of what names none in this stream.
    pub fn class_of(&self, stream: StreamId) -> Result<RequestClass> {
        if stream == StreamId::NONE {
            return Ok(RequestClass::TrainingBw);
        }
        let class = self.streams.by_number.get(&stream.0).copied();
        class.ok_or_else(|| {
            let message = format!("there is no stream {}; it has gone", stream.0);
            Error::new(ErrorCode::InvalidArgument, "submit", message)
        })
    }

    pub fn forget_stream(&mut self, id: StreamId) {
        self.streams.by_number.remove(&id.0);
    }
}
