//! Random errands, cancels, failures; oracles for memory and bytes; and bugs that they must find.

use super::engine::{byte_of, FakeEngine};
use super::{request, Errand, MemorySpan, Purpose, Traffic, Work};
use crate::traffic::Planted;
use gpuio_core::scheduling::{Request, RequestClass, RequestKind, RequestStatus};
use gpuio_core::{Error, ErrorCode};
use gpuio_engines::engine::{ResourceId, TransferKind};
use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

type Live = Rc<RefCell<HashSet<usize>>>;

/// Memory of one errand, known as live until it is dropped. The bytes themselves stay, so that a
/// bug is found and does no harm.
struct Owned {
    address: usize,
    first: u64,
    length: usize,
    kind: RequestKind,
    live: Live,
}

impl Purpose for Owned {}

impl Drop for Owned {
    fn drop(&mut self) {
        self.live.borrow_mut().remove(&self.address);
    }
}

struct Run {
    traffic: Traffic<FakeEngine, Owned>,
    live: Live,
    memory: Vec<Vec<u8>>,
    errands: Vec<Errand>,
    ended: usize,
    state: u64,
    now_ns: u64,
}

impl Run {
    fn below(&mut self, bound: u64) -> u64 {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.state >> 33) % bound
    }

    fn start(&mut self) {
        let length = 1 + self.below(20_000) as usize;
        let first = self.below(100_000);
        let kind = match self.below(3) {
            0 => RequestKind::Write,
            _ => RequestKind::Read,
        };
        let way = match kind {
            RequestKind::Write => TransferKind::Write,
            _ => TransferKind::Read,
        };
        let byte = |k| byte_of(ResourceId(1), first + k as u64);
        let mut memory: Vec<u8> = match kind {
            RequestKind::Write => (0..length).map(byte).collect(),
            _ => vec![0; length],
        };
        let address = memory.as_mut_ptr() as usize;
        self.memory.push(memory);
        self.live.borrow_mut().insert(address);
        let owned = Owned {
            address,
            first,
            length,
            kind,
            live: Rc::clone(&self.live),
        };
        let class = RequestClass::ALL[self.below(6) as usize];
        let cut = (self.below(length as u64) as usize).max(1);
        let piece = |from: usize, to: usize| MemorySpan {
            address: address + from,
            length_bytes: to - from,
            capacity_bytes: to - from,
        };
        let work = Work::Transfer(way, vec![piece(0, cut), piece(cut, length)]);
        let request = Request {
            class,
            ..request(kind, 1, first, length as u64)
        };
        let started = self.traffic.start(request, work, owned, self.now_ns);
        self.errands
            .push(started.map_err(|(_, error)| error).unwrap());
    }

    /// Ends a transfer of the engine's. Its memory must be its errand's.
    fn end_one(&mut self) -> Result<(), String> {
        let held = self.traffic.engine.held.len() as u64;
        if held == 0 {
            return Ok(());
        }
        let place = self.below(held) as usize;
        let transfer = &self.traffic.engine.held[place];
        let (first, last) = (
            transfer.memory[0],
            transfer.memory[transfer.memory.len() - 1],
        );
        let is_live = self.memory.iter().any(|memory| {
            let range = memory.as_ptr() as usize..=memory.as_ptr() as usize + memory.len();
            range.contains(&first.address)
                && range.contains(&(last.address + last.length_bytes))
                && self.live.borrow().contains(range.start())
        });
        if !is_live {
            return Err("a transfer's memory was given back before it ended".into());
        }
        let total: usize = transfer.memory.iter().map(|it| it.length_bytes).sum();
        let bytes = self.below(total as u64);
        let error = match self.below(8) {
            0 => Some(Error::new(ErrorCode::Busy, "test", "later")),
            1 => Some(Error::from_errno(5, "test", "broken")),
            _ => None,
        };
        self.traffic.engine.end(place, bytes, error);
        Ok(())
    }

    fn check_ended(&mut self) -> Result<(), String> {
        while let Some(done) = self.traffic.next_ended() {
            self.ended += 1;
            let owned = &done.purpose;
            if done.status != RequestStatus::Completed {
                continue;
            }
            if done.bytes_completed != owned.length as u64 {
                return Err("it is complete without all its bytes".into());
            }
            let byte = |k: usize| byte_of(ResourceId(1), owned.first + k as u64);
            let at = |it: &&Vec<u8>| it.as_ptr() as usize == owned.address;
            let memory = self.memory.iter().find(at).ok_or("unknown memory")?;
            let is_right = match owned.kind {
                RequestKind::Read => memory.iter().enumerate().all(|(k, it)| *it == byte(k)),
                _ => self.was_written(owned),
            };
            if !is_right {
                return Err("it is complete, but not its bytes".into());
            }
        }
        Ok(())
    }

    /// Whether the engine got every byte of a write (and, by its source, the right one).
    fn was_written(&self, owned: &Owned) -> bool {
        let mut got = vec![false; owned.length];
        for (_, offset, bytes) in &self.traffic.engine.written {
            for (k, byte) in bytes.iter().enumerate() {
                let at = offset + k as u64;
                let place = at.wrapping_sub(owned.first) as usize;
                if place < got.len() && *byte == byte_of(ResourceId(1), at) {
                    got[place] = true;
                }
            }
        }
        got.into_iter().all(|it| it)
    }
}

fn run(seed: u64, planted: Option<Planted>) -> Result<(), String> {
    let mut run = Run {
        traffic: super::traffic(5, 8),
        live: Live::default(),
        memory: Vec::new(),
        errands: Vec::new(),
        ended: 0,
        state: seed,
        now_ns: 0,
    };
    run.traffic.planted = planted;
    for _ in 0..300 {
        run.now_ns += run.below(1_000_000);
        match run.below(10) {
            0..=2 => run.start(),
            3 if !run.errands.is_empty() => {
                let at = run.below(run.errands.len() as u64) as usize;
                run.traffic.cancel(run.errands[at], run.now_ns);
            }
            4 if !run.errands.is_empty() => {
                let at = run.below(run.errands.len() as u64) as usize;
                let class = RequestClass::InferenceRealtime;
                run.traffic.promote(run.errands[at], class, run.now_ns);
            }
            _ => run.end_one()?,
        }
        run.traffic.pump(run.now_ns);
        run.check_ended()?;
    }
    for _ in 0..100_000 {
        run.now_ns += 1_000_000;
        run.end_one()?;
        run.traffic.pump(run.now_ns);
        run.check_ended()?;
        if run.traffic.count() == 0 && run.traffic.engine.held.is_empty() {
            break;
        }
    }
    let all_gone = run.ended == run.errands.len() && run.live.borrow().is_empty();
    all_gone
        .then_some(())
        .ok_or("not everything has ended once".into())
}

#[test]
fn memory_stays_until_its_slices_are_back_and_bytes_are_right() {
    for seed in 0..60 {
        run(seed, None).unwrap_or_else(|what| panic!("seed {seed}: {what}"));
    }
}

#[test]
fn planted_bugs_are_found() {
    for planted in [Planted::ReleasesOnCancel, Planted::EndsBeforeTheLastSlice] {
        let found = (0..60).any(|seed| run(seed, Some(planted)).is_err());
        assert!(found, "{planted:?}");
    }
}
