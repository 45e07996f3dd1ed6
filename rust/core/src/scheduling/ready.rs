//! Requests that wait for a slot of their device.
//!
//! Each device has two lanes, ordinary and bulk, because bulk is kept out while enough of it is
//! in flight. A lane is a heap in the policy's order and, beside it, a list in order of entry for
//! the starvation guard.
//!
//! **The guard.** A request that has waited for [`STARVATION_AGE_NS`] is *aged*. If the last pop
//! did not go to an aged request, the next goes to the oldest of them. So an important request
//! waits for at most one aged one in between, and an aged one goes within
//! `2 * (n + 1)` pops that it may take part in, `n` being how many waited at its device when it
//! entered: those are the only ones that can be older.

use super::heap::{Entry, Heap, Positions};
use super::{DeviceId, PriorityLevel, RequestClass, SchedulerPolicy};
use crate::links::{Links, List, NIL};

/// The wait after which a request goes out of the policy's order.
pub const STARVATION_AGE_NS: u64 = 50_000_000;

/// A request that enters.
#[derive(Clone, Copy, Debug)]
pub struct Waiting {
    /// Its place in the table: a small number that nothing else that waits has.
    pub slot: u32,
    /// For which device it waits.
    pub device: DeviceId,
    /// How important it is.
    pub class: RequestClass,
    /// When it has to be done; for DEADLINE and ADAPTIVE.
    pub due_ns: u64,
    /// Order of submission, which decides between equals.
    pub sequence: u64,
    /// Whether it may have to wait for bulk in flight.
    pub is_bulk: bool,
}

impl Waiting {
    fn is_urgent(&self) -> bool {
        self.class.level() == PriorityLevel::High && !self.is_bulk
    }
}

/// A request that leaves because it is its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Popped {
    /// The request.
    pub slot: u32,
    /// The guard let it pass others.
    pub is_aged: bool,
    /// It came out of the bulk lane.
    pub is_bulk: bool,
}

/// Which lanes a pop may serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Both.
    ForAny,
    /// The ordinary lane only: enough bulk is in flight.
    ForOrdinary,
}

#[derive(Default)]
struct Device {
    /// Ordinary, bulk.
    lanes: [Lane; 2],
    last_was_aged: bool,
    /// What that was before the last pop.
    one_before_was_aged: bool,
    urgent_count: usize,
}

struct Lane {
    order: Heap,
    /// The oldest at the tail.
    ages: List,
}

impl Default for Lane {
    fn default() -> Self {
        Self {
            order: Heap::default(),
            ages: List::EMPTY,
        }
    }
}

/// What is known of each slot that waits.
#[derive(Clone, Copy, Default)]
struct Entered {
    at_ns: u64,
    /// Counts entries; tells which of two is older.
    number: u64,
    device: u16,
    lane: u8,
    is_urgent: bool,
}

/// The waiting requests of all devices. Push, pop and remove take O(log n). Memory for each slot,
/// waiting or not, is a few words; see [`ReadyQueues::memory_bytes`].
pub struct ReadyQueues {
    policy: SchedulerPolicy,
    starvation_age_ns: u64,
    devices: Vec<Device>,
    positions: Positions,
    links: Links,
    entered: Vec<Entered>,
    entry_count: u64,
}

impl ReadyQueues {
    /// Empty queues of `device_count` devices. The guard takes [`STARVATION_AGE_NS`] unless the
    /// caller has a reason for another.
    ///
    /// # Panics
    /// With more than [`MAX_SCHEDULED_DEVICES`](crate::limits::MAX_SCHEDULED_DEVICES).
    pub fn new(policy: SchedulerPolicy, device_count: usize, starvation_age_ns: u64) -> Self {
        assert!(device_count <= crate::limits::MAX_SCHEDULED_DEVICES);
        Self {
            policy,
            starvation_age_ns,
            devices: (0..device_count).map(|_| Device::default()).collect(),
            positions: Positions::default(),
            links: Links::new(0),
            entered: Vec::new(),
            entry_count: 0,
        }
    }

    /// The order of these queues.
    pub fn policy(&self) -> SchedulerPolicy {
        self.policy
    }

    /// How many requests wait at a device.
    pub fn len(&self, device: DeviceId) -> usize {
        let lanes = &self.devices[device.0 as usize].lanes;
        lanes.iter().map(|lane| lane.order.len()).sum()
    }

    /// Whether nothing waits at a device.
    pub fn is_empty(&self, device: DeviceId) -> bool {
        self.len(device) == 0
    }

    /// Whether a small request of the highest level waits at a device.
    pub fn has_urgent(&self, device: DeviceId) -> bool {
        self.devices[device.0 as usize].urgent_count > 0
    }

