//! One connection: one request, one answer, a farewell. Each has its time.

use super::http::{self, Page, Refusal, Response, MAX_HEAD_BYTES};
use gpuio_core::exposition::{Snapshot, CONTENT_TYPE};
use gpuio_core::Result;
use socket2::Socket;
use std::io::{ErrorKind, Read};
use std::net::Shutdown;
use std::time::{Duration, Instant};

/// From the connection to the end of the request's head.
const TIME_TO_ASK: Duration = Duration::from_secs(1);
/// For the client to take the answer.
const TIME_TO_TAKE: Duration = Duration::from_secs(1);
/// For the client to close after the answer.
const TIME_TO_CLOSE: Duration = Duration::from_millis(250);

/// Serves a connection. What goes wrong is the client's: there is nobody else to tell.
pub fn serve(socket: &Socket, source: &dyn Fn() -> Result<Snapshot>) {
    let request = match read_head(socket) {
        Ok(Some(head)) => http::parse(&head),
        Ok(None) => return,
        Err(refusal) => Err(refusal),
    };
    let (response, head_only) = match request {
        Ok(request) => (page(request.page, source), request.head_only),
        Err(refusal) => (refusal.response(), false),
    };
    send(socket, &response.bytes(head_only));
    part(socket);
}

fn page(page: Page, source: &dyn Fn() -> Result<Snapshot>) -> Response {
    let snapshot = match source() {
        Ok(snapshot) => snapshot,
        Err(error) => return Response::plain("503 Service Unavailable", format!("{error}\n")),
    };
    let (content_type, body) = match page {
        Page::Metrics => (CONTENT_TYPE, snapshot.prometheus()),
        Page::Stats => ("application/json", snapshot.json()),
    };
    Response {
        content_type,
        ..Response::plain("200 OK", body)
    }
}

/// The head; `None` from a client that went away before it was whole.
fn read_head(socket: &Socket) -> std::result::Result<Option<Vec<u8>>, Refusal> {
    let deadline = Instant::now() + TIME_TO_ASK;
    let mut head = Vec::new();
    let mut piece = [0; 1024];
    loop {
        match read_until(socket, &mut piece, deadline) {
            Some(0) => return Ok(None),
            Some(count) => head.extend_from_slice(&piece[..count]),
            None => return Err(Refusal::TooSlow),
        }
        // What follows the head is a body or a second request; neither is for us.
        if let Some(length) = http::head_length(&head).filter(|it| *it <= MAX_HEAD_BYTES) {
            head.truncate(length);
            return Ok(Some(head));
        }
        if head.len() >= MAX_HEAD_BYTES {
            return Err(Refusal::TooLong);
        }
    }
}

/// Reads once: how many bytes, 0 at the end or after an error; `None` when the time is over.
fn read_until(mut socket: &Socket, piece: &mut [u8], deadline: Instant) -> Option<usize> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        if socket.set_read_timeout(Some(left)).is_err() {
            return Some(0);
        }
        match socket.read(piece) {
            Ok(count) => return Some(count),
            Err(error) => match error.kind() {
                // A timeout is WouldBlock; the loop looks at the clock.
                ErrorKind::Interrupted | ErrorKind::WouldBlock | ErrorKind::TimedOut => {}
                _ => return Some(0),
            },
        }
    }
}

/// Sends all of it, or gives up when the client has gone or its time is over.
fn send(socket: &Socket, mut bytes: &[u8]) {
    let deadline = Instant::now() + TIME_TO_TAKE;
    while !bytes.is_empty() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || socket.set_write_timeout(Some(left)).is_err() {
            return;
        }
        // Without the flag a client that has gone would end the program by SIGPIPE.
        match socket.send_with_flags(bytes, libc::MSG_NOSIGNAL) {
            Ok(count) => bytes = &bytes[count.min(bytes.len())..],
            Err(error) => match error.kind() {
                ErrorKind::Interrupted | ErrorKind::WouldBlock | ErrorKind::TimedOut => {}
                _ => return,
            },
        }
    }
}

/// Waits a moment for the client to close, and takes what it still sends: closed with bytes unread,
/// TCP would throw the answer away.
fn part(socket: &Socket) {
    if socket.shutdown(Shutdown::Write).is_err() {
        return;
    }
    let deadline = Instant::now() + TIME_TO_CLOSE;
    let mut piece = [0; 4096];
    while read_until(socket, &mut piece, deadline).is_some_and(|count| count > 0) {}
}
