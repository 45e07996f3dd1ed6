//! Taking DIRTY pages out of L1: the first step of everything that wants to see what kernels wrote.

use crate::array::Placement;
use crate::l2::{L2State, PageKey};
use crate::service::core::Core;
use gpuio_core::Result;

/// Copies an array's DIRTY L1 pages to L2 (or to the array's own memory), page by page.
#[derive(Default)]
pub struct Pull {
    /// (L1 frame, page), the next one last; none until the first turn.
    pages: Option<Vec<(u32, u64)>>,
}

/// How far a pull is.
pub enum Pulled {
    /// All of it is done.
    All,
    /// There is no room in L2 right now.
    NoRoom,
}

impl Pull {
    /// Moves as many pages as L2 has room for. No kernel of the context runs.
    pub fn run(&mut self, core: &mut Core, array: u32) -> Result<Pulled> {
        let Some(table) = core.array(array).and_then(|it| it.placement.table()) else {
            return Ok(Pulled::All);
        };
        if self.pages.is_none() {
            self.pages = Some(core.l1.dirty_frames(array, table)?);
        }
        let pages = self.pages.get_or_insert_default();
        while let Some(&(frame, page)) = pages.last() {
            if !pull_page(core, PageKey { array, page }, frame)? {
                return Ok(Pulled::NoRoom);
            }
            core.l1.set_clean(table, page)?;
            pages.pop();
        }
        Ok(Pulled::All)
    }
}

/// Returns false if L2 has no room.
fn pull_page(core: &mut Core, key: PageKey, l1_frame: u32) -> Result<bool> {
    let mapped = core
        .array(key.array)
        .and_then(|array| match array.placement {
            Placement::CachedMapped { mapped, .. } => Some(mapped),
            _ => None,
        });
    let l2_frame = match mapped {
        Some(_) => None,
        None => core.frame_to_overwrite(key)?,
    };
    let target = match (mapped, l2_frame) {
        (Some(mapped), _) => mapped.host + (key.page * core.page_bytes) as usize,
        (None, Some(frame)) => core.l2.host_address(frame),
        (None, None) => return Ok(false),
    };
    let source = core.l1.frame_address(l1_frame).unwrap_or(0);
    // SAFETY: the frame is L1's own; the target is a whole L2 frame that is LOADING or resident,
    // or a whole page of mapped memory; no kernel runs.
    let copied = unsafe {
        core.device
            .copy_to_host(target, source, core.page_bytes as usize)
    };
    if let Some(frame) = l2_frame {
        match &copied {
            Ok(()) => core.l2.set_dirty(frame),
            Err(_) if core.l2.state(frame) == L2State::Loading => core.l2.discard(frame),
            Err(_) => {}
        }
        core.serve_waiters(frame);
    }
    copied.map(|()| true)
}
