//! The registration cache: what was registered with a device once stays registered until room is
//! needed, because pinning pages and telling a device about them costs more than most transfers.
//!
//! Entries are whole pages and never overlap (CUDA refuses overlapping registrations). A request
//! inside an entry uses that entry. The cache cannot see memory being unmapped: whoever unmaps
//! memory that may be cached calls [`RegistrationCache::forget`] first.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gpuio_core::{Error, ErrorCode, Result};

use crate::device::Device;
use crate::mapping::PAGE_BYTES;

mod table;

use table::{Range, Slot, Table};

/// Something that memory can be registered with: a device, an RDMA domain, a ring.
pub trait Registrar: Send + Sync {
    /// What a registration yields: the device's address, a remote key.
    type Handle: Clone + Send + Sync;

    /// Registers whole pages.
    ///
    /// # Errors
    /// `NoMemory` makes the cache give up idle registrations and try again; any other error goes
    /// to the caller.
    fn register(&self, address: usize, length_bytes: usize) -> Result<Self::Handle>;

    /// Undoes `register`. Cannot fail: there is nobody to tell.
    fn deregister(&self, address: usize, length_bytes: usize, handle: &Self::Handle);
}

/// A device registers host memory; the handle is the address kernels use for its first byte.
impl Registrar for Arc<dyn Device> {
    type Handle = u64;

    fn register(&self, address: usize, length_bytes: usize) -> Result<u64> {
        self.register_host(address, length_bytes)
    }

    fn deregister(&self, address: usize, _length_bytes: usize, _handle: &u64) {
        self.unregister_host(address);
    }
}

/// What the cache did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegistrationStatistics {
    /// Requests that an entry served.
    pub hit_count: u64,
    /// Requests that had to register.
    pub miss_count: u64,
    /// Entries given up to make room: for the capacity, for an overlapping request, or because
    /// the registrar was out of memory.
    pub eviction_count: u64,
    /// Entries now, in use or idle.
    pub entry_count: usize,
}

/// The specification's `gpuio_mr_cache_t`. A handle: clones are the same cache.
pub struct RegistrationCache<R: Registrar> {
    inner: Arc<Inner<R>>,
}

struct Inner<R: Registrar> {
    registrar: R,
    capacity: usize,
    state: Mutex<State<R::Handle>>,
}

struct State<H> {
    table: Table<H>,
    statistics: RegistrationStatistics,
}

impl<R: Registrar> Clone for RegistrationCache<R> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<R: Registrar> RegistrationCache<R> {
    /// A cache of at most `capacity` registrations, in use or idle.
    ///
    /// # Errors
    /// `InvalidArgument` for a capacity of 0.
    pub fn new(registrar: R, capacity: usize) -> Result<Self> {
        if capacity == 0 {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                "create a registration cache",
                "the capacity is 0; it must hold at least one registration",
            ));
        }
        let state = State {
            table: Table::new(),
            statistics: RegistrationStatistics::default(),
        };
        Ok(Self {
            inner: Arc::new(Inner {
                registrar,
                capacity,
                state: Mutex::new(state),
            }),
        })
    }

    /// A registration that covers the range, from the cache if there is one. Registering happens
    /// under the cache's lock, so that two threads never register the same memory.
    ///
    /// # Errors
    /// `InvalidArgument` for an empty range or one that leaves the address space; `Busy` when all
    /// entries are in use, or the range overlaps an entry in use that does not cover it; else the
    /// registrar's.
    pub fn register(&self, address: usize, length_bytes: usize) -> Result<Registration<R>> {
        let range = Range::covering(address, length_bytes)?;
        let mut state = self.inner.lock();
        if let Some(slot) = state.table.take_covering(range) {
            state.statistics.hit_count += 1;
            return Ok(self.guard(&state, slot));
        }
        state.statistics.miss_count += 1;
        self.inner.drop_overlapping(&mut state, range)?;
        if state.table.len() >= self.inner.capacity && !self.inner.evict_oldest(&mut state) {
            return Err(self.inner.all_in_use());
        }
        let handle = self.inner.register(&mut state, range)?;
        let slot = state.table.insert_in_use(range, handle);
        Ok(self.guard(&state, slot))
    }

    /// As `register`, but only from the cache: `None` when nothing covers the range.
    pub fn lookup(&self, address: usize, length_bytes: usize) -> Option<Registration<R>> {
        let range = Range::covering(address, length_bytes).ok()?;
        let mut state = self.inner.lock();
        let slot = state.table.take_covering(range)?;
        state.statistics.hit_count += 1;
        Some(self.guard(&state, slot))
    }

    /// Deregisters all that overlaps the range. Call it before the memory is unmapped.
    ///
    /// # Errors
    /// `Busy` when an overlapping entry is in use; entries before it may be gone already.
    pub fn forget(&self, address: usize, length_bytes: usize) -> Result<()> {
        let range = Range::covering(address, length_bytes)?;
        self.inner.drop_overlapping(&mut self.inner.lock(), range)
    }

    /// What it did so far.
    pub fn statistics(&self) -> RegistrationStatistics {
        let state = self.inner.lock();
        RegistrationStatistics {
            entry_count: state.table.len(),
            ..state.statistics
        }
    }

    fn guard(&self, state: &State<R::Handle>, slot: Slot) -> Registration<R> {
        let (range, handle) = state.table.get(slot);
        Registration {
            inner: Arc::clone(&self.inner),
            slot,
            range,
            handle: handle.clone(),
        }
    }
}

