//! Foreign code ends here, one way or the other.

#[cfg(not(shuttle))]
use std::any::Any;
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
        drop_guarded(payload);
        text.into()
    })
}

/// Payloads are foreign, too: dropping one may throw another. After this many, the last is left
/// alone.
#[cfg(not(shuttle))]
const PAYLOADS_MAX: usize = 8;

#[cfg(not(shuttle))]
fn drop_guarded(mut payload: Box<dyn Any + Send>) {
    for _ in 0..PAYLOADS_MAX {
        match catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            Ok(()) => return,
            Err(thrown) => payload = thrown,
        }
    }
    std::mem::forget(payload);
}

/// Under shuttle a panic is a finding, and must not be caught.
#[cfg(shuttle)]
pub(crate) fn guarded<R>(foreign: impl FnOnce() -> R) -> Result<R, Box<str>> {
    Ok(foreign())
}
