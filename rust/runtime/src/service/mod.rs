//! The fault service: one thread a context that owns the caches' host side and all I/O.
//!
//! It takes turns at everything that may have something for it — faults, engines, copies,
//! acknowledgements, jobs — and when nothing has, first spins a little and then sleeps until an
//! engine finishes, a retry is due, a kernel rings the doorbell, or the host sends a command.

mod answers;
mod core;
mod faults;
mod fills;
pub mod jobs;
mod lent;
mod loads;
mod open;
mod transfers;
mod way;
mod writes;

pub use self::core::{Core, ServiceStats};
pub use fills::Fills;
pub use lent::Offers;
pub use open::{OpenArray, Opened};
pub use transfers::Purpose;

use crate::requests::{FiguresSnapshot, OpenedRegion};
use crate::wake::Wake;
use gpuio_core::uri::ResourceUri;
use gpuio_core::{Error, ErrorCode, Result};
use gpuio_engines::engine::OpenOptions;
use gpuio_memory::layout::StatisticsShard;
use jobs::{BulkRead, BulkWrite, Close, Failure, Flush, Job, LoadPinned, Piece, Prefetch};
use jobs::{Reply, Settle, Turn, JOB_CLASS};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::sync::{Arc, OnceLock};
use std::thread::ThreadId;
use std::time::{Duration, Instant};
use way::Way;

/// How long the service looks for work before it sleeps. About what waking up costs.
const SPIN: Duration = Duration::from_micros(60);
/// Longest sleep: a bound on everything that could be missed.
const SLEEP_US: u64 = 100_000;
/// Longest sleep while kernels run on a device that cannot ring the doorbell.
const DEVICE_SLEEP_US: u64 = 20;
/// Jobs at a time; further requests wait in the channel, which is bounded as well.
const MAX_JOBS: usize = 256;

/// What the host can ask for.
pub enum Command {
    /// Open an array.
    Open(OpenArray, Reply<Opened>),
    /// Fill a pinned array from its resource.
    Fill(u32, Reply<()>),
    /// Close an array.
    Close(u32, Reply<()>),
    /// Make an array durable.
    Flush(u32, Reply<()>),
    /// Read bytes `first..first + length` of an array.
    Read(u32, u64, u64, Sender<Result<Piece>>),
    /// Write bytes at an address to an array, from byte `first` on.
    Write(u32, u64, (usize, u64), Reply<()>),
    /// Bring pages of an array to L2.
    Prefetch(u32, std::ops::Range<u64>),
    /// Collect what kernels reported.
    Settle(Reply<Failure>),
    /// Open a resource for users' requests, which need so many bytes of it.
    OpenRegion(ResourceUri, OpenOptions, Reply<OpenedRegion>),
    /// Report what the scheduler did.
    Figures(Reply<FiguresSnapshot>),
    /// Report the counters.
    Stats(Option<u32>, Reply<StatsReport>),
}

impl Command {
    /// Whether no kernel runs while it is carried out.
    fn comes_without_kernels(&self) -> bool {
        use Command::{Close, Flush, Read, Settle, Write};
        matches!(
            self,
            Close(..) | Flush(..) | Read(..) | Write(..) | Settle(..)
        )
    }
}

/// The counters of a context, and of one array if one was named.
#[derive(Clone, Copy, Debug, Default)]
pub struct StatsReport {
    /// L1, summed over all shards.
    pub l1: StatisticsShard,
    /// L2.
    pub l2: crate::l2::L2Stats,
    /// The service.
    pub service: ServiceStats,
    /// Bytes read from the array's resource.
    pub read_bytes: u64,
    /// Bytes written to the array's resource.
    pub written_bytes: u64,
}

impl StatsReport {
    /// Pages that L2 had: those that kernels copied without asking are not in its own count.
    pub fn l2_hits(&self) -> u64 {
        self.l2.hits + self.l1.direct_hits
    }
}

thread_local! {
    /// The address of the signals for whose context this thread works.
    static WORKS_FOR: Cell<usize> = const { Cell::new(0) };
}

