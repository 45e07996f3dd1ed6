//! The one error type of gpuio.
//!
//! [`ErrorCode`] carries the numbers of the specification (section 7.1); [`Error`] adds what a
//! person needs to act: which operation, on which resource, at which byte, after how many bytes,
//! with which `errno`, and whether trying again can help.

use std::fmt;

/// The specification's error codes. `GPUIO_SUCCESS` (0) is not an error and has no variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum ErrorCode {
    /// A defect in gpuio, or a failure that fits no other code.
    General = -1,
    /// Memory, frames or another bounded store ran out.
    NoMemory = -2,
    /// The caller passed something that can never work.
    InvalidArgument = -3,
    /// The named resource does not exist.
    NotFound = -4,
    /// A deadline passed.
    Timeout = -5,
    /// The storage below failed or has no such bytes.
    Io = -6,
    /// The network or the peer failed.
    Network = -7,
    /// This machine, kernel or build lacks what was asked for.
    Unsupported = -8,
    /// The operating system refused access.
    Permission = -9,
    /// Someone else holds what is needed; trying later can work.
    Busy = -10,
    /// The caller withdrew the request.
    Canceled = -11,
}

impl ErrorCode {
    /// The specification's number.
    pub const fn number(self) -> i32 {
        self as i32
    }

    /// The variant with this number, if there is one.
    pub const fn from_number(number: i32) -> Option<Self> {
        Some(match number {
            -1 => Self::General,
            -2 => Self::NoMemory,
            -3 => Self::InvalidArgument,
            -4 => Self::NotFound,
            -5 => Self::Timeout,
            -6 => Self::Io,
            -7 => Self::Network,
            -8 => Self::Unsupported,
            -9 => Self::Permission,
            -10 => Self::Busy,
            -11 => Self::Canceled,
            _ => return None,
        })
    }

    /// The specification's name, such as `GPUIO_ERROR_IO`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::General => "GPUIO_ERROR_GENERAL",
            Self::NoMemory => "GPUIO_ERROR_NOMEM",
            Self::InvalidArgument => "GPUIO_ERROR_INVALID_ARG",
            Self::NotFound => "GPUIO_ERROR_NOT_FOUND",
            Self::Timeout => "GPUIO_ERROR_TIMEOUT",
            Self::Io => "GPUIO_ERROR_IO",
            Self::Network => "GPUIO_ERROR_NETWORK",
            Self::Unsupported => "GPUIO_ERROR_UNSUPPORTED",
            Self::Permission => "GPUIO_ERROR_PERMISSION",
            Self::Busy => "GPUIO_ERROR_BUSY",
            Self::Canceled => "GPUIO_ERROR_CANCELED",
        }
    }

    /// The code that fits an `errno` value of the operating system.
    pub const fn from_errno(errno: i32) -> Self {
        // Linux numbers; core stays free of libc so that it builds and runs anywhere.
        match errno {
            1 | 13 | 30 => Self::Permission,       // EPERM EACCES EROFS
            2 | 6 | 19 | 20 => Self::NotFound,     // ENOENT ENXIO ENODEV ENOTDIR
            11 | 16 | 26 => Self::Busy,            // EAGAIN EBUSY ETXTBSY
            12 => Self::NoMemory,                  // ENOMEM
            21 | 22 | 36 => Self::InvalidArgument, // EISDIR EINVAL ENAMETOOLONG
            38 | 95 => Self::Unsupported,          // ENOSYS EOPNOTSUPP
            62 | 110 => Self::Timeout,             // ETIME ETIMEDOUT
            125 => Self::Canceled,                 // ECANCELED
            _ => Self::Io,
        }
    }

    /// Whether the same request can succeed later without the caller changing anything.
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::Timeout | Self::Busy | Self::Network)
    }
}

/// What went wrong, where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The specification's code.
    pub code: ErrorCode,
    /// The operating system's `errno`; 0 when it was not the operating system that refused.
    pub os_error: i32,
    /// What was being done, as a verb phrase: `"open"`, `"read"`, `"parse uri"`.
    pub operation: &'static str,
    /// On what: a URI, a path, a parameter. Empty when there is no such thing.
    pub resource: String,
    /// The byte offset in the resource where it failed (for text: the position in the text).
    pub offset: Option<u64>,
    /// How many bytes of the request were done before it failed.
    pub bytes_done: u64,
    /// How often it was tried; 0 where nothing is tried again by itself.
    pub attempts: u32,
    /// Whether the same request can succeed later without the caller changing anything.
    pub retryable: bool,
    /// One sentence for a person: what happened and what to do.
    pub message: String,
}

/// `Result` with gpuio's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error with this code, operation and message; the other fields by the `with_` methods.
    pub fn new(code: ErrorCode, operation: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            os_error: 0,
            operation,
            resource: String::new(),
            offset: None,
            bytes_done: 0,
            attempts: 0,
            retryable: code.is_retryable(),
            message: message.into(),
        }
    }

    /// An error from an `errno`, with the code that fits it.
    pub fn from_errno(errno: i32, operation: &'static str, message: impl Into<String>) -> Self {
        let mut error = Self::new(ErrorCode::from_errno(errno), operation, message);
        error.os_error = errno;
        error
    }

    /// Names the resource.
    #[must_use]
    pub fn with_resource(mut self, resource: impl Into<String>) -> Self {
        self.resource = resource.into();
        self
    }

    /// Names the byte offset.
    #[must_use]
    pub fn with_offset(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }

    /// States how many bytes were done.
    #[must_use]
    pub fn with_bytes_done(mut self, bytes: u64) -> Self {
        self.bytes_done = bytes;
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: cannot {}", self.code.name(), self.operation)?;
        if !self.resource.is_empty() {
            write!(out, " {}", self.resource)?;
        }
        if let Some(offset) = self.offset {
            write!(out, " at offset {offset}")?;
        }
        write!(out, ": {}", self.message)?;
        if self.os_error != 0 {
            write!(out, " (errno {})", self.os_error)?;
        }
        if self.attempts > 1 {
            write!(out, " ({} attempts)", self.attempts)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_the_specifications() {
        let all = (-11..=-1).map(|n| ErrorCode::from_number(n).expect("a code"));
        for (code, number) in all.zip(-11..) {
            assert_eq!(code.number(), number);
            assert!(code.name().starts_with("GPUIO_ERROR_"));
        }
        assert_eq!(ErrorCode::from_number(0), None);
        assert_eq!(ErrorCode::from_number(-12), None);
        assert_eq!(ErrorCode::Permission.number(), -9);
    }

    #[test]
    fn the_text_says_what_where_and_why() {
        let error = Error::from_errno(28, "write", "no space left on the device; free some")
            .with_resource("localio:///data/a")
            .with_offset(4096);
        assert_eq!(error.code, ErrorCode::Io);
        assert_eq!(
            error.to_string(),
            "GPUIO_ERROR_IO: cannot write localio:///data/a at offset 4096: \
             no space left on the device; free some (errno 28)"
        );
    }
}
