//! Fills: an engine reads pages right into the L1 frames that they are wanted in.
//!
//! Possible where engines can address L1 (on the host device). It saves the copy from L2, and the
//! L2 frame. But a page that is not in L2 has to be read again once L1 has dropped it, so only
//! stretches go this way that cursors have brought ahead, each page as long as it was not streamed
//! lately: what is streamed again so soon may stay, and goes through L2.
//!
//! The L1 frame belongs to the engine from the request until its completion, just as it belongs to
//! the copy engine where that brings the page: the page is BUSY, so no kernel touches the frame
//! (but for optimistic readers of the page before it, who throw away what they see), and the fault
//! is answered only when all bytes are there.

use super::core::Core;
use super::transfers::{failure_word, Purpose};
use crate::array::Placement;
use crate::l2::PageKey;
use gpuio_core::replacement::Ghost;
use gpuio_core::scheduling::{RequestClass, RequestKind};
use gpuio_core::Result;
use gpuio_engines::engine::{MemorySpan, ResourceId};
use gpuio_memory::layout::{FaultOperation, Outcome};
use gpuio_memory::ring::Fault;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Most bytes that one fill brings.
const FILL_BYTES: u64 = 1 << 20;
/// Shorter stretches go through L2, unless they continue a fill: such pages are rather hot than
/// streamed, and reading them one by one is slower than what L2's own read-ahead makes of them.
const SHORTEST_BYTES: u64 = 256 << 10;
/// A stretch is complete when nothing has joined for so long: longer than a kernel takes from one
/// page to the next, and short beside the read.
const PATIENCE: Duration = Duration::from_micros(20);
/// Most bytes that fills of one array have in flight; further stretches wait here. No more, because
/// some drives (virtual ones) tell of nothing until all they were given is done: the next stretches
/// then follow at once, while kernels use those before.
const IN_FLIGHT_BYTES: u64 = 4 << 20;
/// Ends of fills that are remembered, to know what continues them.
const STREAMS: usize = 8;

/// What the service keeps for fills.
pub struct Fills {
    /// Faults for consecutive pages of one array that will be one fill. More may join.
    stretch: Vec<Fault>,
    /// Stretches that are complete and wait for their turn, the oldest first.
    ready: VecDeque<Vec<Fault>>,
    /// Pages of fills under way, by array.
    in_flight: HashMap<u32, u64>,
    /// When the last one joined.
    joined: Option<Instant>,
    /// The keys of the pages behind the latest fills, the latest last.
    ends: VecDeque<u64>,
    /// The pages that were filled last.
    streamed: Ghost,
}

impl Fills {
    /// Remembers as many streamed pages as L2 has frames: if more pages than that lie between two
    /// uses, L2 would not have kept the page anyway.
    pub fn new(l2_frames: u32) -> Self {
        Self {
            stretch: Vec::new(),
            ready: VecDeque::new(),
            in_flight: HashMap::new(),
            joined: None,
            ends: VecDeque::with_capacity(STREAMS),
            streamed: Ghost::new(l2_frames as usize),
        }
    }

    /// Takes note of a fill, which may continue another.
    fn continue_stream(&mut self, first: u64, count: usize) {
        let known = self.ends.iter().position(|&end| end == first);
        match known {
            Some(at) => drop(self.ends.remove(at)),
            None if self.ends.len() == STREAMS => drop(self.ends.pop_front()),
            None => {}
        }
        self.ends.push_back(first + count as u64);
    }

    /// The oldest stretch that may be filled now. Arrays do not wait for each other: the resource
    /// of one may hang.
    fn next_ready(&mut self, page_bytes: u64) -> Option<Vec<Fault>> {
        let may_start = |at: &usize| {
            let stretch = &self.ready[*at];
            let array = array_of(stretch);
            let others = self.in_flight.get(&array).copied().unwrap_or(0);
            let fits = (others + stretch.len() as u64) * page_bytes <= IN_FLIGHT_BYTES;
            let is_first = self.ready.iter().take(*at).all(|it| array_of(it) != array);
            is_first && (fits || others == 0)
        };
        let at = (0..self.ready.len()).find(may_start)?;
        self.ready.remove(at)
    }

    fn begin(&mut self, array: u32, pages: usize) {
        *self.in_flight.entry(array).or_default() += pages as u64;
    }

    fn end(&mut self, array: u32, pages: usize) {
        let Some(count) = self.in_flight.get_mut(&array) else {
            return;
        };
        *count -= pages as u64;
        if *count == 0 {
            self.in_flight.remove(&array);
        }
    }

