//! A job's wait for a page to be in L2.

use super::JOB_CLASS;
use crate::l2::{L2State, PageKey};
use crate::service::core::Core;
use crate::service::loads::Load;
use crate::service::transfers::Waiter;
use gpuio_core::{Error, Result};

/// One page at a time: the job asks for a page turn by turn until it is there.
#[derive(Default)]
pub struct PageWait {
    /// The job is among those that the page's frame answers.
    waits: bool,
}

impl PageWait {
    /// The frame of a page once it holds the page; has it filled otherwise. `id` names the job.
    pub fn frame(&mut self, core: &mut Core, key: PageKey, id: u64) -> Result<Option<u32>> {
        let frame = match core.l2.find(key) {
            Some(frame) => frame,
            None => match core.start_load(key, JOB_CLASS) {
                Load::Started(frame) => {
                    self.waits = false;
                    frame
                }
                Load::NoRoom => return Ok(None),
                Load::Failed(error) => return Err(error),
            },
        };
        if core.l2.state(frame) != L2State::Loading {
            self.waits = false;
            return Ok(Some(frame));
        }
        if !self.waits {
            core.promote_load(frame, JOB_CLASS);
            core.waiters.entry(frame).or_default().push(Waiter::Job(id));
            self.waits = true;
        }
        Ok(None)
    }

    /// Whether the page was asked for and is on its way.
    pub fn is_waiting(&self) -> bool {
        self.waits
    }

    /// The error that the wait ended with, if it did.
    pub fn error(core: &mut Core, id: u64) -> Option<Error> {
        core.job_errors.remove(&id)
    }
}
