//! Read-ahead: what is recognized, what is asked for and when, and what never is.

use gpuio_core::prefetch::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const ARRAY: u64 = 1 << 30;

/// Shows the detector these pages; returns what it asked for after each.
fn observe(detector: &mut SequenceDetector, pages: impl IntoIterator<Item = u64>) -> Vec<Prefetch> {
    pages
        .into_iter()
        .filter_map(|page| detector.observe(page))
        .collect()
}

fn asked_pages(prefetches: &[Prefetch]) -> Vec<u64> {
    prefetches
        .iter()
        .flat_map(|prefetch| prefetch.pages())
        .collect()
}

/// A small generator, so that a figure in a test is the same in each run.
fn random_pages(seed: u64, below: u64) -> impl Iterator<Item = u64> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    })
}

/// The pages of one sequence.
#[derive(Clone, Debug)]
struct Sequence {
    base: u64,
    stride: i64,
    count: u64,
}

impl Sequence {
    fn pages(&self) -> impl Iterator<Item = u64> + '_ {
        (0..self.count).map(|n| self.base.wrapping_add_signed(self.stride * n as i64))
    }
}

#[test]
fn a_sequential_stream_is_asked_for_in_doubling_windows_before_it_is_needed() {
    let mut detector = SequenceDetector::new(ARRAY, 32);
    assert_eq!(observe(&mut detector, [100, 101]), []);
    let first = Prefetch {
        first_page: 103,
        stride_pages: 1,
        page_count: 4,
    };
    assert_eq!(detector.observe(102), Some(first));
    assert_eq!(detector.observe(103), None);
    // Half of the first window is used: now up to eight ahead, the next time sixteen.
    let second = Prefetch {
        first_page: 107,
        stride_pages: 1,
        page_count: 6,
    };
    assert_eq!(detector.observe(104), Some(second));
    assert_eq!(observe(&mut detector, 105..108), []);
    let third = Prefetch {
        first_page: 113,
        stride_pages: 1,
        page_count: 12,
    };
    assert_eq!(detector.observe(108), Some(third));
    // Then the maximum: half of it at a time.
    let steady = observe(&mut detector, 109..400);
    assert!(
        steady[1..].iter().all(|prefetch| prefetch.page_count == 16),
        "{steady:?}"
    );
}

#[test]
fn strides_need_one_more_page_and_may_be_negative() {
    for stride in [-1000i64, -3, 3, 1 << 40] {
        let array = u64::MAX;
        let mut detector = SequenceDetector::new(array, 8);
        let base = array / 2;
        let at = |n: i64| base.wrapping_add_signed(stride * n);
        assert_eq!(observe(&mut detector, (0..3).map(at)), []);
        let first = Prefetch {
            first_page: at(4),
            stride_pages: stride,
            page_count: 4,
        };
        assert_eq!(detector.observe(at(3)), Some(first));
        assert_eq!(
            first.pages().collect::<Vec<_>>(),
            (4..8).map(at).collect::<Vec<_>>()
        );
    }
    let mut detector = SequenceDetector::new(ARRAY, 8);
    assert_eq!(
        asked_pages(&observe(&mut detector, [12, 11, 10])),
        [9, 8, 7, 6]
    );
}

#[test]
fn nothing_is_asked_for_beyond_either_end() {
    let mut detector = SequenceDetector::new(10, 64);
    assert_eq!(
        asked_pages(&observe(&mut detector, 0..10)),
        (3..10).collect::<Vec<_>>()
    );
    let mut detector = SequenceDetector::new(10, 64);
    let asked = asked_pages(&observe(&mut detector, (0..10).rev()));
    assert_eq!(asked, (0..7).rev().collect::<Vec<_>>());
    let mut detector = SequenceDetector::new(10, 64);
    assert_eq!(observe(&mut detector, [7, 8, 9]), []);
    assert_eq!(observe(&mut detector, [10, 11, 12, u64::MAX]), []);
    let mut detector = SequenceDetector::new(u64::MAX, 64);
    assert_eq!(
        asked_pages(&observe(&mut detector, u64::MAX - 6..u64::MAX)).len(),
        3
    );
}

#[test]
fn a_window_of_no_pages_turns_it_off() {
    assert_eq!(observe(&mut SequenceDetector::new(ARRAY, 0), 0..1000), []);
    assert_eq!(observe(&mut SequenceDetector::new(0, 8), 0..1000), []);
    let one = observe(&mut SequenceDetector::new(ARRAY, 1), 0..1000);
    assert_eq!(asked_pages(&one), (3..=1000).collect::<Vec<_>>());
}

