//! The registration cache, against a registrar that refuses what a device would.

use std::sync::{Arc, Mutex};
use std::thread;

use gpuio_core::{Error, ErrorCode, Result};
use gpuio_memory::device::Device;
use gpuio_memory::host::HostDevice;
use gpuio_memory::mapping::{Mapping, PAGE_BYTES};
use gpuio_memory::registration::{Registrar, Registration, RegistrationCache};
use proptest::prelude::*;

const PAGE: usize = PAGE_BYTES;
/// Addresses in the tests start here: the registrar never looks at the memory.
const BASE: usize = 1 << 30;

/// Registers at most `limit_pages` pages, never twice, and knows what is registered.
#[derive(Clone)]
struct Strict {
    limit_pages: usize,
    registered: Arc<Mutex<Vec<(usize, usize)>>>,
}

impl Strict {
    fn new(limit_pages: usize) -> Self {
        Self {
            limit_pages,
            registered: Arc::default(),
        }
    }

    fn list(&self) -> Vec<(usize, usize)> {
        let mut list = self.registered.lock().expect("no panic").clone();
        list.sort_unstable();
        list
    }
}

impl Registrar for Strict {
    type Handle = usize;

    fn register(&self, address: usize, length: usize) -> Result<usize> {
        let mut registered = self.registered.lock().expect("no panic");
        assert_eq!((address % PAGE, length % PAGE), (0, 0));
        for &(other, other_length) in registered.iter() {
            let apart = address + length <= other || other + other_length <= address;
            assert!(
                apart,
                "{address:#x}+{length:#x} overlaps {other:#x}+{other_length:#x}"
            );
        }
        let used: usize = registered.iter().map(|(_, length)| length / PAGE).sum();
        if used + length / PAGE > self.limit_pages {
            return Err(Error::new(
                ErrorCode::NoMemory,
                "pin",
                "the limit is reached",
            ));
        }
        registered.push((address, length));
        Ok(address * 2)
    }

    fn deregister(&self, address: usize, length: usize, handle: &usize) {
        assert_eq!(*handle, address * 2);
        let mut registered = self.registered.lock().expect("no panic");
        let position = registered
            .iter()
            .position(|&entry| entry == (address, length));
        registered.swap_remove(position.expect("registered before"));
    }
}

fn cache(capacity: usize, limit_pages: usize) -> (Strict, RegistrationCache<Strict>) {
    let strict = Strict::new(limit_pages);
    let cache = RegistrationCache::new(strict.clone(), capacity).expect("a capacity");
    (strict, cache)
}

fn counts(cache: &RegistrationCache<Strict>) -> (u64, u64, u64, usize) {
    let s = cache.statistics();
    (s.hit_count, s.miss_count, s.eviction_count, s.entry_count)
}

fn refusal(answer: Result<Registration<Strict>>) -> ErrorCode {
    answer.err().expect("refused").code
}

#[test]
fn ranges_inside_an_entry_hit_and_ranges_beside_it_miss() {
    let (strict, cache) = cache(8, 100);
    let first = cache.register(BASE + 100, 2 * PAGE).expect("register");
    assert_eq!(
        (first.address(), first.length_bytes(), *first),
        (BASE, 3 * PAGE, BASE * 2)
    );
    drop(first);
    for (address, length) in [(BASE, 3 * PAGE), (BASE + PAGE, 1), (BASE + 3 * PAGE - 1, 1)] {
        let hit = cache.register(address, length).expect("register");
        assert_eq!((hit.address(), hit.length_bytes()), (BASE, 3 * PAGE));
    }
    assert_eq!(counts(&cache), (3, 1, 0, 1));
    assert!(cache.lookup(BASE + 3 * PAGE, 1).is_none());
    assert!(cache.lookup(BASE - 1, 1).is_none());
    assert!(cache.lookup(BASE, 3 * PAGE).is_some());
    cache.register(BASE + 3 * PAGE, 1).expect("register");
    assert_eq!(counts(&cache), (4, 2, 0, 2));
    assert_eq!(strict.list(), [(BASE, 3 * PAGE), (BASE + 3 * PAGE, PAGE)]);
}

#[test]
fn the_entry_idle_longest_goes_first_and_those_in_use_never() {
    let (strict, cache) = cache(3, 100);
    let at = |index: usize| BASE + index * 16 * PAGE;
    let pinned = cache.register(at(0), 1).expect("register");
    cache.register(at(1), 1).expect("register");
    cache.register(at(2), 1).expect("register");
    cache.register(at(1), 1).expect("hit");
    cache.register(at(3), 1).expect("evicts 2");
    assert_eq!(strict.list(), [(at(0), PAGE), (at(1), PAGE), (at(3), PAGE)]);
    let others = [
        cache.register(at(1), 1).expect("hit"),
        cache.register(at(3), 1).expect("hit"),
    ];
    assert_eq!(refusal(cache.register(at(4), 1)), ErrorCode::Busy);
    drop(others);
    cache.register(at(4), 1).expect("evicts 1");
    assert_eq!(strict.list(), [(at(0), PAGE), (at(3), PAGE), (at(4), PAGE)]);
    drop(pinned);
}