impl<R: Registrar> Inner<R> {
    /// Registers, and when the registrar is out of memory gives up idle entries one by one: at
    /// most as many as there are.
    fn register(&self, state: &mut State<R::Handle>, range: Range) -> Result<R::Handle> {
        loop {
            match self.registrar.register(range.address, range.length_bytes) {
                Err(error) if error.code == ErrorCode::NoMemory => {
                    if !self.evict_oldest(state) {
                        return Err(error);
                    }
                }
                answer => return answer,
            }
        }
    }

    /// Deregisters the entry that has been idle longest. `false` when none is idle.
    fn evict_oldest(&self, state: &mut State<R::Handle>) -> bool {
        let Some((range, handle)) = state.table.remove_oldest_idle() else {
            return false;
        };
        self.deregister(state, range, &handle);
        true
    }

    fn drop_overlapping(&self, state: &mut State<R::Handle>, range: Range) -> Result<()> {
        while let Some(slot) = state.table.find_overlapping(range) {
            let (entry, _) = state.table.get(slot);
            let Some((range, handle)) = state.table.remove_idle(slot) else {
                return Err(Error::new(
                    ErrorCode::Busy,
                    "register memory",
                    format!(
                        "{range} overlaps {entry}, which is registered and in use; wait for its \
                         transfers"
                    ),
                ));
            };
            self.deregister(state, range, &handle);
        }
        Ok(())
    }

    fn deregister(&self, state: &mut State<R::Handle>, range: Range, handle: &R::Handle) {
        self.registrar
            .deregister(range.address, range.length_bytes, handle);
        state.statistics.eviction_count += 1;
    }

    fn all_in_use(&self) -> Error {
        Error::new(
            ErrorCode::Busy,
            "register memory",
            format!(
                "all {} registrations are in use; wait for transfers or raise the capacity",
                self.capacity
            ),
        )
    }

    /// A registrar that panics leaves the table as it was before the entry in question.
    fn lock(&self) -> MutexGuard<'_, State<R::Handle>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R: Registrar> Drop for Inner<R> {
    fn drop(&mut self) {
        // Registrations in use hold this struct, so all entries are idle now.
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        while let Some((range, handle)) = state.table.remove_oldest_idle() {
            self.registrar
                .deregister(range.address, range.length_bytes, &handle);
        }
    }
}

/// A registration in use: it stays registered as long as this lives. Reads as the registrar's
/// handle, which is for [`Registration::address`] and not for the address that was asked for.
pub struct Registration<R: Registrar> {
    inner: Arc<Inner<R>>,
    slot: Slot,
    range: Range,
    handle: R::Handle,
}

impl<R: Registrar> Registration<R> {
    /// Where the registered range starts: a multiple of [`PAGE_BYTES`], at or before the address
    /// that was asked for.
    pub fn address(&self) -> usize {
        self.range.address
    }

    /// How long it is, in bytes: a multiple of [`PAGE_BYTES`].
    pub fn length_bytes(&self) -> usize {
        self.range.length_bytes
    }
}

impl<R: Registrar> Deref for Registration<R> {
    type Target = R::Handle;

    fn deref(&self) -> &R::Handle {
        &self.handle
    }
}

impl<R: Registrar> Drop for Registration<R> {
    fn drop(&mut self) {
        self.inner.lock().table.release(self.slot);
    }
}

// Page arithmetic in `table` relies on it.
const _: () = assert!(PAGE_BYTES.is_power_of_two());
