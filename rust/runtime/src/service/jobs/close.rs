//! Close: an array goes. What was written to it is written back first.

use super::{reply, Flush, Job, Reply, Turn};
use crate::l2::L2State;
use crate::service::core::Core;
use gpuio_core::Result;
use gpuio_memory::layout::ArrayDescriptor;

/// Writes an array back, then forgets it in every tier and closes its resource. It goes even when
/// writing fails; the reply then says what was lost.
pub struct Close {
    array: u32,
    flush: Option<Flush>,
    outcome: Result<()>,
    reply: Reply<()>,
}

impl Close {
    /// For an open array.
    pub fn new(array: u32, reply: Reply<()>) -> Self {
        Self {
            array,
            flush: Some(Flush::write_back_only(array)),
            outcome: Ok(()),
            reply,
        }
    }

    fn write_back(&mut self, core: &mut Core, id: u64) -> Turn {
        let Some(flush) = &mut self.flush else {
            return Turn::Advanced;
        };
        match flush.advance(core, id) {
            Ok(Turn::Done(outcome)) => self.outcome = outcome,
            Ok(turn) => return turn,
            Err(error) => self.outcome = Err(error),
        }
        self.flush = None;
        Turn::Advanced
    }

    /// Waits until nothing in flight touches the array, then removes it.
    fn remove(&mut self, core: &mut Core) -> Turn {
        let frames = core.l2.frames_of(self.array);
        let in_flight = |&(frame, state): &(u32, L2State)| {
            state == L2State::Loading
                || core.l2.is_writing(frame)
                || core.waiters.contains_key(&frame)
        };
        if !core.has_no_faults() || frames.iter().any(in_flight) {
            return Turn::Waiting;
        }
        // Answers that no kernel came for pin L2 frames and keep pages BUSY; no kernel runs.
        if let Err(error) = core.repair_l1() {
            self.outcome = Err(error);
        }
        if frames.iter().any(|&(frame, _)| !core.l2.is_unpinned(frame)) {
            return Turn::Waiting; // another thread still reads from a lease
        }
        for (frame, _) in frames {
            core.l2.discard(frame);
        }
        let Some(array) = core.arrays[self.array as usize].take() else {
            return Turn::Done(Ok(()));
        };
        if let Some(table) = array.placement.table() {
            let pages = 0..array.geometry.page_count;
            let forgotten = core.forget_pages(self.array, table, pages).and_then(|()| {
                core.l1
                    .set_descriptor(self.array, ArrayDescriptor::default())
            });
            if let Err(error) = forgotten {
                self.outcome = Err(error);
            }
        }
        if let Some(mapped) = array.placement.mapped() {
            // Registered from the memory's start, which lies before page 0 by the array's base.
            core.device
                .unregister_host(mapped.host - array.geometry.base as usize);
        }
        core.l2.close_directory(self.array);
        core.traffic.close(array.resource);
        Turn::Done(std::mem::replace(&mut self.outcome, Ok(())))
    }
}

impl Job for Close {
    fn turn(&mut self, core: &mut Core, id: u64) -> Turn {
        if self.flush.is_some() {
            self.write_back(core, id)
        } else {
            self.remove(core)
        }
    }

    fn end(&mut self, result: Result<()>) {
        reply(&self.reply, result);
    }
}
