//! What of a batch has to wait for what.
//!
//! Two parts *meet* if they share bytes, of a resource or of memory, and one of them writes those.
//! A part's stage is later than the stages of all parts before it in the list that it meets. So if
//! each stage ends before the next begins, the batch does what its list says.

use super::plan::BatchPart;
use crate::scheduling::RequestKind;
use std::collections::BTreeMap;
use std::ops::Range;

/// Where addresses are counted from: memory is one space, each resource is another.
type Space = u64;
const MEMORY: Space = 0;

/// Bytes that a part touches.
struct Access {
    space: Space,
    bytes: Range<u64>,
    writes: bool,
}

/// A part's accesses, to its resource and to its memory: what it reads from one it writes to the
/// other.
fn accesses(part: &BatchPart) -> [Access; 2] {
    let writes_resource = part.kind == RequestKind::Write;
    let access = |space, first, writes| Access {
        space,
        bytes: first..first + part.length_bytes,
        writes,
    };
    let resource = 1 + Space::from(part.resource.0);
    [
        access(resource, part.offset, writes_resource),
        access(MEMORY, part.memory, !writes_resource),
    ]
}

/// The stage of each part, from 0; none if all parts are of the first.
pub(super) fn stages(parts: &[BatchPart]) -> Vec<u32> {
    if !any_meet(parts) {
        return Vec::new();
    }
    let mut touched = Touched::default();
    let stages = parts.iter().map(|part| {
        let accesses = accesses(part);
        let earliest = accesses.iter().map(|it| touched.earliest(it)).max();
        let stage = earliest.unwrap_or_default();
        accesses.iter().for_each(|it| touched.touch(it, stage));
        stage
    });
    stages.collect()
}

/// Whether any two parts meet. Most batches are in order of memory, and only read: then this is one
/// look at each part.
fn any_meet(parts: &[BatchPart]) -> bool {
    let sorted = |which: fn([Access; 2]) -> Access| {
        let mut all: Vec<Access> = parts.iter().map(|part| which(accesses(part))).collect();
        all.sort_unstable_by_key(|it| (it.space, it.bytes.start));
        all
    };
    let writes_resources = parts.iter().any(|part| part.kind == RequestKind::Write);
    neighbours_meet(&sorted(|[_, memory]| memory))
        || (writes_resources && neighbours_meet(&sorted(|[resource, _]| resource)))
}

/// Whether any two of these, in order of space and first byte, share bytes that one writes.
fn neighbours_meet(accesses: &[Access]) -> bool {
    let (mut space, mut end, mut written_end) = (MEMORY, 0, 0);
    for it in accesses {
        if it.space != space {
            (space, end, written_end) = (it.space, 0, 0);
        }
        let reach = if it.writes { end } else { written_end };
        if it.bytes.start < reach {
            return true;
        }
        end = end.max(it.bytes.end);
        if it.writes {
            written_end = written_end.max(it.bytes.end);
        }
    }
    false
}

/// The last stages that touched a stretch of bytes, counted from 1; 0 for none.
#[derive(Clone, Copy)]
struct Stretch {
    end: u64,
    read: u32,
    written: u32,
}

/// What was touched so far: stretches that do not overlap, by space and first byte.
#[derive(Default)]
struct Touched(BTreeMap<(Space, u64), Stretch>);