/// What the service thread and its context share.
#[derive(Default)]
pub struct Signals {
    /// Kernels were launched and not yet waited for, on a device that cannot ring.
    pub kernels_run: AtomicBool,
    /// For tests: while set, the service does nothing at all.
    pub paused: AtomicBool,
    /// The service is to end, whatever else it was sent.
    pub stopped: AtomicBool,
    /// Turns the service has taken: its heartbeat.
    pub turns: AtomicU64,
    /// The service's own thread, on which nobody may wait for it.
    pub thread: OnceLock<ThreadId>,
    /// For tests: no thread is granted to requests.
    pub refuses_threads: AtomicBool,
    /// Turns the service has slept through; tests see by it that an idle service sleeps.
    pub sleeps: AtomicU64,
}

impl Signals {
    /// Whether this is the service's own thread.
    pub fn is_service_thread(&self) -> bool {
        self.thread.get() == Some(&std::thread::current().id())
    }

    /// This thread works for requests from now on.
    pub fn become_worker(&self) {
        WORKS_FOR.set(std::ptr::from_ref(self) as usize);
    }

    /// Whether this is a worker of requests, for which the service waits when it ends.
    pub fn is_worker_thread(&self) -> bool {
        WORKS_FOR.get() == std::ptr::from_ref(self) as usize
    }
}

struct RunningJob {
    id: u64,
    job: Box<dyn Job>,
    last_progress: Instant,
}

/// See the module's comment.
pub struct Service {
    pub core: Core,
    pub commands: Receiver<Command>,
    pub wake: Arc<Wake>,
    pub signals: Arc<Signals>,
    /// The device's kernels cannot ring the doorbell: while they run, the service polls.
    pub polls_device: bool,
    pub timeout: Duration,
    jobs: Vec<RunningJob>,
    next_job: u64,
    way: Way,
    stopping: bool,
}

impl Service {
    /// A service that has not run yet.
    pub fn new(
        core: Core,
        commands: Receiver<Command>,
        wake: Arc<Wake>,
        signals: Arc<Signals>,
        timeout: Duration,
    ) -> Self {
        let polls_device = core.device.stream() != 0;
        Self {
            core,
            commands,
            wake,
            signals,
            polls_device,
            timeout,
            jobs: Vec::new(),
            next_job: 0,
            way: Way::default(),
            stopping: false,
        }
    }

    /// Runs until it is told to stop, the context has gone, or it panics. Kernels are then told
    /// that nobody answers any more. The memory they use is handed back: it must outlive them.
    pub fn run_to_the_end(mut self) -> Core {
        // The panic has been reported by the hook; requesters see their channels close.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.run()));
        let end = std::panic::AssertUnwindSafe(|| self.core.end_requests());
        if std::panic::catch_unwind(end).is_err() {
            self.core.abandon_requests();
        }
        self.core.shared.set_alive(false);
        let Self {
            core,
            commands,
            jobs,
            ..
        } = self;
        // Who asks hears at once that nobody answers: callbacks, too, which are waited for.
        drop((commands, jobs));
        core.end_crew();
        core
    }

    fn run(&mut self) {
        let _ = self.signals.thread.set(std::thread::current().id());
        let mut idle_since = None;
        while !self.stopping && !self.signals.stopped.load(Ordering::Acquire) {
            if self.signals.paused.load(Ordering::Acquire) {
                std::thread::sleep(Duration::from_millis(1));
                continue;
            }
            self.signals.turns.fetch_add(1, Ordering::Relaxed);
            let rings = self.wake.count();
            if self.turn() {
                idle_since = None;
                if self.core.desk.take_woken() {
                    self.way.give();
                }
                continue;
            }
            let since = *idle_since.get_or_insert_with(Instant::now);
            // Not a spin instruction: whom a turn has woken may stand behind this thread.
            if since.elapsed() >= SPIN || !self.way.give() {
                self.sleep(rings);
            }
        }
    }

    /// One turn at everything. Returns whether anything moved.
    fn turn(&mut self) -> bool {
        let mut moved = self.core.serve_faults();
        moved |= self.core.take_requests();
        moved |= self.take_commands();
        moved |= self.run_jobs();
        moved |= self.core.run_traffic();
        moved |= self.core.poll_copies();
        moved |= self.core.poll_acknowledged();
        moved
    }

