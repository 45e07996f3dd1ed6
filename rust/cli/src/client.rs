//! One GET of the endpoint of a program: bounded in time and in length.

use crate::Failure;
use gpuio_core::config::StatsEndpoint;
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{self, ErrorKind, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// For the whole of it. A program's service may take two seconds to answer.
const TIME: Duration = Duration::from_secs(5);
/// Most that is read.
const MAX_ANSWER_BYTES: usize = 16 << 20;

/// The body of a page. Gives up early once `stop` is set and a signal has come.
///
/// # Errors
/// `Nobody` if nothing listens or it cuts the connection, `General` if what listens does not answer
/// as an endpoint does.
pub fn get(at: &StatsEndpoint, page: &str, stop: &AtomicBool) -> Result<String, Failure> {
    let socket = connect(at).map_err(|error| {
        let hint = "is the program running, and with this stats_endpoint?";
        Failure::Nobody(format!("nothing answers at {at}: {error}; {hint}"))
    })?;
    let request = format!("GET {page} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let answer =
        exchange(&socket, request.as_bytes(), stop).map_err(|error| no_answer(at, &error))?;
    body(&answer).map_err(|what| {
        let message = format!("what listens at {at} is no gpuio program: {what}");
        Failure::General(message)
    })?
}

/// A program that ends cuts its connections, some of them before it has taken them.
fn no_answer(at: &StatsEndpoint, error: &io::Error) -> Failure {
    let message = format!("{at} does not answer: {error}");
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
            Failure::Nobody(message)
        }
        _ => Failure::General(message),
    }
}

fn connect(at: &StatsEndpoint) -> io::Result<Socket> {
    let (domain, address) = match at {
        StatsEndpoint::Off => return Err(ErrorKind::NotFound.into()),
        StatsEndpoint::Loopback(address) | StatsEndpoint::Public(address) => {
            (Domain::for_address(*address), SockAddr::from(*address))
        }
        StatsEndpoint::Unix(path) => (Domain::UNIX, SockAddr::unix(path)?),
    };
    let socket = Socket::new(domain, Type::STREAM, None)?;
    // Bounds connecting, too: the listener's queue may be full.
    socket.set_write_timeout(Some(TIME))?;
    socket.connect(&address)?;
    Ok(socket)
}

fn exchange(mut socket: &Socket, request: &[u8], stop: &AtomicBool) -> io::Result<Vec<u8>> {
    socket.write_all(request)?;
    let deadline = Instant::now() + TIME;
    let mut answer = Vec::new();
    let mut piece = [0; 16 << 10];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::other("it takes too long"));
        }
        socket.set_read_timeout(Some(left))?;
        match socket.read(&mut piece) {
            Ok(0) => return Ok(answer),
            Ok(count) if answer.len() + count > MAX_ANSWER_BYTES => {
                return Err(io::Error::other("it says too much"));
            }
            Ok(count) => answer.extend_from_slice(&piece[..count]),
            // A timeout is WouldBlock; the loop looks at the clock.
            Err(error) => match error.kind() {
                ErrorKind::Interrupted if stop.load(Ordering::Relaxed) => return Err(error),
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {}
                _ => return Err(error),
            },
        }
    }
}

/// The body of a good answer; what a bad one says; or why it is none.
fn body(answer: &[u8]) -> Result<Result<String, Failure>, &'static str> {
    let text = std::str::from_utf8(answer).map_err(|_| "its answer is not UTF-8")?;
    let (head, body) = text
        .split_once("\r\n\r\n")
        .ok_or("its answer is not HTTP")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    let status = status
        .strip_prefix("HTTP/1.1 ")
        .ok_or("its answer is not HTTP/1.1")?;
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim())
    });
    if length.is_some_and(|length| length.parse() != Ok(body.len())) {
        return Err("its answer is cut off");
    }
    match status {
        "200 OK" => Ok(Ok(body.to_owned())),
        // The program's own words.
        "503 Service Unavailable" => Ok(Err(Failure::General(body.trim_end().to_owned()))),
        _ => Err("it does not have the page"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_good_answer_is_taken() {
        let good = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc";
        assert_eq!(body(good).unwrap().unwrap(), "abc");
        for bad in [
            &good[..good.len() - 1],
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.0 200 OK\r\n\r\nabc",
            b"HTTP/1.1 404 Not Found\r\n\r\nabc",
            b"SSH-2.0-OpenSSH\r\n\r\n",
            b"\xff\r\n\r\n",
            b"",
        ] {
            assert!(body(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
        let sorry = b"HTTP/1.1 503 Service Unavailable\r\n\r\nthe service sleeps\n";
        let failure = body(sorry).unwrap().unwrap_err();
        assert_eq!(failure.message().unwrap(), "the service sleeps");
    }
}