impl Touched {
    /// Stretches that share bytes with this, the last first.
    fn overlapping<'a>(
        &'a self,
        access: &'a Access,
    ) -> impl Iterator<Item = (u64, Stretch)> + use<'a> {
        let before_end = self.0.range(..(access.space, access.bytes.end)).rev();
        before_end
            .take_while(|((space, _), it)| *space == access.space && it.end > access.bytes.start)
            .map(|((_, start), it)| (*start, *it))
    }

    /// The first stage that may touch these bytes so.
    fn earliest(&self, access: &Access) -> u32 {
        let after = |it: Stretch| match access.writes {
            true => it.read.max(it.written),
            false => it.written,
        };
        let stages = self.overlapping(access).map(|(_, it)| after(it));
        stages.max().unwrap_or_default()
    }

    /// A part of this stage touches these bytes. They become one stretch, so that the time for all
    /// parts stays short: where only some of them had been written, a later part may wait for a
    /// stage that it need not wait for.
    fn touch(&mut self, access: &Access, stage: u32) {
        let (space, Range { start, end }) = (access.space, access.bytes.clone());
        let old: Vec<_> = self.overlapping(access).collect();
        let mut whole = Stretch {
            end,
            read: 0,
            written: 0,
        };
        for (first, it) in old {
            self.0.remove(&(space, first));
            if first < start {
                self.0.insert((space, first), Stretch { end: start, ..it });
            }
            if it.end > end {
                self.0.insert((space, end), it);
            }
            whole.read = whole.read.max(it.read);
            whole.written = whole.written.max(it.written);
        }
        match access.writes {
            true => whole.written = stage + 1,
            false => whole.read = whole.read.max(stage + 1),
        }
        self.0.insert((space, start), whole);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheduling::{DeviceId, EngineKind, RegionId};
    use proptest::prelude::*;

    fn part(kind: RequestKind, resource: u32, offset: u64, length: u64, memory: u64) -> BatchPart {
        BatchPart {
            kind,
            engine: EngineKind::Localio,
            device: DeviceId(0),
            resource: RegionId(resource),
            offset,
            length_bytes: length,
            memory,
        }
    }

    fn meet(one: &BatchPart, other: &BatchPart) -> bool {
        let (one, other) = (accesses(one), accesses(other));
        let shares = |a: &Access, b: &Access| {
            a.space == b.space && a.bytes.start < b.bytes.end && b.bytes.start < a.bytes.end
        };
        let meets = |a: &Access, b: &Access| shares(a, b) && (a.writes || b.writes);
        one.iter().any(|a| other.iter().any(|b| meets(a, b)))
    }

    /// `room`: how many bytes there are of each space; the smaller, the more parts meet.
    fn parts(room: u64) -> impl Strategy<Value = Vec<BatchPart>> {
        let part = (any::<bool>(), 0u32..2, 0..room, 1u64..40, 0..room);
        let part = part.prop_map(|(writes, resource, offset, length, memory)| {
            let kind = match writes {
                true => RequestKind::Write,
                false => RequestKind::Read,
            };
            self::part(kind, resource, offset, length, memory)
        });
        prop::collection::vec(part, 1..50)
    }

    proptest! {
        #[test]
        fn a_part_comes_after_all_before_it_that_it_meets(
            parts in prop_oneof![parts(60), parts(1000), parts(100_000)],
        ) {
            let stages = stages(&parts);
            let pairs = (0..parts.len()).flat_map(|b| (0..b).map(move |a| (a, b)));
            let meeting: Vec<_> = pairs.filter(|(a, b)| meet(&parts[*a], &parts[*b])).collect();
            prop_assert_eq!(stages.is_empty(), meeting.is_empty());
            for (a, b) in meeting {
                prop_assert!(stages[a] < stages[b], "{a} {b} {stages:?}");
            }
        }
    }

    #[test]
    fn what_need_not_wait_does_not() {
        use RequestKind::{Read, Write};
        // Reads of the same bytes; a write beside them; then one over the first half of them.
        let list = [
            part(Read, 1, 0, 100, 0),
            part(Read, 1, 0, 100, 100),
            part(Write, 1, 100, 50, 200),
        ];
        assert_eq!(stages(&list), []);
        let list = [&list[..], &[part(Write, 1, 0, 50, 300)]].concat();
        assert_eq!(stages(&list), [0, 0, 0, 1]);
        // Of another resource, nothing waits; of the same, what reads what was written.
        let more = [part(Read, 2, 0, 50, 400), part(Read, 1, 40, 20, 500)];
        assert_eq!(stages(&[&list[..], &more].concat()), [0, 0, 0, 1, 0, 2]);
        // Memory counts, too: what is written was read before.
        let chain = [part(Read, 1, 0, 10, 0), part(Write, 2, 0, 10, 5)];
        assert_eq!(stages(&chain), [0, 1]);
    }
}
