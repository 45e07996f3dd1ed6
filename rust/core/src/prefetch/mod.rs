//! Read-ahead: recognizes sequences in the pages that one array's faults ask for.
//!
//! Several sequences may run at once, forwards or backwards, page by page or with a constant
//! stride, mixed with one another and with random pages; parallel threads may also ask somewhat
//! out of order. Each recognized stream is read ahead by a window that doubles while the
//! prediction holds and halves when pages turn out to have been read in vain.

mod stream;

use stream::Stream;

/// Most streams that are followed at once; the one that was not used for the longest time goes.
pub const MAX_STREAMS: usize = 32;

/// How many of the latest pages that belong to no stream are remembered, to find new streams.
pub const MAX_HISTORY: usize = 64;

/// An array of fewer pages than `MAX_HISTORY` times this has a shorter history: the fewer pages,
/// the more sequences are there by chance. So random use of 1000 pages has 4 % read in vain, where
/// the whole history would have 13 %.
const ARRAY_PAGES_PER_HISTORY: u64 = 32;

/// The latest half of the history is searched for strided streams: chance makes those more often.
const STRIDED_HISTORY_DIVISOR: usize = 2;

/// Equal steps that make a stream of neighbouring pages.
const SEQUENTIAL_STEPS: usize = 2;

/// Equal steps that make a strided stream. One more, for among random pages of a small array
/// chance makes three in a row often.
const STRIDED_STEPS: usize = 3;

/// Pages worth reading ahead: `first_page`, `first_page + stride_pages`, ..., `page_count` of
/// them. All lie in the array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefetch {
    /// The first page.
    pub first_page: u64,
    /// The distance from one page to the next; negative when the array is read backwards.
    pub stride_pages: i64,
    /// How many pages; at least 1.
    pub page_count: u32,
}

impl Prefetch {
    /// The pages, in the order in which they will be wanted.
    pub fn pages(self) -> impl Iterator<Item = u64> {
        let at = move |step| {
            self.first_page
                .wrapping_add_signed(self.stride_pages * step)
        };
        (0..i64::from(self.page_count)).map(at)
    }
}

/// What became of a page that was read ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was asked for while it was there.
    Used,
    /// It gave way before anybody asked for it.
    Wasted,
}

/// Finds streams in the pages of one array.
///
/// Memory and work are bounded by [`MAX_STREAMS`] and [`MAX_HISTORY`], whatever is observed.
#[derive(Debug)]
pub struct SequenceDetector {
    array_pages: u64,
    max_window_pages: u32,
    streams: Vec<Stream>,
    /// The latest pages outside all streams, oldest first, each once.
    history: Vec<u64>,
    history_limit: usize,
    /// Counts observations; the streams' clock.
    now: u64,
}

impl SequenceDetector {
    /// A detector for an array of `array_pages` pages that reads at most `max_window_pages`
    /// ahead of each stream; 0 turns it off.
    pub fn new(array_pages: u64, max_window_pages: u32) -> Self {
        let history_limit = (array_pages / ARRAY_PAGES_PER_HISTORY).min(MAX_HISTORY as u64);
        Self {
            array_pages,
            max_window_pages,
            // Below the cast's limit; never too short to find a strided stream at all.
            history_limit: (history_limit as usize).max(STRIDED_STEPS * STRIDED_HISTORY_DIVISOR),
            streams: Vec::with_capacity(MAX_STREAMS),
            history: Vec::with_capacity(MAX_HISTORY),
            now: 0,
        }
    }

