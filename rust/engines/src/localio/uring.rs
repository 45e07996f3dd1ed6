//! Requests by io_uring: registered files and memory, one system call for a batch and its wait.
//!
//! **Nothing can overflow.** The rings are made for at least as many entries as the engine has
//! operations, an operation has one request at a time, and the completion ring is twice the
//! submission ring.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use io_uring::types::{Fd, Fixed, FsyncFlags, SubmitArgs, Timespec};
use io_uring::{opcode, squeue, IoUring};

use super::backend::{Backend, Outcome, Request, RequestKind, RequestMemory};
use super::resource::REGISTERED_FILES;

/// The kernel's bound on one registered buffer.
const CHUNK_BYTES: usize = 1 << 30;

/// The kernel's `IORING_ENTER_GETEVENTS`.
const ENTER_GETEVENTS: u32 = 1;

/// How long to stay away from a kernel that is short of memory for requests.
const KERNEL_PRESSURE_PAUSE: Duration = Duration::from_micros(50);

/// Builds an entry for a file by its place in the registered table, or else by its descriptor.
macro_rules! on_file {
    ($handle:expr, |$file:ident| $entry:expr) => {
        match $handle.registered {
            Some(index) => {
                let $file = Fixed(index);
                $entry
            }
            None => {
                let $file = Fd($handle.fd);
                $entry
            }
        }
    };
}

/// Longest single wait. The kernel adds the time to its clock without looking for an overflow.
const WAIT_MAX: Duration = Duration::from_secs(3600);

/// io_uring cannot be used here.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The kernel's `errno`.
    pub os_error: i32,
    /// Why, and what to do about it.
    pub reason: String,
}

/// The io_uring backend.
pub struct UringBackend {
    ring: IoUring,
    arena: RegisteredArena,
    /// Places in the table of registered files; 0 without one.
    file_places: u32,
    /// Slots pushed that the kernel has not taken yet, in order.
    unsubmitted: VecDeque<u32>,
    /// The kernel will take no more requests: the `errno` it said so with.
    broken: Option<i32>,
    /// Outcomes of requests that never reached the kernel.
    rejected: Vec<Outcome>,
    description: String,
}

impl UringBackend {
    /// A ring for `depth` requests, with `arena` (address and length in bytes) registered for
    /// requests that lie inside it. The arena stays mapped as long as the backend lives. Without
    /// the registration (the kernel's limit on locked memory, mostly) the ring works all the same
    /// and `describe` says what happened.
    pub fn new(depth: u32, arena: Option<(usize, usize)>) -> Result<Self, Refusal> {
        let ring = set_up(depth).map_err(|error| refusal(&error))?;
        if !ring.params().is_feature_ext_arg() || !ring.params().is_feature_nodrop() {
            return Err(Refusal {
                os_error: libc::ENOSYS,
                reason: "this kernel's io_uring is too old; gpuio needs Linux 5.11 or newer".into(),
            });
        }
        let file_places = register_file_table(&ring);
        let (arena, memory) = RegisteredArena::register(&ring, arena);
        let files = if file_places > 0 {
            ", registered files"
        } else {
            ""
        };
        Ok(Self {
            ring,
            arena,
            file_places,
            unsubmitted: VecDeque::with_capacity(depth as usize),
            broken: None,
            rejected: Vec::new(),
            description: format!("io_uring{files}, {memory}"),
        })
    }

    /// Takes in what entering the kernel came to: how many requests it took, or why it did not.
    fn enter_finished(&mut self, entered: io::Result<usize>) {
        match entered {
            Ok(taken) => {
                self.unsubmitted.drain(..taken.min(self.unsubmitted.len()));
            }
            Err(error) => match error.raw_os_error().unwrap_or(libc::EIO) {
                // ETIME: the wait was over, what was pushed is with the kernel.
                libc::ETIME | libc::EINTR | libc::EAGAIN | libc::EBUSY | libc::ENOMEM => {
                    let left = self.ring.submission().len();
                    self.unsubmitted
                        .drain(..self.unsubmitted.len().saturating_sub(left));
                    if error.raw_os_error() != Some(libc::ETIME) && left > 0 {
                        std::thread::sleep(KERNEL_PRESSURE_PAUSE);
                    }
                }
                fatal => self.break_off(fatal),
            },
        }
    }

    /// The kernel takes no more requests. Those it has not got fail; those it has stay in flight.
    fn break_off(&mut self, os_error: i32) {
        self.broken = Some(os_error);
        let failed = self.unsubmitted.drain(..).map(|slot| Outcome {
            slot,
            result: -os_error,
        });
        self.rejected.extend(failed);
    }
}

impl Backend for UringBackend {
    fn describe(&self) -> String {
        self.description.clone()
    }

