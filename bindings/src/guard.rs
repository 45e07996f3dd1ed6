//! From Rust's results to statuses.

use crate::ffi::Status;
use gpuio_core::{Error, ErrorCode, Result};
use std::panic::{catch_unwind, AssertUnwindSafe};

/// Runs a call of C++. Its error, or its panic, goes into `status`; the default is returned then.
///
/// Unwind safety: after a panic the objects involved may be half changed. The service catches its
/// own panics and ends, so that later calls say it has stopped.
pub fn guard<T: Default>(status: &mut Status, call: impl FnOnce() -> Result<T>) -> T {
    let outcome = catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".into());
        let message = format!("a defect in gpuio: {text}; please report it");
        Err(Error::new(ErrorCode::General, "go on", message))
    });
    match outcome {
        Ok(value) => {
            *status = Status::default();
            value
        }
        Err(error) => {
            *status = status_of(error);
            T::default()
        }
    }
}

/// An error as a status.
pub fn status_of(error: Error) -> Status {
    Status {
        code: error.code.number(),
        os_error: error.os_error,
        operation: error.operation.into(),
        resource: error.resource,
        has_offset: error.offset.is_some(),
        offset: error.offset.unwrap_or(0),
        bytes_done: error.bytes_done,
        retryable: error.retryable,
        message: error.message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_status() {
        let mut status = Status::default();
        let value: u32 = guard(&mut status, || panic!("planted"));
        assert_eq!((value, status.code), (0, -1));
        assert!(status.message.contains("planted"));
        let value = guard(&mut status, || Ok(7u32));
        assert_eq!((value, status.code), (7, 0));
    }

    #[test]
    fn an_error_keeps_its_fields() {
        let mut status = Status::default();
        guard(&mut status, || -> Result<()> {
            Err(Error::from_errno(28, "write", "full")
                .with_offset(4096)
                .with_bytes_done(12))
        });
        assert_eq!(
            (status.code, status.os_error, status.offset),
            (-6, 28, 4096)
        );
        assert!(status.has_offset);
        assert_eq!(status.bytes_done, 12);
    }
}
