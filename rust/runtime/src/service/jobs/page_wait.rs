//! A job's wait for a page to be in L2.

use crate::l2::{L2State, PageKey};
use crate::service::core::Core;
use crate::service::loads::Load;
use crate::service::transfers::Waiter;
use gpuio_core::scheduling::RequestClass;
use gpuio_core::{Error, Result};

/// One page at a time: the job asks for a page turn by turn until it is there.
pub struct PageWait {
    /// Of the pages that have to be read for it.
    class: RequestClass,
    /// The job is among those that the page's frame answers.
    waits: bool,
}

impl PageWait {
    pub fn new(class: RequestClass) -> Self {
        Self {
            class,
            waits: false,
        }
    }

    /// How urgently the job waits.
    pub fn class(&self) -> RequestClass {
        self.class
    }

    /// The frame of a page once it holds the page; has it filled otherwise. `id` names the job.
    pub fn frame(&mut self, core: &mut Core, key: PageKey, id: u64) -> Result<Option<u32>> {
        let frame = match core.l2.find(key) {
            Some(frame) => frame,
            None => match core.start_load(key, self.class) {
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
            core.promote_load(frame, self.class);
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