    fn push(&mut self, request: Request) {
        let entry = self
            .arena
            .entry(&request)
            .user_data(u64::from(request.slot));
        if self.broken.is_none() && self.ring.submission().is_full() {
            self.submit();
        }
        if let Some(os_error) = self.broken {
            self.rejected.push(Outcome {
                slot: request.slot,
                result: -os_error,
            });
            return;
        }
        // SAFETY: the engine's contract: the memory and descriptor of a request stay valid until
        // its outcome; `iovec` lists live in the operation's slot until then.
        let pushed = unsafe { self.ring.submission().push(&entry) };
        match pushed {
            Ok(()) => self.unsubmitted.push_back(request.slot),
            // The ring still has no room: the engine's bounded retry takes care of it.
            Err(_) => {
                self.rejected.push(Outcome {
                    slot: request.slot,
                    result: -libc::EAGAIN,
                });
            }
        }
    }

    fn submit(&mut self) {
        if self.broken.is_none() && !self.unsubmitted.is_empty() {
            let entered = self.ring.submitter().submit();
            self.enter_finished(entered);
        }
    }

    fn reap(&mut self, outcomes: &mut Vec<Outcome>) {
        outcomes.append(&mut self.rejected);
        if self.ring.completion().is_empty() && self.ring.submission().taskrun() {
            // Completions exist, but only as work that entering the kernel turns into entries.
            // SAFETY: nothing is submitted and no argument passed. A failure is seen as no entry.
            let _ = unsafe {
                self.ring
                    .submitter()
                    .enter::<libc::sigset_t>(0, 0, ENTER_GETEVENTS, None)
            };
        }
        for entry in self.ring.completion() {
            outcomes.push(Outcome {
                slot: entry.user_data() as u32,
                result: entry.result(),
            });
        }
    }

    fn wait(&mut self, timeout_us: u64) {
        if !self.rejected.is_empty() || !self.ring.completion().is_empty() {
            return self.submit();
        }
        let timeout = Duration::from_micros(timeout_us).min(WAIT_MAX);
        if self.broken.is_some() {
            return std::thread::sleep(timeout.min(Duration::from_millis(1)));
        }
        let timespec = Timespec::from(timeout);
        let arguments = SubmitArgs::new().timespec(&timespec);
        let entered = self.ring.submitter().submit_with_args(1, &arguments);
        self.enter_finished(entered);
    }

    fn readable_fd(&self) -> Option<RawFd> {
        Some(self.ring.as_raw_fd())
    }

    fn register_file(&mut self, index: u32, fd: RawFd) -> bool {
        index < self.file_places
            && self
                .ring
                .submitter()
                .register_files_update(index, &[fd])
                .is_ok()
    }

    fn unregister_file(&mut self, index: u32) {
        if index < self.file_places {
            // A failure leaves the file open until the place is reused or the ring closed.
            let _ = self.ring.submitter().register_files_update(index, &[-1]);
        }
    }
}

/// Makes the ring with the best flags the kernel knows.
///
/// Completion work runs when the thread enters the kernel anyway, without interrupting it.
/// Deferring it further (`DEFER_TASKRUN`) measured no better, and would tie the ring to a thread.
fn set_up(depth: u32) -> io::Result<IoUring> {
    let mut builder = IoUring::builder();
    builder.setup_coop_taskrun().setup_taskrun_flag();
    match builder.build(depth) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => IoUring::new(depth),
        made => made,
    }
}

/// Makes an empty table of registered files and returns its size. The kernel allows no more places
/// than the process may have descriptors.
fn register_file_table(ring: &IoUring) -> u32 {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is a valid place for the answer.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } == 0;
    let places = if known {
        limit.rlim_cur.min(REGISTERED_FILES.into()) as u32
    } else {
        0
    };
    let registered = places > 0 && ring.submitter().register_files_sparse(places).is_ok();
    if registered {
        places
    } else {
        0
    }
}

fn refusal(error: &io::Error) -> Refusal {
    let os_error = error.raw_os_error().unwrap_or(libc::EIO);
    let reason = match os_error {
        libc::ENOSYS => "the kernel has no io_uring, or a seccomp filter hides it".into(),
        libc::EPERM | libc::EACCES => {
            "io_uring is forbidden here (sysctl kernel.io_uring_disabled, or a container's \
             seccomp filter)"
                .into()
        }
        libc::ENOMEM => "no locked memory left for an io_uring; raise ulimit -l".into(),
        libc::EMFILE | libc::ENFILE => "no file descriptor left for an io_uring".into(),
        _ => format!("io_uring_setup failed: {error}"),
    };
    Refusal { os_error, reason }
}

/// The part of memory that requests can use without the kernel pinning it each time.
struct RegisteredArena {
    address: usize,
    /// 0 when nothing is registered.
    length_bytes: usize,
}