    /// The faults that wait for their fill to start.
    pub fn waiting(&self) -> impl Iterator<Item = &Fault> {
        self.ready.iter().flatten().chain(&self.stretch)
    }

    /// Forgets the faults that wait.
    pub fn drop_waiting(&mut self) {
        self.ready.clear();
        self.stretch.clear();
    }
}

/// The array of a stretch, which is never empty.
fn array_of(stretch: &[Fault]) -> u32 {
    stretch.first().map_or(0, |fault| fault.array)
}

/// A page as a ghost's key: unique, since a page number has 48 bits.
fn ghost_key(fault: &Fault) -> u64 {
    u64::from(fault.array) << 48 | fault.page
}

impl Core {
    /// Takes a fault whose page is not in L2 for a fill. False: it is to be served through L2.
    pub fn join_stretch(&mut self, fault: Fault) -> bool {
        let is_prefetch = fault.operation == FaultOperation::Prefetch as u32;
        let is_cached = self
            .array(fault.array)
            .is_some_and(|array| matches!(array.placement, Placement::Cached { .. }));
        let reachable = self.l1.frame_host_address(fault.frame).is_some();
        if !is_prefetch || !is_cached || !reachable {
            return false;
        }
        if self.fills.streamed.take(ghost_key(&fault)) {
            return false;
        }
        let joins = self.fills.stretch.last().is_none_or(|last| {
            last.array == fault.array
                && last.page + 1 == fault.page
                && (self.fills.stretch.len() as u64) < FILL_BYTES / self.page_bytes
        });
        if !joins {
            self.end_stretch();
        }
        self.fills.stretch.push(fault);
        self.fills.joined = Some(Instant::now());
        true
    }

    /// Ends the stretch if nothing joins it any more. Returns whether there is one.
    pub fn poll_stretch(&mut self) -> bool {
        if self.fills.stretch.is_empty() {
            return false;
        }
        if self
            .fills
            .joined
            .is_none_or(|since| since.elapsed() >= PATIENCE)
        {
            self.end_stretch();
        }
        true
    }

    /// Starts the fill of the faults that have come together.
    fn end_stretch(&mut self) {
        let faults = std::mem::take(&mut self.fills.stretch);
        let Some(first) = faults.first().map(ghost_key) else {
            return;
        };
        let is_short = faults.len() as u64 * self.page_bytes < SHORTEST_BYTES
            && !self.fills.ends.contains(&first);
        if is_short {
            return self.send_through_l2(faults);
        }
        self.fills.continue_stream(first, faults.len());
        self.fills.ready.push_back(faults);
        self.start_fills();
    }

    /// Starts fills as far as they may be in flight together.
    fn start_fills(&mut self) {
        while let Some(faults) = self.fills.next_ready(self.page_bytes) {
            // A page may have come to L2 by now, and be newer there.
            let in_l2 = faults.iter().any(|fault| {
                let (array, page) = (fault.array, fault.page);
                self.l2.find(PageKey { array, page }).is_some()
            });
            if in_l2 || !self.start_fill(&faults) {
                self.send_through_l2(faults);
            }
        }
    }

    fn send_through_l2(&mut self, faults: Vec<Fault>) {
        for fault in faults {
            self.serve_through_l2(fault);
        }
    }

    /// Starts a read of consecutive pages into the frames of their faults. False if there is no
    /// room.
    fn start_fill(&mut self, faults: &[Fault]) -> bool {
        let Some((resource, offset, memory)) = self.plan_fill(faults) else {
            return false;
        };
        let purpose = Purpose::Fill {
            faults: faults.to_vec(),
        };
        // Kernels do not ask again for what a cursor has asked for: so it must not stand back.
        let what = (RequestKind::Read, RequestClass::TrainingFw);
        if self
            .start_own(what, (resource, offset), memory, purpose)
            .is_err()
        {
            return false;
        }
        for fault in faults {
            self.fills.streamed.add(ghost_key(fault));
        }
        self.fills.begin(faults[0].array, faults.len());
        self.stats.filled_pages += faults.len() as u64;
        true
    }

    /// Resource, offset and memory of a fill. Frames that lie one behind the other are one piece:
    /// the CLOCK hand gives them out in order, so most fills are.
    fn plan_fill(&self, faults: &[Fault]) -> Option<(ResourceId, u64, Vec<MemorySpan>)> {
        let array = self.array(faults.first()?.array)?;
        let mut memory: Vec<MemorySpan> = Vec::new();
        for fault in faults {
            let address = self.l1.frame_host_address(fault.frame)?;
            let length_bytes = array.geometry.read_range(fault.page).length as usize;
            let capacity_bytes = self.page_bytes as usize;
            match memory.last_mut() {
                Some(last) if last.address + last.capacity_bytes == address => {
                    last.length_bytes = last.capacity_bytes + length_bytes;
                    last.capacity_bytes += capacity_bytes;
                }
                _ => memory.push(MemorySpan {
                    address,
                    length_bytes,
                    capacity_bytes,
                }),
            }
        }
        let range = array.geometry.read_range(faults.first()?.page);
        Some((array.resource, range.resource_offset, memory))
    }