    /// Takes note of a page that was asked for; says what to read ahead now, if anything.
    ///
    /// Works whether it is told of every use or only of those that missed: a stream goes on from
    /// any page of what was read ahead for it, and from the first ones after.
    pub fn observe(&mut self, page: u64) -> Option<Prefetch> {
        if page >= self.array_pages || self.max_window_pages == 0 {
            return None;
        }
        self.now += 1;
        if let Some((index, step)) = self.nearest_stream(page) {
            // Many threads that each read a part of their own, all parts equally long, look
            // strided across the parts. They are better read ahead part by part, so a page that a
            // strided stream explains still counts towards a sequential one.
            if !self.streams[index].is_sequential() {
                self.remember(page);
            }
            let (now, array_pages) = (self.now, self.array_pages);
            return self.streams[index].advance(step, now, array_pages, self.max_window_pages);
        }
        let sequential = self.sequence_that_ends_at(page);
        let stride = sequential.or_else(|| self.stride_that_ends_at(page));
        self.remember(page);
        self.follow(Stream::new(page, stride?, self.now))
    }

    /// Takes note of what became of a page that was read ahead.
    pub fn feedback(&mut self, page: u64, outcome: Outcome) {
        let owner = self
            .streams
            .iter()
            .position(|stream| stream.has_asked_for(page));
        let Some(index) = owner else {
            return;
        };
        let stream = &mut self.streams[index];
        match outcome {
            Outcome::Used => stream.page_used(),
            Outcome::Wasted if stream.page_wasted() => {
                self.streams.swap_remove(index);
            }
            Outcome::Wasted => {}
        }
    }

    /// The stream to which the page belongs, and its step there.
    fn nearest_stream(&self, page: u64) -> Option<(usize, i128)> {
        self.streams
            .iter()
            .enumerate()
            .filter(|(_, stream)| !stream.is_idle(self.now))
            .filter_map(|(index, stream)| stream.step_of(page).map(|step| (index, step)))
            .min_by_key(|&(index, step)| self.streams[index].distance(step))
    }

    /// 1 or -1 if the page continues neighbouring pages of the history.
    fn sequence_that_ends_at(&self, page: u64) -> Option<i64> {
        [1, -1].into_iter().find(|stride| {
            let before = page.checked_add_signed(-stride);
            before.is_some_and(|last| has_sequence(&self.history, last, *stride, SEQUENTIAL_STEPS))
        })
    }

    /// The stride of a sequence in the latest part of the history whose next page is this one.
    fn stride_that_ends_at(&self, page: u64) -> Option<i64> {
        let strided_limit = self.history_limit / STRIDED_HISTORY_DIVISOR;
        let recent = &self.history[self.history.len().saturating_sub(strided_limit)..];
        // The latest first: of several explanations the freshest is the likeliest.
        recent.iter().rev().find_map(|&before| {
            let stride = i64::try_from(i128::from(page) - i128::from(before)).ok()?;
            let is_stride = stride != 0 && has_sequence(recent, before, stride, STRIDED_STEPS);
            is_stride.then_some(stride)
        })
    }

    fn remember(&mut self, page: u64) {
        if let Some(earlier) = self.history.iter().position(|&past| past == page) {
            self.history.remove(earlier);
        } else if self.history.len() == self.history_limit {
            self.history.remove(0);
        }
        self.history.push(page);
    }

    /// Follows a new stream from its first window on.
    fn follow(&mut self, mut stream: Stream) -> Option<Prefetch> {
        let prefetch = stream.start(self.array_pages, self.max_window_pages);
        let now = self.now;
        self.streams.retain(|stream| !stream.is_idle(now));
        if self.streams.len() < MAX_STREAMS {
            self.streams.push(stream);
        } else if let Some(idlest) = self
            .streams
            .iter_mut()
            .min_by_key(|stream| stream.last_use())
        {
            *idlest = stream;
        }
        prefetch
    }
}

/// Whether `count` pages that end with `last` and lie `stride` apart stand in the history, in
/// this order though perhaps with others between them.
fn has_sequence(history: &[u64], last: u64, stride: i64, count: usize) -> bool {
    let mut end = history.len();
    let mut wanted = Some(last);
    for _ in 0..count {
        let Some(page) = wanted else {
            return false;
        };
        let Some(at) = history[..end].iter().position(|&past| past == page) else {
            return false;
        };
        end = at;
        // The least i64 has no opposite: no sequence has that stride.
        wanted = stride
            .checked_neg()
            .and_then(|back| page.checked_add_signed(back));
    }
    true
}