impl RegisteredArena {
    /// Registers the arena, in pieces the kernel accepts, and says for people how that went.
    fn register(ring: &IoUring, arena: Option<(usize, usize)>) -> (Self, String) {
        let none = Self {
            address: 0,
            length_bytes: 0,
        };
        let Some((address, length_bytes)) = arena.filter(|arena| arena.1 > 0) else {
            return (none, "unregistered memory".into());
        };
        let chunks: Vec<libc::iovec> = (0..length_bytes)
            .step_by(CHUNK_BYTES)
            .map(|start| libc::iovec {
                iov_base: (address + start) as *mut libc::c_void,
                iov_len: CHUNK_BYTES.min(length_bytes - start),
            })
            .collect();
        // SAFETY: the caller of `UringBackend::new` keeps the arena mapped while the ring lives;
        // the kernel checks and pins the pages itself.
        match unsafe { ring.submitter().register_buffers(&chunks) } {
            Ok(()) => (
                Self {
                    address,
                    length_bytes,
                },
                "registered memory".into(),
            ),
            Err(error) if error.raw_os_error() == Some(libc::ENOMEM) => (
                none,
                "unregistered memory (raise ulimit -l to register it)".into(),
            ),
            Err(error) => (none, format!("unregistered memory ({error})")),
        }
    }

    /// The registered buffer that holds the whole range, if one does.
    fn buffer_index(&self, address: usize, length_bytes: u32) -> Option<u16> {
        let start = address.checked_sub(self.address)?;
        let end = start.checked_add(length_bytes as usize)?;
        let inside = end <= self.length_bytes && length_bytes > 0;
        let chunk = start / CHUNK_BYTES;
        (inside && chunk == (end - 1) / CHUNK_BYTES).then_some(chunk as u16)
    }

    fn entry(&self, request: &Request) -> squeue::Entry {
        let file = request.file;
        let offset = request.offset;
        match (request.kind, request.memory) {
            (RequestKind::Sync, _) => {
                on_file!(file, |file| opcode::Fsync::new(file)
                    .flags(FsyncFlags::DATASYNC)
                    .build())
            }
            (RequestKind::Read, RequestMemory::One(address, length)) => {
                let target = address as *mut u8;
                match self.buffer_index(address, length) {
                    Some(buffer) => on_file!(file, |file| {
                        opcode::ReadFixed::new(file, target, length, buffer)
                            .offset(offset)
                            .build()
                    }),
                    None => on_file!(file, |file| {
                        opcode::Read::new(file, target, length)
                            .offset(offset)
                            .build()
                    }),
                }
            }
            (RequestKind::Write, RequestMemory::One(address, length)) => {
                let source = address as *const u8;
                match self.buffer_index(address, length) {
                    Some(buffer) => on_file!(file, |file| {
                        opcode::WriteFixed::new(file, source, length, buffer)
                            .offset(offset)
                            .build()
                    }),
                    None => on_file!(file, |file| {
                        opcode::Write::new(file, source, length)
                            .offset(offset)
                            .build()
                    }),
                }
            }
            (RequestKind::Read, RequestMemory::Many(list)) => on_file!(file, |file| {
                opcode::Readv::new(file, list.first, list.count)
                    .offset(offset)
                    .build()
            }),
            (RequestKind::Write, RequestMemory::Many(list)) => on_file!(file, |file| {
                opcode::Writev::new(file, list.first, list.count)
                    .offset(offset)
                    .build()
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_registered_only_as_a_whole_and_within_one_buffer() {
        let arena = RegisteredArena {
            address: 0x1000,
            length_bytes: 2 * CHUNK_BYTES + 4096,
        };
        let end = 0x1000 + arena.length_bytes;
        assert_eq!(arena.buffer_index(0x1000, 4096), Some(0));
        assert_eq!(
            arena.buffer_index(0x1000 + CHUNK_BYTES - 4096, 4096),
            Some(0)
        );
        assert_eq!(arena.buffer_index(0x1000 + CHUNK_BYTES - 4096, 4097), None);
        assert_eq!(arena.buffer_index(0x1000 + CHUNK_BYTES, 4096), Some(1));
        assert_eq!(arena.buffer_index(end - 4096, 4096), Some(2));
        assert_eq!(arena.buffer_index(end - 4096, 4097), None);
        assert_eq!(arena.buffer_index(0xFFF, 4096), None);
        assert_eq!(arena.buffer_index(end, 1), None);
        assert_eq!(arena.buffer_index(0x1000, 0), None);
        let none = RegisteredArena {
            address: 0,
            length_bytes: 0,
        };
        assert_eq!(none.buffer_index(0, 1), None);
    }
}
