//! Flush: every byte that was written to an array becomes durable in its resource.

use super::pinned::StorePinned;
use super::pull::{Pull, Pulled};
use super::{reply, Job, Reply, Turn};
use crate::array::Placement;
use crate::l2::L2State;
use crate::service::core::Core;
use gpuio_core::scheduling::RequestClass;
use gpuio_core::Result;

enum Phase {
    /// L1 to L2.
    Pull,
    /// L2 to the resource.
    Write,
    /// All is written.
    Sync,
    /// Waiting for the sync.
    Synced,
}

/// See the module's comment. The flush ends with the first error; what could not be written stays
/// DIRTY and is tried again by the next flush.
pub struct Flush {
    array: u32,
    phase: Phase,
    pull: Pull,
    store: StorePinned,
    unfailed: bool,
    reply: Option<Reply<()>>,
}

impl Flush {
    /// A flush of an array.
    pub fn new(array: u32, reply: Reply<()>) -> Self {
        Self {
            reply: Some(reply),
            ..Self::write_back_only(array)
        }
    }

    /// Writes everything back, but does not wait until it is durable. Part of `Close`.
    pub(super) fn write_back_only(array: u32) -> Self {
        Self {
            array,
            phase: Phase::Pull,
            pull: Pull::default(),
            store: StorePinned::default(),
            unfailed: false,
            reply: None,
        }
    }

    /// Takes the turn; `Close` uses it, too.
    pub(super) fn advance(&mut self, core: &mut Core, id: u64) -> Result<Turn> {
        match self.phase {
            Phase::Pull => self.pull(core),
            Phase::Write => self.write(core),
            Phase::Sync => {
                core.start_sync(self.array, id);
                self.phase = Phase::Synced;
                Ok(Turn::Advanced)
            }
            Phase::Synced => match core.job_syncs.remove(&id) {
                Some(result) => result.map(|()| Turn::Done(Ok(()))),
                None => Ok(Turn::Waiting),
            },
        }
    }

    fn pull(&mut self, core: &mut Core) -> Result<Turn> {
        if !self.unfailed {
            // Pages whose write failed before are tried again now.
            for (frame, state) in core.l2.frames_of(self.array) {
                if state == L2State::Dirty {
                    core.l2.set_dirty(frame);
                }
            }
            if let Some(array) = core.array_mut(self.array) {
                array.write_error = None;
                array.flushes += 1;
            }
            self.unfailed = true;
        }
        let Some(array) = core.array(self.array) else {
            return Ok(Turn::Done(Ok(())));
        };
        let done = match array.placement {
            Placement::Bypass { .. } => return Ok(Turn::Done(Ok(()))),
            Placement::Pinned { .. } => self.store.run(core, self.array)?,
            Placement::Cached { .. } | Placement::CachedMapped { .. } => {
                self.pull.run(core, self.array)?
            }
        };
        if matches!(done, Pulled::NoRoom) {
            // Room comes from writing: that is the next phase's work, done a little ahead.
            core.write_some();
            return self.write_error(core).map(|()| Turn::Waiting);
        }
        let is_memory = core
            .array(self.array)
            .is_some_and(|it| it.placement.mapped().is_some());
        if is_memory {
            return Ok(Turn::Done(Ok(())));
        }
        self.phase = Phase::Write;
        Ok(Turn::Advanced)
    }

    fn write(&mut self, core: &mut Core) -> Result<Turn> {
        let mut left = 0;
        for (frame, state) in core.l2.frames_of(self.array) {
            match state {
                // Written to while it was being written: its turn comes when that write has ended.
                L2State::Dirty if core.l2.is_writing(frame) => left += 1,
                L2State::Dirty => {
                    left += 1;
                    self.write_error(core)?;
                    core.start_write(frame, RequestClass::EngramSync);
                }
                L2State::Flushing => left += 1,
                _ => {}
            }
        }
        if left > 0 {
            return Ok(Turn::Waiting);
        }
        self.write_error(core)?;
        if self.reply.is_none() {
            return Ok(Turn::Done(Ok(())));
        }
        self.phase = Phase::Sync;
        Ok(Turn::Advanced)
    }

    /// The error of a write that failed since this flush began.
    fn write_error(&self, core: &Core) -> Result<()> {
        match core
            .array(self.array)
            .and_then(|array| array.write_error.clone())
        {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

impl Job for Flush {
    fn turn(&mut self, core: &mut Core, id: u64) -> Turn {
        self.advance(core, id)
            .unwrap_or_else(|error| Turn::Done(Err(error)))
    }

    fn end(&mut self, result: Result<()>) {
        if let Some(to) = &self.reply {
            reply(to, result);
        }
    }
}
