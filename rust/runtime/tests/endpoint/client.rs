//! A client that sends what it is told to.

use gpuio_core::config::StatsEndpoint;
use gpuio_core::exposition::Snapshot;
use gpuio_core::scheduling::RequestClass;
use gpuio_core::Result;
use gpuio_runtime::endpoint::{Endpoint, Source};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;
use std::time::Duration;

/// Longer than anything takes that works: a test fails then instead of waiting on.
const HANGS: Duration = Duration::from_secs(30);

pub trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

pub fn connect(at: &StatsEndpoint) -> Box<dyn Stream> {
    match at {
        StatsEndpoint::Unix(path) => {
            let stream = UnixStream::connect(path).expect("somebody listens");
            stream.set_read_timeout(Some(HANGS)).unwrap();
            Box::new(stream)
        }
        StatsEndpoint::Loopback(address) | StatsEndpoint::Public(address) => {
            let stream = TcpStream::connect(address).expect("somebody listens");
            stream.set_read_timeout(Some(HANGS)).unwrap();
            Box::new(stream)
        }
        StatsEndpoint::Off => panic!("nobody listens"),
    }
}

/// Everything that comes until the server closes.
pub fn rest(stream: &mut dyn Stream) -> String {
    let mut text = String::new();
    stream
        .read_to_string(&mut text)
        .expect("an answer, then the end");
    text
}

pub fn ask(at: &StatsEndpoint, request: &str) -> String {
    let mut stream = connect(at);
    stream
        .write_all(request.as_bytes())
        .expect("the server reads");
    rest(&mut *stream)
}

pub fn get(at: &StatsEndpoint, page: &str) -> String {
    ask(at, &format!("GET {page} HTTP/1.1\r\nHost: here\r\n\r\n"))
}

pub fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").expect("a head and a body").1
}

/// Figures that are told from any others.
pub fn snapshot() -> Snapshot {
    let mut snapshot = Snapshot::default();
    let class = snapshot.figures.class_mut(RequestClass::EngramSync);
    class.submitted = 4711;
    class.wait_ns.record(170_000);
    snapshot
}

pub fn start(
    at: &StatsEndpoint,
    source: impl Fn() -> Result<Snapshot> + Send + Sync + 'static,
) -> Endpoint {
    let source: Source = Arc::new(source);
    Endpoint::start(at, source)
        .expect("an endpoint")
        .expect("it is not off")
}

pub fn any_port() -> StatsEndpoint {
    StatsEndpoint::parse("127.0.0.1:0").unwrap()
}

/// A folder that goes with the test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("gpuio-endpoint-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn socket(&self, name: &str) -> StatsEndpoint {
        StatsEndpoint::parse(&format!("unix:{}", self.0.join(name).display())).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
