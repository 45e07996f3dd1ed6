//! One recognized sequence and its read-ahead window.

use super::Prefetch;

/// The window of a new stream, in pages.
const FIRST_WINDOW_PAGES: u32 = 4;

/// Observations after which a stream that was not confirmed meanwhile is given up.
const MAX_IDLE: u64 = 512;

/// How many steps behind its furthest page, or beyond what was asked for, a page may lie and still
/// belong to the stream: parallel threads ask somewhat out of order.
const DISORDER_STEPS: i128 = 8;

/// Pages `base + step * stride`. Steps are 128-bit: no arithmetic on 64-bit pages and strides can
/// overflow.
#[derive(Debug)]
pub(super) struct Stream {
    base: u64,
    stride: i64,
    /// The furthest step that was asked for by the user of the array.
    furthest: i128,
    /// The first step that was not yet asked for ahead.
    frontier: i128,
    /// Pages seen, and the furthest step, when something was last asked for.
    seen_at_refill: u64,
    furthest_at_refill: i128,
    /// Pages of this stream that were seen.
    seen: u64,
    /// How many steps beyond the furthest one are to be asked for.
    window_pages: u32,
    /// Wasted pages less used ones, since the window last changed for it.
    wasted_pages: u32,
    last_use: u64,
}

impl Stream {
    /// A stream that has just come to `base`.
    pub fn new(base: u64, stride: i64, now: u64) -> Self {
        Self {
            base,
            stride,
            furthest: 0,
            frontier: 1,
            seen_at_refill: 0,
            furthest_at_refill: 0,
            seen: 0,
            window_pages: FIRST_WINDOW_PAGES,
            wasted_pages: 0,
            last_use: now,
        }
    }

    /// The observation that last confirmed it.
    pub fn last_use(&self) -> u64 {
        self.last_use
    }

    /// Whether it was not confirmed for so long that it has probably ended.
    pub fn is_idle(&self, now: u64) -> bool {
        now - self.last_use > MAX_IDLE
    }

    /// Whether its pages are neighbours.
    pub fn is_sequential(&self) -> bool {
        self.stride.abs() == 1
    }

    /// The page's step, if it can be a page of this stream about now.
    pub fn step_of(&self, page: u64) -> Option<i128> {
        let step = self.raw_step(page)?;
        let low = self.furthest - DISORDER_STEPS;
        let high = self.frontier + DISORDER_STEPS;
        (low..=high).contains(&step).then_some(step)
    }

    /// How far a step is from where the stream is.
    pub fn distance(&self, step: i128) -> u128 {
        step.abs_diff(self.furthest)
    }

    /// Whether the page was asked for ahead, on account of this stream.
    pub fn has_asked_for(&self, page: u64) -> bool {
        self.raw_step(page)
            .is_some_and(|step| (1..self.frontier).contains(&step))
    }

    /// The first window.
    pub fn start(&mut self, array_pages: u64, max_window_pages: u32) -> Option<Prefetch> {
        self.window_pages = self.window_pages.min(max_window_pages);
        self.ask(array_pages)
    }

    /// The user has come to this step. Once half of the window is used up the window doubles and
    /// is filled again, so that the user never comes to its end while the predictions hold.
    pub fn advance(
        &mut self,
        step: i128,
        now: u64,
        array_pages: u64,
        max_window_pages: u32,
    ) -> Option<Prefetch> {
        self.seen += 1;
        self.furthest = self.furthest.max(step);
        if !self.is_confirmed_by(step) {
            return None;
        }
        self.last_use = now;
        let pages_left = self.frontier - 1 - self.furthest;
        if pages_left > i128::from(self.window_pages / 2) {
            return None;
        }
        self.window_pages = self.window_pages.saturating_mul(2).min(max_window_pages);
        self.ask(array_pages)
    }

    /// Whether the user still follows the stream. Random pages fall into its range too, and must
    /// not keep it alive: either at least every other step since the last refill was seen, or all
    /// of them were hits that nobody showed us and this is the first step after them.
    fn is_confirmed_by(&self, step: i128) -> bool {
        let seen = i128::from(self.seen - self.seen_at_refill);
        step == self.frontier || seen * 2 >= self.furthest - self.furthest_at_refill
    }

    /// One more page that was read ahead was of use.
    pub fn page_used(&mut self) {
        self.wasted_pages = self.wasted_pages.saturating_sub(1);
    }

    /// One more was not. After half a window of such pages the window halves; true once it is so
    /// small that the stream is not worth following.
    pub fn page_wasted(&mut self) -> bool {
        self.wasted_pages += 1;
        if self.wasted_pages <= self.window_pages / 2 {
            return false;
        }
        self.wasted_pages = 0;
        self.window_pages /= 2;
        self.window_pages == 0
    }

    /// Asks for what lies between the frontier and the end of the window, within the array.
    fn ask(&mut self, array_pages: u64) -> Option<Prefetch> {
        let first = self.frontier.max(self.furthest + 1);
        let end = self.furthest + 1 + i128::from(self.window_pages);
        let end = end.min(self.end_step(array_pages));
        if first >= end {
            return None;
        }
        self.frontier = end;
        self.seen_at_refill = self.seen;
        self.furthest_at_refill = self.furthest;
        let first_page = i128::from(self.base) + first * i128::from(self.stride);
        Some(Prefetch {
            first_page: u64::try_from(first_page).ok()?,
            stride_pages: self.stride,
            // No more than the window.
            page_count: u32::try_from(end - first).ok()?,
        })
    }

    /// The first step whose page lies outside the array.
    fn end_step(&self, array_pages: u64) -> i128 {
        let (base, stride) = (i128::from(self.base), i128::from(self.stride));
        match stride > 0 {
            true => (i128::from(array_pages) - 1 - base) / stride + 1,
            false => base / -stride + 1,
        }
    }

    fn raw_step(&self, page: u64) -> Option<i128> {
        let distance = i128::from(page) - i128::from(self.base);
        let stride = i128::from(self.stride);
        (distance % stride == 0).then_some(distance / stride)
    }
}
