//! What of a batch has to wait for what.
//!
//! Two parts *meet* if they share bytes of a space and one of them writes those.
//! A part's stage is later than the stages of all parts before it in the list that it meets. So if
//! each stage ends before the next begins, the batch does what its list says.

use super::part::{BatchPart, BatchPlace};
use std::collections::BTreeMap;
use std::ops::Range;

/// The number of a space: they are compared all the time.
type Space = u64;
const MEMORY: Space = 0;

/// Bytes that a part touches.
struct Access {
    space: Space,
    bytes: Range<u64>,
    writes: bool,
}

/// A part's accesses: what it reads at one end it writes to the other.
fn accesses(part: &BatchPart) -> [Access; 2] {
    let access = |at: BatchPlace, writes| Access {
        space: at.space.number(),
        bytes: at.first..at.first + part.length_bytes,
        writes,
    };
    [access(part.src, false), access(part.dst, true)]
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
/// look at each part, as what lies elsewhere is not looked at unless some of it is written.
fn any_meet(parts: &[BatchPart]) -> bool {
    let in_memory = |it: &BatchPlace| it.space.number() == MEMORY;
    let writes_elsewhere = parts.iter().any(|part| !in_memory(&part.dst));
    let (mut memory, mut elsewhere) = (Vec::with_capacity(parts.len()), Vec::new());
    for part in parts {
        let [src, dst] = accesses(part);
        for access in [src, dst] {
            if access.space == MEMORY {
                memory.push(access);
            } else if writes_elsewhere {
                elsewhere.push(access);
            }
        }
    }
    neighbours_meet(memory) || neighbours_meet(elsewhere)
}

/// Whether any two of these share bytes that one writes.
fn neighbours_meet(mut accesses: Vec<Access>) -> bool {
    accesses.sort_unstable_by_key(|it| (it.space, it.bytes.start));
    let (mut space, mut end, mut written_end) = (MEMORY, 0, 0);
    for it in &accesses {
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
    use crate::scheduling::batch::Space;
    use crate::scheduling::{DeviceId, EngineKind, RegionId, RequestKind};
    use proptest::prelude::*;

    const WAY: (EngineKind, DeviceId) = (EngineKind::Localio, DeviceId(0));

    fn part(kind: RequestKind, resource: u32, offset: u64, length: u64, memory: u64) -> BatchPart {
        let there = (RegionId(resource), offset);
        BatchPart::with_memory(kind, WAY, there, memory, length)
    }

    fn copy(src: (Space, u64), dst: (Space, u64), length_bytes: u64) -> BatchPart {
        let place = |(space, first)| BatchPlace { space, first };
        BatchPart {
            kind: RequestKind::Copy,
            engine: WAY.0,
            device: WAY.1,
            src: place(src),
            dst: place(dst),
            length_bytes,
        }
    }

    const SPACES: [Space; 5] = [
        Space::Memory,
        Space::Resource(RegionId(0)),
        Space::Array(0),
        Space::Array(1),
        Space::Device,
    ];

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
        // Not onto itself: within a space, the target lies behind the source.
        let copy = (0usize..5, 0usize..5, 0..room, 0..room, 1u64..40);
        let copy = copy.prop_map(|(from, to, src, dst, length)| {
            let dst = if from == to { src + length + dst } else { dst };
            self::copy((SPACES[from], src), (SPACES[to], dst), length)
        });
        let list = |part: BoxedStrategy<BatchPart>| prop::collection::vec(part, 1..50);
        prop_oneof![
            list(part.clone().boxed()),
            list(prop_oneof![part, copy].boxed())
        ]
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

    #[test]
    fn copies_wait_in_the_spaces_of_both_ends() {
        use Space::{Array, Device, Memory};
        // The same numbers in other spaces are other bytes.
        let apart = [
            copy((Array(0), 0), (Array(1), 0), 10),
            copy((Array(0), 0), (Array(2), 0), 10),
            copy((Memory, 0), (Device, 0), 10),
            part(RequestKind::Read, 0, 0, 10, 20),
        ];
        assert_eq!(stages(&apart), []);
        for (next, stage) in [
            (copy((Array(1), 9), (Memory, 50), 10), 1),
            (copy((Device, 5), (Memory, 50), 10), 1),
            (copy((Array(3), 5), (Array(0), 9), 10), 1),
            (copy((Array(3), 5), (Memory, 9), 1), 1),
            (part(RequestKind::Write, 7, 0, 10, 29), 1),
            (part(RequestKind::Read, 7, 0, 10, 9), 1),
        ] {
            let stages = stages(&[&apart[..], &[next]].concat());
            assert_eq!(stages, [0, 0, 0, 0, stage], "{next:?}");
        }
    }
}
