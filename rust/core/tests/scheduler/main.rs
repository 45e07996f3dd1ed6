//! What a caller sees of the scheduler, one promise a test. `tests/sim` has the rest.

mod batches;
mod passing;
mod priorities;
mod requests;
mod support;
