//! The socket that is listened on.

use gpuio_core::config::StatsEndpoint;
use gpuio_core::{Error, ErrorCode, Result};
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::time::Duration;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 128;
/// How long a socket file is asked whether somebody listens.
const PATIENCE: Duration = Duration::from_millis(500);

const OPERATION: &str = "serve figures";

/// A listening socket that does not block. Its end removes its socket file.
pub struct Listener {
    socket: Socket,
    address: StatsEndpoint,
    /// Device and inode of the socket file.
    file: Option<(u64, u64)>,
}

impl Listener {
    /// Listens; `None` for `off`. See `Bound::new` for the errors.
    pub fn bind(at: &StatsEndpoint) -> Result<Option<Self>> {
        let bound = match at {
            StatsEndpoint::Off => return Ok(None),
            StatsEndpoint::Loopback(address) | StatsEndpoint::Public(address) => bind_tcp(*address),
            StatsEndpoint::Unix(path) => bind_unix(path),
        };
        let listener = bound.and_then(|socket| Self::listen(socket, at));
        listener.map(Some).map_err(|error| refused(&error, at))
    }

    fn listen(socket: Socket, at: &StatsEndpoint) -> io::Result<Self> {
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        let chosen = || Ok::<_, io::Error>(socket.local_addr()?.as_socket());
        let (address, file) = match at {
            StatsEndpoint::Off => (StatsEndpoint::Off, None),
            StatsEndpoint::Loopback(asked) => {
                (StatsEndpoint::Loopback(chosen()?.unwrap_or(*asked)), None)
            }
            StatsEndpoint::Public(asked) => {
                (StatsEndpoint::Public(chosen()?.unwrap_or(*asked)), None)
            }
            StatsEndpoint::Unix(path) => (at.clone(), Some(identity(path)?)),
        };
        Ok(Self {
            socket,
            address,
            file,
        })
    }

    /// The address, with the port that the system chose.
    pub fn address(&self) -> &StatsEndpoint {
        &self.address
    }

    /// Readable when a connection waits.
    pub fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// A connection that waits, if there is one; a blocking socket.
    pub fn accept(&self) -> Result<Option<Socket>> {
        match self.socket.accept() {
            Ok((socket, _)) => Ok(Some(socket)),
            // The last two: a client that has gone before it was accepted.
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {
                    Ok(None)
                }
                _ => Err(refused(&error, &self.address)),
            },
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Another program may have put its own socket there meanwhile.
        if let (StatsEndpoint::Unix(path), Some(file)) = (&self.address, self.file) {
            if identity(path).is_ok_and(|found| found == file) {
                let _ = std::fs::remove_file(path);
            }
        }
    }
}

fn identity(path: &str) -> io::Result<(u64, u64)> {
    let metadata = std::fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

fn bind_tcp(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // A program that is started again need not wait for the system to forget old connections.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn bind_unix(path: &str) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    let address = SockAddr::unix(path)?;
    match socket.bind(&address) {
        Err(error) if error.kind() == ErrorKind::AddrInUse && is_left_over(path, &address) => {
            std::fs::remove_file(path)?;
            socket.bind(&address)?;
        }
        other => other?,
    }
    Ok(socket)
}

/// Whether a socket file lies there that nobody listens on any more.
fn is_left_over(path: &str, address: &SockAddr) -> bool {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|it| it.file_type().is_socket());
    let answer = || {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        // Bounds the wait for a program that listens but does not accept.
        socket.set_write_timeout(Some(PATIENCE))?;
        socket.connect(address)
    };
    is_socket && answer().is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

/// What to do about it.
fn refused(error: &io::Error, at: &StatsEndpoint) -> Error {
    let is_path = matches!(at, StatsEndpoint::Unix(_));
    let (code, message) = match error.kind() {
        ErrorKind::AddrInUse if is_path => (
            Some(ErrorCode::Busy),
            "the path is taken by a program that runs, another context of this one, or a file: \
             set stats_endpoint to another path",
        ),
        ErrorKind::AddrInUse => (
            Some(ErrorCode::Busy),
            "the port is taken by another program or another context of this one: set \
             stats_endpoint to another port, or to port 0 for any",
        ),
        ErrorKind::AddrNotAvailable => (
            Some(ErrorCode::InvalidArgument),
            "this machine does not have that address: use 127.0.0.1 or one of its own",
        ),
        ErrorKind::InvalidInput if is_path => (
            Some(ErrorCode::InvalidArgument),
            "a socket's path has at most 107 bytes and no NUL: set stats_endpoint to a shorter one",
        ),
        ErrorKind::NotFound => (None, "the socket's folder does not exist: make it first"),
        ErrorKind::PermissionDenied if is_path => (
            None,
            "the socket's folder cannot be written to: set stats_endpoint to a path in another",
        ),
        ErrorKind::PermissionDenied => (
            None,
            "the port may not be used: set stats_endpoint to one from 1024 on",
        ),
        _ => (None, "the system does not let gpuio listen there"),
    };
    let mut result = Error::from_errno(error.raw_os_error().unwrap_or(0), OPERATION, message);
    if let Some(code) = code {
        result.code = code;
        result.retryable = code.is_retryable();
    }
    result.with_resource(at.to_string())
}