    /// Whether this request waits.
    pub fn contains(&self, slot: u32) -> bool {
        self.positions.contains(slot)
    }

    /// A request enters. `now_ns` never goes back from one call to the next.
    ///
    /// # Panics
    /// If the slot waits already or the device does not exist.
    pub fn push(&mut self, waiting: Waiting, now_ns: u64) {
        let Waiting { slot, device, .. } = waiting;
        assert!(!self.contains(slot), "slot {slot} waits already");
        let slots = slot as usize + 1;
        if slots > self.entered.len() {
            self.entered.resize(slots, Entered::default());
            self.positions.grow(slots);
            self.links.grow(slots);
        }
        let lane = usize::from(waiting.is_bulk && self.policy.preempts());
        self.entered[slot as usize] = Entered {
            at_ns: now_ns,
            number: self.entry_count,
            device: device.0 as u16,
            lane: lane as u8,
            is_urgent: waiting.is_urgent(),
        };
        self.entry_count += 1;
        let queue = &mut self.devices[device.0 as usize];
        queue.urgent_count += usize::from(waiting.is_urgent());
        let lane = &mut queue.lanes[lane];
        let entry = Entry {
            urgency: self.policy.urgency(waiting.class, waiting.due_ns),
            sequence: waiting.sequence,
            slot,
        };
        lane.order.push(&mut self.positions, entry);
        self.links.push_head(&mut lane.ages, slot);
    }

    /// The request whose turn it is, which then waits no longer. With FIFO, bulk is not told
    /// apart and `room` makes no difference.
    pub fn pop(&mut self, device: DeviceId, now_ns: u64, room: Room) -> Option<Popped> {
        let queue = &self.devices[device.0 as usize];
        let aged = self.oldest_aged(queue, now_ns, room);
        let first = open_lanes(queue, room)
            .filter_map(|lane| lane.order.first())
            .min_by_key(|entry| (entry.urgency, entry.sequence))?;
        let (slot, is_aged) = match aged {
            Some(slot) if slot != first.slot => (slot, true),
            _ => (first.slot, false),
        };
        let queue = &mut self.devices[device.0 as usize];
        queue.one_before_was_aged = std::mem::replace(&mut queue.last_was_aged, is_aged);
        let is_bulk = self.entered[slot as usize].lane == 1;
        self.remove(slot);
        Some(Popped {
            slot,
            is_aged,
            is_bulk,
        })
    }

    /// The last pop at this device served nobody: the request was given up instead. The guard
    /// forgets it, or an important request could be passed twice.
    pub fn disregard_pop(&mut self, device: DeviceId) {
        let queue = &mut self.devices[device.0 as usize];
        queue.last_was_aged = queue.one_before_was_aged;
    }

    /// Takes out a request that waits, whose turn it is or not; `false` if it does not wait.
    pub fn remove(&mut self, slot: u32) -> bool {
        if !self.contains(slot) {
            return false;
        }
        let entered = self.entered[slot as usize];
        let queue = &mut self.devices[entered.device as usize];
        queue.urgent_count -= usize::from(entered.is_urgent);
        let lane = &mut queue.lanes[entered.lane as usize];
        lane.order.remove(&mut self.positions, slot);
        self.links.unlink(&mut lane.ages, slot);
        true
    }

    /// Bytes allocated.
    pub fn memory_bytes(&self) -> usize {
        let lanes = self.devices.iter().flat_map(|device| &device.lanes);
        lanes.map(|lane| lane.order.memory_bytes()).sum::<usize>()
            + self.positions.memory_bytes()
            + self.links.memory_bytes()
            + self.entered.capacity() * size_of::<Entered>()
    }

    /// The oldest request, if it is aged and the guard's turn has come.
    fn oldest_aged(&self, queue: &Device, now_ns: u64, room: Room) -> Option<u32> {
        if queue.last_was_aged || !self.policy.preempts() {
            return None;
        }
        let tails = open_lanes(queue, room).map(|lane| lane.ages.tail);
        let oldest = tails
            .filter(|tail| *tail != NIL)
            .min_by_key(|tail| self.entered[*tail as usize].number)?;
        let waited_ns = now_ns.saturating_sub(self.entered[oldest as usize].at_ns);
        (waited_ns >= self.starvation_age_ns).then_some(oldest)
    }
}

/// The lanes that a pop may serve.
fn open_lanes(queue: &Device, room: Room) -> impl Iterator<Item = &Lane> {
    let open = match room {
        Room::ForAny => 2,
        Room::ForOrdinary => 1,
    };
    queue.lanes[..open].iter()
}
