//! A context: one device, its two tiers of cache, its service thread, its arrays.

use crate::assembly::{build_core, open_device};
use crate::endpoint::{Bound, ContextFigures, Endpoint};
use crate::line::Line;
use crate::log::Log;
use crate::requests::Requests;
use crate::service::jobs::Piece;
use crate::service::{Command, Core, OpenArray, Opened, Service, Signals, StatsReport};
use crate::wake::Wake;
use gpuio_core::config::{Config, LogLevel, StatsEndpoint, FLAG_COUNT_HITS};
use gpuio_core::exposition::Snapshot;
use gpuio_core::uri::ResourceUri;
use gpuio_core::{Error, ErrorCode, Result};
use gpuio_memory::device::{Device, DeviceInfo};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{channel, sync_channel, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Commands that may wait for the service.
const COMMAND_QUEUE: usize = 1024;

/// A stream's read-ahead gets no more than this part of L2.
const STREAMS_IN_L2: u64 = 8;

/// See the module's comment. Shared by its arrays; the last one ends it.
pub struct Context {
    config: Config,
    log: Log,
    device: Arc<dyn Device>,
    line: Line,
    requests: Arc<Requests>,
    thread: Mutex<Thread>,
    figures: ContextFigures,
    endpoint: Option<Endpoint>,
}

/// The service's thread, and what it leaves behind.
enum Thread {
    Runs(JoinHandle<Core>),
    /// Kernels may still use the memory, so it stays until the context goes.
    Ended {
        _core: Box<Core>,
    },
    Gone,
}

/// An array as its owner sees it. Closing it is the owner's duty, see [`Context::close`].
#[derive(Clone, Debug)]
pub struct ArrayHandle {
    /// What the service told.
    pub opened: Opened,
    writable: bool,
}

impl ArrayHandle {
    /// Whether it may be written.
    pub fn is_writable(&self) -> bool {
        self.writable
    }
}

/// Counters of an array's context, and of the array.
pub type Stats = StatsReport;

impl Context {
    /// Makes a context: allocates both tiers and starts the service, and the server of figures
    /// where one is configured.
    pub fn new(config: Config) -> Result<Arc<Self>> {
        // First: what is wrong with the address is cheap to find out.
        let bound = Bound::new(&config.stats_endpoint)?;
        Self::on(open_device(&config)?, config, bound)
    }

    /// Makes a context on this device.
    pub(crate) fn on(
        device: Arc<dyn Device>,
        config: Config,
        bound: Option<Bound>,
    ) -> Result<Arc<Self>> {
        let wake = Arc::new(Wake::new()?);
        let signals = Arc::new(Signals::default());
        let (commands, receiver) = sync_channel(COMMAND_QUEUE);
        let line = Line {
            commands,
            wake: Arc::clone(&wake),
            signals: Arc::clone(&signals),
            timeout: Duration::from_micros(config.io_timeout_us),
        };
        let (requests, desk) = Requests::new(&config, line.clone(), &device)?;
        let core = build_core(&config, &device, &wake, desk)?;
        let service = Service::new(core, receiver, wake, signals, line.timeout);
        let thread = std::thread::Builder::new()
            .name("gpuio-service".into())
            .spawn(move || service.run_to_the_end())
            .map_err(|error| {
                Error::from_errno(
                    error.raw_os_error().unwrap_or(0),
                    "start the service thread",
                    "the system refuses another thread",
                )
            })?;
        let log = Log(config.log_level);
        log.line(LogLevel::Info, || {
            format!("a context on {}: {config:?}", device.info().name)
        });
        let mut context = Self {
            figures: ContextFigures::new(line.commands.clone(), Arc::clone(&line.wake)),
            config,
            log,
            device,
            line,
            requests,
            thread: Mutex::new(Thread::Runs(thread)),
            endpoint: None,
        };
        if let Some(bound) = bound {
            context.serve_figures(bound)?;
        }
        Ok(Arc::new(context))
    }

    fn serve_figures(&mut self, bound: Bound) -> Result<()> {
        let figures = self.figures.clone();
        let endpoint = bound.serve(Arc::new(move || figures.snapshot()))?;
        let at = endpoint.address();
        self.log.line(LogLevel::Info, || {
            format!("live figures are served at {at}")
        });
        self.endpoint = Some(endpoint);
        Ok(())
    }

    /// The configuration it was made with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The device kernels run on.
    pub fn device(&self) -> DeviceInfo {
        self.device.info()
    }

    /// The stream kernels are launched on; 0 on the host device.
    pub fn stream(&self) -> u64 {
        self.device.stream()
    }

    /// Opens an array. Blocks as opening its resource does, and while a pinned one is filled.
    pub fn open(
        &self,
        uri: &str,
        element_count: u64,
        element_bytes: u64,
        writable: bool,
    ) -> Result<ArrayHandle> {
        // Several streams, and pages in use, have to fit beside one stream's window.
        let most = self.config.l2_capacity_bytes / STREAMS_IN_L2;
        let window = self.config.prefetch_window_bytes.min(most) / self.config.page_bytes;
        let prefetch_pages = match self.config.prefetch {
            true => u32::try_from(window).unwrap_or(u32::MAX).max(1),
            false => 0,
        };
        let request = OpenArray {
            uri: ResourceUri::parse(uri)?,
            element_count,
            element_bytes,
            writable,
            prefetch_pages,
            counts_hits: self.config.flags & FLAG_COUNT_HITS != 0,
        };
        let opened = self.line.ask(|reply| Command::Open(request, reply))?;
        if opened.pinned != 0 {
            if let Err(error) = self.line.ask(|reply| Command::Fill(opened.id, reply)) {
                self.line.ask(|reply| Command::Close(opened.id, reply))?;
                return Err(error);
            }
        }
        self.log
            .line(LogLevel::Info, || format!("opened {uri}: {}", opened.path));
        Ok(ArrayHandle { opened, writable })
    }

    /// Writes back what was written to the array, and closes it. No kernel uses it any more. A
    /// failure is logged as well, since destructors cannot report it.
    pub fn close(&self, array: &ArrayHandle) -> Result<()> {
        let closed = self
            .line
            .ask(|reply| Command::Close(array.opened.id, reply));
        if let Err(error) = &closed {
            self.log.line(LogLevel::Error, || {
                format!("closing an array lost data: {error}")
            });
        }
        closed
    }

    /// Makes durable what was written to the array. No kernel runs. Blocks.
    pub fn flush(&self, array: &ArrayHandle) -> Result<()> {
        if !array.writable {
            return Ok(());
        }
        self.line
            .ask(|reply| Command::Flush(array.opened.id, reply))
    }

    /// Reads bytes of an array. No kernel writes to it. Blocks.
    pub fn read(&self, array: &ArrayHandle, first_byte: u64, buffer: &mut [u8]) -> Result<()> {
        self.check_range(array, first_byte, buffer.len() as u64, "read")?;
        if buffer.is_empty() {
            return Ok(());
        }
        if array.opened.pinned != 0 {
            let from = array.opened.pinned + array.opened.geometry.origin + first_byte;
            // SAFETY: the range was checked against the array, which is whole in that memory.
            return unsafe {
                self.device
                    .copy_to_host(buffer.as_mut_ptr() as usize, from, buffer.len())
            };
        }
        let (pieces, receiver) = channel();
        let length = buffer.len() as u64;
        self.line
            .send(Command::Read(array.opened.id, first_byte, length, pieces))?;
        self.copy_pieces(&receiver, buffer)
    }

    fn copy_pieces(&self, pieces: &Receiver<Result<Piece>>, buffer: &mut [u8]) -> Result<()> {
        let mut copied = 0;
        while copied < buffer.len() {
            let piece = self.line.receive(pieces)??;
            let target = &mut buffer[piece.buffer_offset..piece.buffer_offset + piece.length];
            // SAFETY: the piece's bytes stay in place while its lease lives (or for good, where
            // there is none), and they are not the requester's own buffer.
            let source =
                unsafe { std::slice::from_raw_parts(piece.address as *const u8, piece.length) };
            target.copy_from_slice(source);
            copied += piece.length;
            self.line.wake.ring(); // the service may wait for room in the channel
        }
        Ok(())
    }

    /// Writes bytes to an array. No kernel uses the range. Blocks until they are in the cache;
    /// `flush` makes them durable.
    pub fn write(&self, array: &ArrayHandle, first_byte: u64, bytes: &[u8]) -> Result<()> {
        if !array.writable {
            let message = "the array was opened read-only (its element type is const)";
            return Err(Error::new(ErrorCode::Permission, "write", message));
        }
        self.check_range(array, first_byte, bytes.len() as u64, "write")?;
        if bytes.is_empty() {
            return Ok(());
        }
        let piece = 64 * self.config.page_bytes as usize;
        for (k, chunk) in bytes.chunks(piece).enumerate() {
            let source = (chunk.as_ptr() as usize, chunk.len() as u64);
            let first = first_byte + (k * piece) as u64;
            self.line
                .ask(|reply| Command::Write(array.opened.id, first, source, reply))?;
        }
        Ok(())
    }

    /// Hints that elements will be wanted. Does not wait; does nothing when the service is busy.
    pub fn prefetch(&self, array: &ArrayHandle, first_byte: u64, length: u64) -> Result<()> {
        self.check_range(array, first_byte, length, "prefetch")?;
        if length == 0 {
            return Ok(());
        }
        let pages = array.opened.geometry.pages_of(first_byte, length);
        self.line
            .try_send(Command::Prefetch(array.opened.id, pages));
        Ok(())
    }

    /// Kernels were launched: until `settle`, a device that cannot ring the doorbell is polled.
    pub fn kernels_launched(&self) {
        self.line.signals.kernels_run.store(true, Ordering::Relaxed);
        self.line.wake.ring();
    }

    /// Waits until launched kernels have ended. Bounded by the kernels themselves, whose every
    /// access is bounded by `io_timeout_us`.
    pub fn wait_for_kernels(&self) -> Result<()> {
        let ended = self.device.synchronize(u64::MAX);
        self.line
            .signals
            .kernels_run
            .store(false, Ordering::Relaxed);
        ended
    }

    /// Collects what kernels reported since the last call; an error if any access failed. No kernel
    /// runs.
    pub fn settle(&self) -> Result<()> {
        match self.line.ask(Command::Settle)? {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    /// The counters of the context, and of one array if given. Exact when no kernel runs.
    pub fn stats(&self, array: Option<&ArrayHandle>) -> Result<Stats> {
        let id = array.map(|array| array.opened.id);
        self.line.ask(|reply| Command::Stats(id, reply))
    }

    /// Users' requests to this context.
    pub fn requests(&self) -> Arc<Requests> {
        Arc::clone(&self.requests)
    }

    /// What the context has counted, for monitoring. May be called while kernels run. Waits for the
    /// service, at most two seconds.
    pub fn snapshot(&self) -> Result<Snapshot> {
        self.figures.snapshot()
    }

    /// Where live figures are served: `stats_endpoint`, with the port that the system chose; `off`
    /// where they are not.
    pub fn stats_endpoint(&self) -> StatsEndpoint {
        let address = self.endpoint.as_ref().map(|it| it.address().clone());
        address.unwrap_or_default()
    }

    /// For tests of deadlines: the service stands still while this is set.
    #[doc(hidden)]
    pub fn pause_service(&self, paused: bool) {
        self.line.signals.paused.store(paused, Ordering::Release);
    }

    /// For tests of a system without threads to spare: requests get none from now on.
    #[doc(hidden)]
    pub fn refuse_threads(&self) {
        let refuses = &self.line.signals.refuses_threads;
        refuses.store(true, Ordering::Release);
    }

    /// For tests: how often the service has gone to sleep.
    #[doc(hidden)]
    pub fn service_sleeps(&self) -> u64 {
        self.line.signals.sleeps.load(Ordering::Relaxed)
    }

    /// Ends the service; what is not written back is lost. Called by drop, and by tests of a dead
    /// service.
    #[doc(hidden)]
    pub fn stop_service(&self) {
        self.line.signals.paused.store(false, Ordering::Release);
        self.line.signals.stopped.store(true, Ordering::Release);
        self.line.wake.ring();
        if self.line.signals.is_service_thread() || self.line.signals.is_worker_thread() {
            // A completion callback held the context last. The service ends after it.
            return;
        }
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Thread::Runs(handle) = std::mem::replace(&mut *thread, Thread::Gone) {
            // The thread catches its own panics.
            if let Ok(core) = handle.join() {
                *thread = Thread::Ended {
                    _core: Box::new(core),
                };
            }
        }
    }

    fn check_range(
        &self,
        array: &ArrayHandle,
        first_byte: u64,
        length: u64,
        operation: &'static str,
    ) -> Result<()> {
        let size = array.opened.geometry.array_bytes();
        match first_byte.checked_add(length) {
            Some(end) if end <= size => Ok(()),
            _ => Err(Error::new(
                ErrorCode::InvalidArgument,
                operation,
                format!("{length} bytes from {first_byte} on leave the array of {size} bytes"),
            )
            .with_offset(first_byte)),
        }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // Before the service: nobody asks it any more.
        self.endpoint = None;
        self.stop_service();
    }
}
