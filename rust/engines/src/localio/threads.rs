//! Requests by a few threads that call `pread` and `pwrite`, for where io_uring is refused.
//!
//! Idle threads sleep. The engine's thread takes the lock once for a batch, not for each request.

use std::collections::VecDeque;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gpuio_core::{Error, ErrorCode, Result};

use super::backend::{Backend, Outcome, Request, RequestKind, RequestMemory};

/// Most threads: enough for a drive's parallelism at pages of 64 KiB and more.
const THREADS_MAX: u32 = 8;

/// A thread only ever makes system calls: it needs hardly any stack.
const STACK_BYTES: usize = 64 << 10;

/// The thread backend.
pub struct ThreadsBackend {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// Pushed and not yet shown to the threads.
    staged: Vec<Request>,
}

struct Shared {
    state: Mutex<State>,
    /// There is work, or the end.
    work: Condvar,
    /// There is an outcome.
    done: Condvar,
    /// Readable from the first outcome on until they are reaped.
    bell: OwnedFd,
}

struct State {
    pending: VecDeque<Request>,
    finished: Vec<Outcome>,
    stopping: bool,
}

impl Shared {
    /// Makes the bell readable, or silences it.
    fn ring(&self) {
        let one = 1u64;
        // SAFETY: eight bytes of a live local. It cannot overflow: it is silenced by every reaping.
        unsafe { libc::write(self.bell.as_raw_fd(), (&raw const one).cast(), 8) };
    }

    fn silence(&self) {
        let mut count = 0u64;
        // SAFETY: eight bytes of a live local. A silent bell gives EAGAIN.
        unsafe { libc::read(self.bell.as_raw_fd(), (&raw mut count).cast(), 8) };
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock, and the state is valid at every step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ThreadsBackend {
    /// Starts the threads for at most `depth` requests at a time.
    pub fn new(depth: u32) -> Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                pending: VecDeque::with_capacity(depth as usize),
                finished: Vec::with_capacity(depth as usize),
                stopping: false,
            }),
            work: Condvar::new(),
            done: Condvar::new(),
            bell: new_bell()?,
        });
        let mut backend = Self {
            shared,
            threads: Vec::new(),
            staged: Vec::new(),
        };
        for index in 0..depth.min(THREADS_MAX) {
            let shared = Arc::clone(&backend.shared);
            let spawned = std::thread::Builder::new()
                .name(format!("gpuio-io-{index}"))
                .stack_size(STACK_BYTES)
                .spawn(move || work(&shared));
            match spawned {
                Ok(thread) => backend.threads.push(thread),
                // Fewer threads than wished are slower, not wrong.
                Err(_) if index > 0 => break,
                Err(error) => {
                    let message = format!("the system starts no I/O thread: {error}");
                    return Err(Error::new(ErrorCode::NoMemory, "start localio", message));
                }
            }
        }
        Ok(backend)
    }
}

impl Backend for ThreadsBackend {
    fn describe(&self) -> String {
        format!("{} threads", self.threads.len())
    }

    fn push(&mut self, request: Request) {
        self.staged.push(request);
    }

    fn submit(&mut self) {
        if self.staged.is_empty() {
            return;
        }
        let count = self.staged.len();
        self.shared.lock().pending.extend(self.staged.drain(..));
        for _ in 0..count.min(self.threads.len()) {
            self.shared.work.notify_one();
        }
    }

    fn reap(&mut self, outcomes: &mut Vec<Outcome>) {
        let mut state = self.shared.lock();
        if !state.finished.is_empty() {
            self.shared.silence();
            outcomes.append(&mut state.finished);
        }
    }

    fn wait(&mut self, timeout_us: u64) {
        self.submit();
        let deadline = Instant::now().checked_add(Duration::from_micros(timeout_us));
        let mut state = self.shared.lock();
        while state.finished.is_empty() {
            let left = match deadline {
                Some(deadline) => deadline.saturating_duration_since(Instant::now()),
                None => Duration::from_secs(1),
            };
            if left.is_zero() {
                return;
            }
            let woken = self.shared.done.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn readable_fd(&self) -> Option<RawFd> {
        Some(self.shared.bell.as_raw_fd())
    }

    fn register_file(&mut self, _index: u32, _fd: RawFd) -> bool {
        false
    }

    fn unregister_file(&mut self, _index: u32) {}
}

impl Drop for ThreadsBackend {
    fn drop(&mut self) {
        self.shared.lock().stopping = true;
        self.shared.work.notify_all();
        for thread in self.threads.drain(..) {
            // The threads do not panic; were one to, there is nothing left to do about it here.
            let _ = thread.join();
        }
    }
}

fn work(shared: &Shared) {
    let mut state = shared.lock();
    loop {
        if let Some(request) = state.pending.pop_front() {
            drop(state);
            let outcome = Outcome {
                slot: request.slot,
                result: execute(&request),
            };
            state = shared.lock();
            if state.finished.is_empty() {
                shared.ring();
            }
            state.finished.push(outcome);
            shared.done.notify_one();
        } else if state.stopping {
            return;
        } else {
            state = shared
                .work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// An eventfd that nobody has rung.
fn new_bell() -> Result<OwnedFd> {
    // SAFETY: eventfd takes no pointers.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    if fd < 0 {
        let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
        let message = "the system gives no eventfd; raise the limit of open files";
        return Err(Error::from_errno(errno, "start localio", message));
    }
    // SAFETY: the descriptor was just made and belongs to nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Makes the system call: bytes moved, or a negated `errno`.
fn execute(request: &Request) -> i32 {
    let fd = request.file.fd;
    // The engine has checked that no request reaches past `i64::MAX`.
    let offset = request.offset as libc::off_t;
    // SAFETY: the engine's contract: the memory and descriptor of a request stay valid until its
    // outcome; `iovec` lists live in the operation's slot until then.
    let moved = unsafe {
        match (request.kind, request.memory) {
            (RequestKind::Sync, _) => libc::fdatasync(fd) as isize,
            (RequestKind::Read, RequestMemory::One(address, length)) => {
                libc::pread(fd, address as *mut libc::c_void, length as usize, offset)
            }
            (RequestKind::Write, RequestMemory::One(address, length)) => {
                libc::pwrite(fd, address as *const libc::c_void, length as usize, offset)
            }
            (RequestKind::Read, RequestMemory::Many(list)) => {
                libc::preadv(fd, list.first, list.count as libc::c_int, offset)
            }
            (RequestKind::Write, RequestMemory::Many(list)) => {
                libc::pwritev(fd, list.first, list.count as libc::c_int, offset)
            }
        }
    };
    if moved < 0 {
        -std::io::Error::last_os_error()
            .raw_os_error()
            .unwrap_or(libc::EIO)
    } else {
        // A request is at most 1 GiB.
        moved as i32
    }
}
