//! Prefetch: pages are brought to L2 because the host says they will be wanted.

use super::{Job, Turn};
use crate::service::core::Core;
use crate::service::loads::Ahead;
use gpuio_core::scheduling::RequestClass;
use gpuio_core::Result;
use std::ops::Range;

/// Brings a range of pages to L2, a stretch a turn. A hint: it ends quietly when L2 is as full as
/// it should get by it, and failures are left to the accesses that follow.
pub struct Prefetch {
    array: u32,
    pages: Range<u64>,
}

/// Pages started in one turn.
const PAGES_A_TURN: u64 = 256;

impl Prefetch {
    /// At most three quarters of L2 are filled: prefetched pages must not push each other out.
    pub fn new(core: &Core, array: u32, pages: Range<u64>) -> Self {
        let most = u64::from(core.l2.frame_count()) * 3 / 4;
        let end = pages.end.min(pages.start.saturating_add(most));
        Self {
            array,
            pages: pages.start..end,
        }
    }
}

impl Job for Prefetch {
    fn turn(&mut self, core: &mut Core, _id: u64) -> Turn {
        let caches = core.array(self.array).is_some_and(|array| {
            array.placement.table().is_some() && array.placement.mapped().is_none()
        });
        if !caches || self.pages.is_empty() {
            return Turn::Done(Ok(()));
        }
        if core.own_errands > 0 {
            return Turn::Waiting; // one stretch at a time: demand comes first
        }
        let stretch = self.pages.start..self.pages.end.min(self.pages.start + PAGES_A_TURN);
        self.pages.start = stretch.end;
        core.read_ahead(self.array, stretch, RequestClass::Background, Ahead::Asked);
        Turn::Advanced
    }

    fn end(&mut self, _result: Result<()>) {}
}
