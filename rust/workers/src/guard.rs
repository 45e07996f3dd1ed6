//! Foreign code ends here, one way or the other.

#[cfg(not(shuttle))]
use std::panic::{catch_unwind, AssertUnwindSafe};

/// Runs foreign code; a panic becomes its message.
#[cfg(not(shuttle))]
pub(crate) fn guarded<R>(foreign: impl FnOnce() -> R) -> Result<R, Box<str>> {
    // Unwind-safe: whatever the code left half done is dropped with it.
    catch_unwind(AssertUnwindSafe(foreign)).map_err(|payload| {
        let text = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without a message".into());
        // The payload is foreign, too. If dropping it panics, what that threw is left alone.
        if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(second);
        }
        text.into()
    })
}

/// Under shuttle a panic is a finding, and must not be caught.
#[cfg(shuttle)]
pub(crate) fn guarded<R>(foreign: impl FnOnce() -> R) -> Result<R, Box<str>> {
    Ok(foreign())
}