#[test]
fn an_overlap_replaces_idle_entries_and_waits_for_busy_ones() {
    let (strict, cache) = cache(8, 100);
    for index in [0, 2, 4] {
        cache.register(BASE + index * PAGE, 1).expect("register");
    }
    cache
        .register(BASE + 2 * PAGE, 3 * PAGE)
        .expect("replaces two");
    assert_eq!(strict.list(), [(BASE, PAGE), (BASE + 2 * PAGE, 3 * PAGE)]);
    let busy = cache.register(BASE, 1).expect("hit");
    assert_eq!(refusal(cache.register(BASE, 2 * PAGE)), ErrorCode::Busy);
    assert_eq!(
        cache.forget(BASE, 1).expect_err("in use").code,
        ErrorCode::Busy
    );
    drop(busy);
    cache.forget(BASE, 3 * PAGE).expect("idle");
    assert!(strict.list().is_empty());
}

#[test]
fn running_out_of_pinned_memory_gives_up_idle_entries() {
    let (strict, cache) = cache(8, 4);
    for index in 0..4 {
        cache
            .register(BASE + index * 8 * PAGE, 1)
            .expect("register");
    }
    cache
        .register(BASE + 100 * PAGE, 3 * PAGE)
        .expect("evicts three");
    assert_eq!(
        strict.list(),
        [(BASE + 24 * PAGE, PAGE), (BASE + 100 * PAGE, 3 * PAGE)]
    );
    assert_eq!(
        refusal(cache.register(BASE + 200 * PAGE, 5 * PAGE)),
        ErrorCode::NoMemory
    );
}

#[test]
fn nothing_stays_registered_behind_the_last_handle() {
    let (strict, cache) = cache(8, 100);
    let guard = cache.register(BASE, 1).expect("register");
    cache.register(BASE + 8 * PAGE, 1).expect("register");
    drop(cache);
    assert_eq!(strict.list().len(), 2);
    drop(guard);
    assert!(strict.list().is_empty());
}

#[test]
fn bad_arguments_are_refused() {
    assert!(RegistrationCache::new(Strict::new(1), 0).is_err());
    let (_, cache) = cache(1, 1);
    for (address, length) in [(BASE, 0), (0, 10), (usize::MAX - 5, 3), (BASE, usize::MAX)] {
        assert_eq!(
            refusal(cache.register(address, length)),
            ErrorCode::InvalidArgument
        );
        assert!(cache.lookup(address, length).is_none());
    }
}

#[test]
fn a_device_is_a_registrar() {
    let device: Arc<dyn Device> = Arc::new(HostDevice::new());
    let cache = RegistrationCache::new(device, 4).expect("a capacity");
    let memory = Mapping::new(4 * PAGE).expect("map");
    let registration = cache
        .register(memory.address() + 10, 100)
        .expect("register");
    assert_eq!(*registration, memory.address() as u64);
}

#[test]
fn threads_agree_on_what_is_registered() {
    let (strict, cache) = cache(6, 1000);
    thread::scope(|scope| {
        for seed in 0..4_usize {
            let cache = cache.clone();
            scope.spawn(move || {
                for turn in 0..300 {
                    let address = BASE + (turn * 7 + seed * 3) % 10 * 4 * PAGE;
                    let registration = cache.register(address, 2 * PAGE).expect("4 of 6 in use");
                    assert_eq!(*registration, address * 2);
                }
            });
        }
    });
    assert!(strict.list().len() <= 6);
    drop(cache);
    assert!(strict.list().is_empty());
}

proptest! {
    /// Whatever is asked, held and released: held entries stay registered, no two overlap (the
    /// registrar checks), the capacity holds, and the counts add up.
    #[test]
    fn held_registrations_stay_registered(
        requests in prop::collection::vec((0_usize..40, 1_usize..6, any::<bool>()), 1..120),
        capacity in 1_usize..8,
    ) {
        let (strict, cache) = cache(capacity, 20);
        let mut held = Vec::new();
        for (earlier_count, (page, pages, keep)) in requests.into_iter().enumerate() {
            let (address, length) = (BASE + page * PAGE, pages * PAGE);
            match cache.register(address, length) {
                Ok(registration) => {
                    prop_assert!(registration.address() <= address);
                    let end = registration.address() + registration.length_bytes();
                    prop_assert!(end >= address + length);
                    if keep {
                        held.push(registration);
                    } else {
                        drop(registration);
                        held.pop();
                    }
                }
                Err(error) => {
                    prop_assert!(matches!(error.code, ErrorCode::Busy | ErrorCode::NoMemory));
                    prop_assert!(!held.is_empty());
                    held.pop();
                }
            }
            let list = strict.list();
            prop_assert!(list.len() <= capacity);
            for entry in held.iter().map(|held| (held.address(), held.length_bytes())) {
                prop_assert!(list.contains(&entry));
            }
            let (hits, misses, _, entries) = counts(&cache);
            prop_assert_eq!(hits + misses, earlier_count as u64 + 1);
            prop_assert_eq!(entries, list.len());
        }
    }
}
