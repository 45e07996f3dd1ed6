//! Live figures over HTTP: `GET /metrics` for Prometheus, `GET /stats.json` for `gpuio stats`.
//!
//! One thread accepts; each connection has a thread of its own for as long as it takes, at most
//! [`MAX_CONNECTIONS`] at a time. Others wait in the system's queue. Everything a client can make
//! last or grow is bounded: 8 KiB of request, a second to send it, a second to take the answer,
//! one request a connection.

mod http;
mod listener;
mod serve;
mod source;

pub use source::ContextFigures;

use crate::wake::Wake;
use gpuio_core::config::StatsEndpoint;
use gpuio_core::exposition::Snapshot;
use gpuio_core::{Error, Result};
use listener::Listener;
use socket2::Socket;
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// Connections that are served at a time.
pub const MAX_CONNECTIONS: usize = 4;
/// Longest sleep of the accepting thread: a bound on everything that could be missed.
const SLEEP_US: u64 = 1_000_000;
/// Rest after a connection could not be taken, as when descriptors have run out.
const REST: Duration = Duration::from_millis(10);

/// Where the figures come from. Called by several threads; it should not take long, and what it
/// says when it fails is what the client reads.
pub type Source = Arc<dyn Fn() -> Result<Snapshot> + Send + Sync>;

/// An address that is listened on. Nobody answers yet: clients wait.
pub struct Bound {
    listener: Listener,
    wake: Wake,
}

impl Bound {
    /// Listens at an address; `None` for `off`. Does not wait.
    ///
    /// # Errors
    /// `Busy` if something listens there already, or a file that is no left-over socket has the
    /// path; `NotFound` for a path whose folder does not exist; `InvalidArgument` for an address
    /// that this machine does not have; `Permission`.
    pub fn new(at: &StatsEndpoint) -> Result<Option<Self>> {
        let Some(listener) = Listener::bind(at)? else {
            return Ok(None);
        };
        let wake = Wake::new()?;
        Ok(Some(Self { listener, wake }))
    }

    /// Starts to answer.
    ///
    /// # Errors
    /// If the system refuses another thread.
    pub fn serve(self, source: Source) -> Result<Endpoint> {
        let address = self.listener.address().clone();
        let shared = Arc::new(Shared {
            wake: self.wake,
            stopping: AtomicBool::new(false),
            active: AtomicUsize::new(0),
        });
        let acceptor = Acceptor {
            listener: self.listener,
            source,
            shared: Arc::clone(&shared),
            served: Vec::new(),
        };
        let thread = spawn("gpuio-figures", move || acceptor.run())?;
        Ok(Endpoint {
            address,
            shared,
            thread: Some(thread),
        })
    }
}

/// A running server of figures. Its end (drop) closes all connections and waits for their
/// threads, that is for a call of the source at most.
pub struct Endpoint {
    address: StatsEndpoint,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Endpoint {
    /// Listens and answers: [`Bound::new`] and [`Bound::serve`].
    ///
    /// # Errors
    /// As those two.
    pub fn start(at: &StatsEndpoint, source: Source) -> Result<Option<Self>> {
        Bound::new(at)?.map(|bound| bound.serve(source)).transpose()
    }

    /// The address, with the port that the system chose where 0 was asked for. Never `off`.
    pub fn address(&self) -> &StatsEndpoint {
        &self.address
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        self.shared.wake.ring();
        if let Some(thread) = self.thread.take() {
            // Its panic has been reported by the hook, and there is nothing else to do about it.
            let _ = thread.join();
        }
    }
}

struct Shared {
    /// Rung when a connection has ended, and to stop.
    wake: Wake,
    stopping: AtomicBool,
    /// Connections in service.
    active: AtomicUsize,
}

/// A connection in service: taken back when this is dropped, however its thread ends.
struct Place(Arc<Shared>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::AcqRel);
        self.0.wake.ring();
    }
}

struct Served {
    /// To close it from here.
    socket: Socket,
    thread: JoinHandle<()>,
}

struct Acceptor {
    listener: Listener,
    source: Source,
    shared: Arc<Shared>,
    served: Vec<Served>,
}

impl Acceptor {
    fn run(mut self) {
        while !self.shared.stopping.load(Ordering::Acquire) {
            let is_full = self.shared.active.load(Ordering::Acquire) >= MAX_CONNECTIONS;
            let listened = [self.listener.fd()];
            let watched = if is_full { &[][..] } else { &listened[..] };
            self.shared.wake.wait_beside(watched, SLEEP_US);
            self.shared.wake.answer();
            self.served.retain(|it| !it.thread.is_finished());
            if !is_full && self.accept().is_err() {
                std::thread::sleep(REST);
            }
        }
        for it in &self.served {
            // Fails if the client has gone already.
            let _ = it.socket.shutdown(Shutdown::Both);
        }
        for it in self.served {
            let _ = it.thread.join();
        }
    }

    /// Takes a connection if there is one.
    fn accept(&mut self) -> Result<()> {
        let Some(socket) = self.listener.accept()? else {
            return Ok(());
        };
        let own = socket.try_clone().map_err(failed)?;
        self.shared.active.fetch_add(1, Ordering::AcqRel);
        let place = Place(Arc::clone(&self.shared));
        let source = Arc::clone(&self.source);
        let thread = spawn("gpuio-figures-1", move || {
            let _place = place;
            serve::serve(&socket, &*source);
        })?;
        self.served.push(Served {
            socket: own,
            thread,
        });
        Ok(())
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    let builder = std::thread::Builder::new().name(name.into());
    builder.spawn(run).map_err(failed)
}

/// A failure for want of threads or descriptors.
fn failed(error: std::io::Error) -> Error {
    let message = "the system refuses another thread or descriptor; raise the limit";
    Error::from_errno(error.raw_os_error().unwrap_or(0), "serve figures", message)
}
