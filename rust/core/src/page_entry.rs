//! The page-table entry as the host sees it: the mirror of
//! `cpp/include/gpuio/device/page_entry.hpp`, where the layout and its rules are explained.
//!
//! The host writes entries only while no kernel runs, so nothing here is atomic.

/// The state of a page near the device: the specification's cache states, BUSY, OWNED and
/// REDIRTIED.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum PageState {
    /// Not there.
    Invalid = 0,
    /// Being filled, and nobody waits for it.
    Busy = 2,
    /// Being filled for a thread that waits.
    Owned = 3,
    /// There, and the same as below.
    Valid = 4,
    /// There, and newer than below.
    Dirty = 5,
    /// There, and being written back.
    Flushing = 6,
    /// There, being written back, and written to meanwhile.
    Redirtied = 7,
}

const STATE_MASK: u64 = 7;
const RESIDENT: u64 = 4;
const ACCESSED: u64 = 8;
const VERSION_SHIFT: u32 = 4;
const VERSION_MASK: u64 = (1 << 14) - 1;
const PINS_SHIFT: u32 = 18;
const PINS_MASK: u64 = (1 << 20) - 1;
const FRAME_SHIFT: u32 = 38;

/// Frames a page table can name.
pub const MAX_L1_FRAMES: u64 = 1 << 26;

/// One page-table word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageEntry(pub u64);

impl PageEntry {
    /// A page that is there, unpinned.
    pub fn valid(frame: u32, version: u32) -> Self {
        Self(
            PageState::Valid as u64
                | u64::from(frame) << FRAME_SHIFT
                | (u64::from(version) & VERSION_MASK) << VERSION_SHIFT,
        )
    }

    /// The state; `None` for a word no code writes.
    pub fn state(self) -> Option<PageState> {
        Some(match self.0 & STATE_MASK {
            0 => PageState::Invalid,
            2 => PageState::Busy,
            3 => PageState::Owned,
            4 => PageState::Valid,
            5 => PageState::Dirty,
            6 => PageState::Flushing,
            7 => PageState::Redirtied,
            _ => return None,
        })
    }

    /// Whether the frame holds the page's bytes.
    pub fn is_resident(self) -> bool {
        self.0 & RESIDENT != 0
    }

    /// Whether the page is being filled.
    pub fn is_busy(self) -> bool {
        matches!(self.state(), Some(PageState::Busy | PageState::Owned))
    }

    /// Of a resident page: whether it was used since the CLOCK hand last passed.
    pub fn accessed(self) -> bool {
        self.0 & ACCESSED != 0
    }

    /// The frame.
    pub fn frame(self) -> u32 {
        (self.0 >> FRAME_SHIFT) as u32
    }

    /// How often the page was evicted, modulo 2^14.
    pub fn version(self) -> u32 {
        (self.0 >> VERSION_SHIFT & VERSION_MASK) as u32
    }

    /// Accesses that need the page to stay.
    pub fn pins(self) -> u64 {
        self.0 >> PINS_SHIFT & PINS_MASK
    }

    /// The same page with nobody using it.
    #[must_use]
    pub fn without_pins(self) -> Self {
        Self(self.0 & !(PINS_MASK << PINS_SHIFT))
    }

    /// The same page in another state.
    #[must_use]
    pub fn with_state(self, state: PageState) -> Self {
        Self(self.0 & !STATE_MASK | state as u64)
    }

    /// The entry after an eviction: INVALID, no frame, the version one up.
    #[must_use]
    pub fn evicted(self) -> Self {
        Self(((u64::from(self.version()) + 1) & VERSION_MASK) << VERSION_SHIFT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_disturb_each_other() {
        let entry = PageEntry::valid(0x2ab_cdef, 0x1a5a);
        assert_eq!((entry.frame(), entry.version()), (0x2ab_cdef, 0x1a5a));
        assert_eq!((entry.pins(), entry.accessed()), (0, false));
        let dirty = entry.with_state(PageState::Dirty);
        assert_eq!(dirty.state(), Some(PageState::Dirty));
        assert_eq!(dirty.frame(), entry.frame());
        assert!(dirty.is_resident());
        let pinned = PageEntry(dirty.0 | 5 << PINS_SHIFT);
        assert_eq!((pinned.pins(), pinned.without_pins()), (5, dirty));
    }

    #[test]
    fn eviction_raises_the_version_and_wraps() {
        let last = PageEntry::valid(7, 0x3fff);
        assert_eq!(last.evicted(), PageEntry(0));
        let next = PageEntry::valid(7, 3).evicted();
        assert_eq!(
            (next.state(), next.version()),
            (Some(PageState::Invalid), 4)
        );
        assert!(!next.is_resident());
    }
}