#[test]
fn a_stream_goes_on_when_only_its_misses_are_seen() {
    let mut detector = SequenceDetector::new(ARRAY, 64);
    let mut ready: BTreeSet<u64> = BTreeSet::new();
    let mut misses = 0;
    for page in 0..10_000 {
        if !ready.contains(&page) {
            misses += 1;
            ready.extend(asked_pages(detector.observe(page).as_slice()));
        }
    }
    assert!(misses < 3 + 10_000 / 64 + 10, "{misses} misses");
}

#[test]
fn a_warps_disorder_does_not_hide_a_sequence() {
    let mut detector = SequenceDetector::new(ARRAY, 64);
    let order = [2, 0, 3, 1, 5, 4, 7, 6];
    let pages = (0..1000).flat_map(|block| order.map(|lane| block * 8 + lane));
    let asked = asked_pages(&observe(&mut detector, pages));
    let distinct: BTreeSet<u64> = asked.iter().copied().collect();
    assert!(distinct.range(..8000).count() > 7900, "{}", distinct.len());
    assert!(
        asked.len() < 8100,
        "{}: asked for again and again",
        asked.len()
    );
}

#[test]
fn the_stream_that_rested_longest_makes_room() {
    let mut detector = SequenceDetector::new(ARRAY, 16);
    let page = |stream: u64, n: u64| stream * stream * 12_345 + n;
    for stream in 0..=MAX_STREAMS as u64 {
        assert_eq!(
            observe(&mut detector, (0..3).map(|n| page(stream, n))).len(),
            1
        );
    }
    // The first is forgotten, the second is followed still.
    assert_eq!(observe(&mut detector, [page(0, 3), page(0, 4)]), []);
    assert_eq!(observe(&mut detector, [page(1, 3), page(1, 4)]).len(), 1);
}

#[test]
fn many_streams_run_at_once_and_random_pages_do_not_disturb_them() {
    let count = MAX_STREAMS as u64 / 2;
    let mut detector = SequenceDetector::new(ARRAY, 16);
    let mut random = random_pages(3, ARRAY);
    let mut asked = BTreeSet::new();
    for n in 0..200 {
        for stream in 0..count {
            asked.extend(asked_pages(
                detector.observe(stream * 1_000_000 + n).as_slice(),
            ));
            if stream % 4 == 0 {
                asked.extend(asked_pages(
                    detector.observe(random.next().unwrap()).as_slice(),
                ));
            }
        }
    }
    for stream in 0..count {
        let base = stream * 1_000_000;
        assert!(
            asked.range(base..base + 200).count() >= 195,
            "stream {stream}"
        );
    }
}

#[test]
fn threads_with_parts_of_equal_length_are_read_ahead_part_by_part() {
    let (parts, part_pages) = (20, 10_000);
    let mut detector = SequenceDetector::new(parts * part_pages, 16);
    let round = |n: u64| (0..parts).map(move |part| part * part_pages + n);
    observe(&mut detector, (0..4).flat_map(round));
    let later = observe(&mut detector, (4..100).flat_map(round));
    assert!(
        later.iter().all(|prefetch| prefetch.stride_pages == 1),
        "{later:?}"
    );
    let asked: BTreeSet<u64> = asked_pages(&later).into_iter().collect();
    assert!((20..100).flat_map(round).all(|page| asked.contains(&page)));
}

#[test]
fn random_pages_are_hardly_ever_read_ahead() {
    for (array, most_percent) in [(1_000, 5), (4_000, 1), (1 << 20, 0)] {
        let mut detector = SequenceDetector::new(array, 128);
        let asked = asked_pages(&observe(
            &mut detector,
            random_pages(7, array).take(100_000),
        ));
        assert!(
            asked.len() <= 1_000 * most_percent,
            "{array}: {}",
            asked.len()
        );
    }
}

