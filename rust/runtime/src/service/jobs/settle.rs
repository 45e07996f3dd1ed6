//! Settle: no kernel runs any more; what went wrong in them is collected, and L1 put in order.

use super::{Job, Reply, Turn};
use crate::service::core::Core;
use gpuio_core::{Error, ErrorCode, Result};
use gpuio_memory::layout::{StickyError, MAX_ARRAYS};

/// The failures of kernels since the last settling.
pub type Failure = Option<Error>;

/// See the module's comment.
pub struct Settle {
    failure: Failure,
    asked: bool,
    repairs: bool,
    reply: Reply<Failure>,
}

impl Settle {
    /// Replies with what failed.
    pub fn new(reply: Reply<Failure>) -> Self {
        Self {
            failure: None,
            asked: false,
            repairs: false,
            reply,
        }
    }

    fn advance(&mut self, core: &mut Core) -> Result<Turn> {
        if !self.asked {
            let sticky = core.l1.take_error()?;
            self.repairs = sticky.stalled != 0;
            self.failure = describe(core, &sticky);
            self.asked = true;
        }
        if self.repairs {
            core.drop_faults();
            if !core.has_only_fills() {
                return Ok(Turn::Waiting);
            }
            core.repair_l1()?;
        }
        Ok(Turn::Done(Ok(())))
    }
}

impl Job for Settle {
    fn turn(&mut self, core: &mut Core, _id: u64) -> Turn {
        self.advance(core)
            .unwrap_or_else(|error| Turn::Done(Err(error)))
    }

    fn end(&mut self, result: Result<()>) {
        let failure = self.failure.take();
        // A timeout while waiting for stragglers does not hide what the kernels reported.
        let reply = match (result, failure) {
            (Err(error), None) => Err(error),
            (_, failure) => Ok(failure),
        };
        let _ = self.reply.try_send(reply);
    }
}

/// The sticky error in words.
fn describe(core: &Core, sticky: &StickyError) -> Failure {
    if sticky.count == 0 {
        return None;
    }
    let code = i32::try_from(sticky.code)
        .ok()
        .and_then(|code| ErrorCode::from_number(-code));
    let code = code.unwrap_or(ErrorCode::General);
    let others = match sticky.count {
        1 => String::new(),
        count => format!(" ({} more accesses failed, too)", count - 1),
    };
    let array = core
        .array(sticky.array as u32)
        .filter(|_| sticky.array < u64::from(MAX_ARRAYS));
    let element = array.map_or(0, |array| sticky.byte_offset / array.geometry.element_bytes);
    let message = format!("{}{others}", advice(core, code, element, sticky));
    let mut error = Error::new(code, "access an element in a kernel", message);
    error.os_error = sticky.os_error as i32;
    if let Some(array) = array {
        error = error.with_resource(array.uri.clone());
        let offset = array.geometry.base + array.geometry.origin + sticky.byte_offset;
        error = error.with_offset(offset);
    }
    Some(error)
}

fn advice(core: &Core, code: ErrorCode, element: u64, sticky: &StickyError) -> String {
    match code {
        ErrorCode::InvalidArgument if sticky.os_error == 0 => {
            let count = core
                .array(sticky.array as u32)
                .map_or(0, |it| it.geometry.element_count);
            format!("index {element} is out of range: the array has {count} elements")
        }
        ErrorCode::Timeout => format!(
            "element {element} did not come within io_timeout_us; the storage is stalled, or more \
             pages are pinned at a time than L1 has frames (raise l1_capacity_bytes)"
        ),
        ErrorCode::Busy => format!("the page of element {element} has too many pins"),
        ErrorCode::General => format!("the I/O service has stopped; element {element} is lost"),
        _ => format!(
            "element {element} could not be read, or a page that had to make room could not be \
             written"
        ),
    }
}
