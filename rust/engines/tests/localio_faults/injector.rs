//! A backend between the engine and a real one that makes up outcomes.

use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gpuio_engines::localio::backend::{Backend, Outcome, Request, RequestKind};
use gpuio_engines::localio::threads::ThreadsBackend;
use gpuio_engines::localio::LocalIoEngine;

use crate::support::Random;

/// What is to become of a request.
pub enum Fate {
    /// The real backend carries it out.
    Real,
    /// So, but only a random part of the bytes is reported as moved.
    Short,
    /// This outcome, and nothing else happens.
    Answer(i32),
    /// As if the storage hung: no outcome until the flag is set, then that of the real backend.
    Held(Arc<AtomicBool>),
}

/// What the injector has seen.
#[derive(Default)]
pub struct Record {
    /// Every request, in the order in which they were pushed.
    pub requests: Vec<Request>,
    /// Which of them are with the kernel, by slot.
    running: Vec<Request>,
    /// Most requests with the kernel at a time.
    pub most_running: usize,
    /// A direct and a cached write were there at the same time.
    pub writes_mixed: bool,
}

pub struct Injector<F> {
    inner: Box<dyn Backend>,
    fate: F,
    record: Arc<Mutex<Record>>,
    made_up: Vec<Outcome>,
    cut_short: Vec<u32>,
    held: Vec<(Arc<AtomicBool>, Request)>,
    random: Random,
}

/// Every file has one descriptor for direct I/O; the kernel tells which.
pub fn is_direct(fd: RawFd) -> bool {
    // SAFETY: F_GETFL takes no argument and changes nothing.
    unsafe { libc::fcntl(fd, libc::F_GETFL) & libc::O_DIRECT != 0 }
}

/// An engine on threads whose requests meet the `fate` that is chosen by their number.
pub fn engine<F>(queue_depth: u32, fate: F) -> (LocalIoEngine, Arc<Mutex<Record>>)
where
    F: FnMut(usize, &Request) -> Fate + Send + 'static,
{
    let record = Arc::new(Mutex::new(Record::default()));
    let injector = Injector {
        inner: Box::new(ThreadsBackend::new(queue_depth).expect("threads start")),
        fate,
        record: Arc::clone(&record),
        made_up: Vec::new(),
        cut_short: Vec::new(),
        held: Vec::new(),
        random: Random(0xFA17),
    };
    (
        LocalIoEngine::with_backend(Box::new(injector), queue_depth),
        record,
    )
}

impl<F> Injector<F> {
    fn release(&mut self) {
        for (release, request) in std::mem::take(&mut self.held) {
            if release.load(Ordering::SeqCst) {
                self.inner.push(request);
                self.inner.submit();
            } else {
                self.held.push((release, request));
            }
        }
    }
}

impl<F: FnMut(usize, &Request) -> Fate + Send> Backend for Injector<F> {
    fn describe(&self) -> String {
        "injected faults".into()
    }

    fn push(&mut self, request: Request) {
        // A test that failed while it looked at the record still has to drop its engine.
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        let number = record.requests.len();
        record.requests.push(request);
        match (self.fate)(number, &request) {
            Fate::Answer(result) => {
                self.made_up.push(Outcome {
                    slot: request.slot,
                    result,
                });
                return;
            }
            Fate::Short => self.cut_short.push(request.slot),
            Fate::Held(release) => {
                self.held.push((release, request));
                return;
            }
            Fate::Real => {}
        }
        record.running.push(request);
        record.most_running = record.most_running.max(record.running.len());
        let write = |direct: bool| {
            let mut running = record
                .running
                .iter()
                .filter(|r| r.kind == RequestKind::Write);
            running.any(|request| is_direct(request.file.fd) == direct)
        };
        record.writes_mixed |= write(true) && write(false);
        self.inner.push(request);
    }

    fn submit(&mut self) {
        self.inner.submit();
    }

    /// None: made-up outcomes make no descriptor readable.
    fn readable_fd(&self) -> Option<RawFd> {
        None
    }

    fn reap(&mut self, outcomes: &mut Vec<Outcome>) {
        self.release();
        let first = outcomes.len();
        self.inner.reap(outcomes);
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        for outcome in &mut outcomes[first..] {
            record
                .running
                .retain(|request| request.slot != outcome.slot);
            let cut = self.cut_short.iter().position(|&slot| slot == outcome.slot);
            if let Some(index) = cut {
                self.cut_short.swap_remove(index);
                if outcome.result > 1 {
                    outcome.result = 1 + self.random.below(outcome.result as u64 - 1) as i32;
                }
            }
        }
        outcomes.append(&mut self.made_up);
    }

    fn wait(&mut self, timeout_us: u64) {
        if self.made_up.is_empty() {
            self.inner.wait(timeout_us);
        }
    }

    fn register_file(&mut self, _index: u32, _fd: RawFd) -> bool {
        false
    }

    fn unregister_file(&mut self, _index: u32) {}
}