    /// A fill has ended.
    pub(super) fn filled(&mut self, faults: Vec<Fault>, result: Result<()>) {
        if let Some(first) = faults.first() {
            self.fills.end(first.array, faults.len());
        }
        self.start_fills();
        // One bad page spoils a stretch: each is read again alone.
        if result.is_err() && faults.len() > 1 {
            for fault in faults {
                if !self.start_fill(&[fault]) {
                    self.stalled.push_back(fault);
                }
            }
            return;
        }
        for fault in faults {
            match result
                .as_ref()
                .map_err(Clone::clone)
                .and_then(|()| self.finish_page(&fault))
            {
                Ok(()) => self.shared.answer(&fault, Outcome::Done, 0),
                Err(error) => {
                    let word = failure_word(&error);
                    self.shared.answer(&fault, Outcome::Failed, word);
                }
            }
        }
    }

    /// Counts a page that was read, and zeroes what lies behind the array's end on its last page:
    /// another array's bytes may be left there.
    fn finish_page(&mut self, fault: &Fault) -> Result<()> {
        let page_bytes = self.page_bytes;
        let Some(array) = self.array_mut(fault.array) else {
            return Ok(());
        };
        let length = array.geometry.read_range(fault.page).length;
        array.read_bytes += length;
        let tail = vec![0u8; (page_bytes - length) as usize];
        let Some(frame) = self
            .l1
            .frame_address(fault.frame)
            .filter(|_| !tail.is_empty())
        else {
            return Ok(());
        };
        // SAFETY: the rest of the frame, which is the service's until the fault is answered.
        unsafe {
            self.device
                .copy_to_device(frame + length, tail.as_ptr() as usize, tail.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(array: u32, pages: std::ops::Range<u64>) -> Vec<Fault> {
        let fault = |page| Fault {
            operation: FaultOperation::Prefetch as u32,
            array,
            page,
            slot: 0,
            generation: 1,
            frame: 0,
        };
        pages.map(fault).collect()
    }

    fn starts(fills: &mut Fills) -> Option<(u32, u64)> {
        let next = fills.next_ready(64 << 10)?;
        fills.begin(next[0].array, next.len());
        Some((next[0].array, next[0].page))
    }

    #[test]
    fn each_array_has_its_fills_in_order_and_not_too_many_in_flight() {
        let mut fills = Fills::new(8);
        let parts = [0..16, 16..32, 32..48, 48..63, 63..79, 79..80];
        for pages in parts {
            fills.ready.push_back(stretch(1, pages));
        }
        fills.ready.push_back(stretch(2, 0..16));
        for first in [0, 16, 32, 48] {
            assert_eq!(starts(&mut fills), Some((1, first)));
        }
        // One page more would fit, but not before those that were asked for first.
        assert_eq!(starts(&mut fills), Some((2, 0)));
        assert_eq!(starts(&mut fills), None);
        assert_eq!(fills.waiting().count(), 17);
        fills.end(1, 16);
        assert_eq!(starts(&mut fills), Some((1, 63)));
        assert_eq!(starts(&mut fills), Some((1, 79)));
        assert_eq!(starts(&mut fills), None);
    }

    #[test]
    fn a_stretch_larger_than_the_bound_starts_alone() {
        let mut fills = Fills::new(8);
        fills.ready.push_back(stretch(1, 0..200));
        fills.ready.push_back(stretch(1, 200..201));
        assert_eq!(starts(&mut fills), Some((1, 0)));
        assert_eq!(starts(&mut fills), None);
        fills.end(1, 200);
        assert_eq!(starts(&mut fills), Some((1, 200)));
    }

    #[test]
    fn the_latest_streams_are_known_by_their_ends() {
        let mut fills = Fills::new(8);
        for stream in 0..20u64 {
            fills.continue_stream(1000 * stream, 16);
            fills.continue_stream(1000 * stream + 16, 4);
        }
        assert_eq!(fills.ends.len(), STREAMS);
        assert!(fills.ends.contains(&19_020) && fills.ends.contains(&12_020));
        assert!(!fills.ends.contains(&19_016) && !fills.ends.contains(&11_020));
    }
}
