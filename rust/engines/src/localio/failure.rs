//! The errors of transfers: typed, and with a message that says what to do.

use gpuio_core::{Error, ErrorCode};

use super::backend::RequestKind;

/// Requests without progress before a transfer gives up.
pub(super) const FRUITLESS_MAX: u32 = 64;

pub(super) fn verb(kind: RequestKind) -> &'static str {
    match kind {
        RequestKind::Read => "read",
        RequestKind::Write => "write",
        RequestKind::Sync => "sync",
    }
}

/// The kernel answered a request with an `errno`.
pub(super) fn os_error(kind: RequestKind, errno: i32) -> Error {
    let message = match errno {
        libc::ENOSPC => "the file system is full; free some space and try again".into(),
        libc::EDQUOT => "the disk quota is used up; free some space and try again".into(),
        libc::EFBIG => "the file would exceed the size this process or file system allows".into(),
        libc::EIO => "the storage device reports an I/O error; see the kernel log".into(),
        libc::EROFS => "the file system is mounted read-only".into(),
        libc::EFAULT => "the memory of the transfer is not mapped, or not writable".into(),
        libc::EINTR | libc::EAGAIN => {
            format!(
                "the kernel put the request off {FRUITLESS_MAX} times; the system is overloaded"
            )
        }
        _ => format!(
            "the kernel refused: {}",
            std::io::Error::from_raw_os_error(errno)
        ),
    };
    let mut error = Error::from_errno(errno, verb(kind), message);
    if matches!(errno, libc::EINTR | libc::EAGAIN) {
        error.code = ErrorCode::Busy;
        error.retryable = true;
    }
    error
}

/// A read ran into the end of the file.
pub(super) fn end_of_file(length_bytes: u64) -> Error {
    let message = format!(
        "the file ends here: it is {length_bytes} bytes long now; \
         it is shorter than the array, or was truncated while in use"
    );
    Error::new(ErrorCode::Io, "read", message).with_offset(length_bytes)
}

/// A write would extend a file that was not opened with `create=1`.
pub(super) fn write_past_end(length_bytes: u64) -> Error {
    let message = format!(
        "the file ends here: it is {length_bytes} bytes long now, and a write never makes it \
         longer; open it with create=1 to let it grow"
    );
    Error::new(ErrorCode::Io, "write", message).with_offset(length_bytes)
}

/// The kernel wrote nothing and gave no reason.
pub(super) fn nothing_written() -> Error {
    let message = "the kernel accepted none of the bytes and named no error; \
                   check the device and its free space";
    Error::new(ErrorCode::Io, "write", message)
}

/// The engine is being dropped.
pub(super) fn canceled(kind: RequestKind) -> Error {
    let message = "the engine was shut down before the transfer was done";
    Error::new(ErrorCode::Canceled, verb(kind), message)
}