    /// Sleeps unless something came in since the bell had rung so often, before the last turn.
    fn sleep(&mut self, rings: u64) {
        self.core.shared.announce_sleep();
        let may_sleep = self.wake.may_sleep(rings);
        // A fault or a copy that came in since the last look would not ring any more.
        if may_sleep && !self.core.shared.has_next() && self.core.desk.arm() {
            self.signals.sleeps.fetch_add(1, Ordering::Relaxed);
            let kernels_run = self.polls_device && self.signals.kernels_run.load(Ordering::Relaxed);
            let busy_elsewhere = !self.core.copies.is_empty()
                || !self.core.lent.is_empty()
                || self.core.desk.must_be_polled();
            let timeout_us = if kernels_run || busy_elsewhere {
                DEVICE_SLEEP_US
            } else {
                SLEEP_US
            };
            let timer_us = self.core.timer_us().unwrap_or(u64::MAX);
            let bells = self.core.traffic.readable_fds();
            self.wake.wait_beside(&bells, timeout_us.min(timer_us));
        }
        self.wake.answer();
        self.core.shared.announce_awake();
    }

    fn take_commands(&mut self) -> bool {
        let mut any = false;
        while self.jobs.len() < MAX_JOBS {
            match self.commands.try_recv() {
                Ok(command) => self.begin(command),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => self.stopping = true,
            }
            any = true;
            if self.stopping {
                break;
            }
        }
        any
    }

    fn begin(&mut self, command: Command) {
        let core = &mut self.core;
        // What a kernel wrote back before it ended is taken into account first.
        core.poll_acknowledged();
        if command.comes_without_kernels() {
            core.abandon_targets();
        }
        let job: Box<dyn Job> = match command {
            Command::Open(request, reply) => {
                let _ = reply.try_send(open::open_array(core, &request));
                return;
            }
            Command::Fill(array, reply) => Box::new(LoadPinned::new(array, reply)),
            Command::Close(array, reply) => Box::new(Close::new(array, reply)),
            Command::Flush(array, reply) => Box::new(Flush::new(array, reply)),
            Command::Read(array, first, length, pieces) => {
                Box::new(BulkRead::new(core, array, first, length, pieces))
            }
            Command::Write(array, first, source, reply) => {
                Box::new(BulkWrite::new(core, array, first, source, JOB_CLASS, reply))
            }
            Command::Prefetch(array, pages) => Box::new(Prefetch::new(core, array, pages)),
            Command::Settle(reply) => Box::new(Settle::new(reply)),
            Command::Stats(array, reply) => {
                let _ = reply.try_send(self.report(array));
                return;
            }
            Command::OpenRegion(uri, options, reply) => {
                let _ = reply.try_send(core.open_region(&uri, options));
                return;
            }
            Command::Figures(reply) => {
                let _ = reply.try_send(Ok(core.figures()));
                return;
            }
        };
        self.add_job(job);
    }

    fn add_job(&mut self, job: Box<dyn Job>) {
        self.next_job += 1;
        self.jobs.push(RunningJob {
            id: self.next_job,
            job,
            last_progress: Instant::now(),
        });
    }

    fn run_jobs(&mut self) -> bool {
        let mut any = false;
        for job in std::mem::take(&mut self.core.new_jobs) {
            self.add_job(job);
        }
        let mut k = 0;
        while k < self.jobs.len() {
            let RunningJob {
                id,
                job,
                last_progress,
            } = &mut self.jobs[k];
            let result = match job.turn(&mut self.core, *id) {
                Turn::Advanced => {
                    *last_progress = Instant::now();
                    any = true;
                    k += 1;
                    continue;
                }
                Turn::Waiting if last_progress.elapsed() < self.timeout => {
                    k += 1;
                    continue;
                }
                Turn::Waiting => Err(stalled()),
                Turn::Done(result) => result,
            };
            any = true;
            self.core.job_errors.remove(id);
            self.core.job_syncs.remove(id);
            job.end(result);
            self.jobs.remove(k);
        }
        any
    }

    fn report(&self, array: Option<u32>) -> Result<StatsReport> {
        let array = array.and_then(|id| self.core.array(id));
        Ok(StatsReport {
            l1: self.core.l1.statistics()?,
            l2: self.core.l2.stats,
            service: self.core.stats,
            read_bytes: array.map_or(0, |array| array.read_bytes),
            written_bytes: array.map_or(0, |array| array.written_bytes),
        })
    }
}

fn stalled() -> Error {
    Error::new(
        ErrorCode::Timeout,
        "finish a request",
        "nothing moved for io_timeout_us: the storage is stalled, or L2 is full of pages in use",
    )
}