#[test]
fn waste_shrinks_the_window_and_then_ends_the_stream() {
    let mut detector = SequenceDetector::new(ARRAY, 64);
    let asked = asked_pages(&observe(&mut detector, 0..100));
    let unused: Vec<u64> = asked.into_iter().filter(|page| *page >= 100).collect();
    let largest = |detector: &mut SequenceDetector, pages: std::ops::Range<u64>| {
        observe(detector, pages)
            .iter()
            .map(|prefetch| prefetch.page_count)
            .max()
    };
    for page in &unused[..40] {
        detector.feedback(*page, Outcome::Wasted);
        detector.feedback(*page, Outcome::Used);
    }
    assert_eq!(
        largest(&mut detector, 100..140),
        Some(32),
        "as many used as wasted: as before"
    );
    (0..4).for_each(|_| {
        unused
            .iter()
            .for_each(|page| detector.feedback(*page, Outcome::Wasted))
    });
    // The stream is gone; two pages do not make a new one, the third does, from the start.
    assert_eq!(largest(&mut detector, 140..142), None);
    assert_eq!(largest(&mut detector, 142..143), Some(4));
    // Pages that were never asked for say nothing.
    (0..1000).for_each(|_| detector.feedback(1 << 20, Outcome::Wasted));
    assert_eq!(largest(&mut detector, 143..146), Some(6));
}

fn sequences() -> impl Strategy<Value = Vec<Sequence>> {
    let stride = prop_oneof![Just(1i64), Just(-1), 2..500i64, -500..-1i64];
    let sequence = (0u64..1 << 20, stride, 20u64..200).prop_map(|(base, stride, count)| Sequence {
        base: base + (1 << 28),
        stride,
        count,
    });
    prop::collection::vec(sequence, 1..6)
}

proptest! {
    /// Interleaved sequences: all but the first few pages of each are asked for before their turn.
    #[test]
    fn interleaved_sequences_are_all_found(sequences in sequences()) {
        let mut detector = SequenceDetector::new(ARRAY, 16);
        let mut asked = BTreeSet::new();
        let mut late = BTreeMap::new();
        for n in 0..200 {
            for (index, sequence) in sequences.iter().enumerate() {
                if let Some(page) = sequence.pages().nth(n) {
                    *late.entry(index).or_insert(0) += u32::from(!asked.contains(&page));
                    asked.extend(asked_pages(detector.observe(page).as_slice()));
                }
            }
        }
        // Where sequences cross, one can take the other's page; each loses few.
        prop_assert!(late.values().all(|count| *count <= 16), "{:?}", late);
    }

    #[test]
    fn a_lone_sequence_is_asked_for_once_and_never_further_than_the_window(
        stride in prop_oneof![Just(1i64), Just(-1), 2..500i64, -500..-1i64],
        max_window in 1u32..100,
    ) {
        let sequence = Sequence { base: 1 << 29, stride, count: 300 };
        let mut detector = SequenceDetector::new(ARRAY, max_window);
        let mut asked = BTreeSet::new();
        for (n, page) in sequence.pages().enumerate() {
            prop_assert!(n < 4 || asked.contains(&page), "page {} came too late", n);
            for ahead in asked_pages(detector.observe(page).as_slice()) {
                prop_assert!(asked.insert(ahead), "page {} twice", ahead);
                let distance = (ahead as i64 - page as i64) / stride;
                prop_assert!((1..=i64::from(max_window)).contains(&distance), "{}", distance);
            }
        }
    }

    #[test]
    fn whatever_is_observed_what_is_asked_for_lies_in_the_array(
        array in prop_oneof![0u64..100, Just(u64::MAX), any::<u64>()],
        max_window in prop_oneof![0u32..40, Just(u32::MAX)],
        pages in prop::collection::vec((any::<u64>(), 1u64..6, -3i64..4, any::<bool>()), 0..60),
    ) {
        let mut detector = SequenceDetector::new(array, max_window);
        for (page, count, stride, far) in pages {
            let stride = if far { stride << 60 } else { stride };
            let page = if far { page } else { page % array.max(1) };
            for n in 0..count as i64 {
                let here = page.wrapping_add_signed(stride.wrapping_mul(n));
                if let Some(prefetch) = detector.observe(here) {
                    prop_assert!((1..=max_window).contains(&prefetch.page_count));
                    let last = i128::from(prefetch.first_page)
                        + i128::from(prefetch.stride_pages) * i128::from(prefetch.page_count - 1);
                    prop_assert!(prefetch.first_page < array);
                    prop_assert!((0..i128::from(array)).contains(&last));
                    detector.feedback(prefetch.first_page, Outcome::Wasted);
                }
                detector.feedback(here, Outcome::Used);
            }
        }
    }
}
