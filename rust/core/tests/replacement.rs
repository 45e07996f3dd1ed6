//! One suite for every replacement policy, and what each alone promises.

#[path = "common/cache.rs"]
mod cache;

use cache::Cache;
use gpuio_core::config::PolicyKind;
use gpuio_core::replacement::{new_policy, ReplacementPolicy, MAX_VICTIM_PASSES};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Enough that S3-FIFO's small queue has a share of several; masks have a bit for each.
const FRAMES: u32 = 31;

#[derive(Clone, Debug)]
enum Step {
    Insert {
        frame: u32,
        key: u64,
    },
    Touch {
        frame: u32,
    },
    Remove {
        frame: u32,
    },
    /// Bit n says whether frame n may go.
    Evict {
        evictable: u32,
    },
    /// What may go changes from one question to the next.
    EvictUnsteadily {
        evictable: u32,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let frame = || 0..FRAMES;
    let mask = || {
        prop_oneof![
            Just(0),
            Just(u32::MAX),
            any::<u32>(),
            (0..32u32).prop_map(|n| 1 << n)
        ]
    };
    let step = prop_oneof![
        4 => (frame(), 0u64..20).prop_map(|(frame, key)| Step::Insert { frame, key }),
        6 => frame().prop_map(|frame| Step::Touch { frame }),
        1 => frame().prop_map(|frame| Step::Remove { frame }),
        3 => mask().prop_map(|evictable| Step::Evict { evictable }),
        1 => any::<u32>().prop_map(|evictable| Step::EvictUnsteadily { evictable }),
    ];
    prop::collection::vec(step, 0..300)
}

/// Asks for a victim and checks what every policy promises about it.
fn evict(
    policy: &mut dyn ReplacementPolicy,
    resident: &mut BTreeSet<u32>,
    mut may_go: impl FnMut(u32) -> bool,
) -> Option<u32> {
    let mut asked = vec![0; FRAMES as usize];
    let mut said_yes = BTreeSet::new();
    let victim = policy.victim(&mut |frame| {
        assert!(
            resident.contains(&frame),
            "asked about frame {frame}, which holds nothing"
        );
        asked[frame as usize] += 1;
        let answer = may_go(frame);
        if answer {
            said_yes.insert(frame);
        }
        answer
    });
    let most = asked.iter().max().copied().unwrap_or(0);
    assert!(
        most <= MAX_VICTIM_PASSES,
        "asked {most} times about one frame"
    );
    if let Some(frame) = victim {
        assert!(resident.remove(&frame), "frame {frame} holds nothing");
        assert!(said_yes.contains(&frame), "frame {frame} may not go");
    }
    victim
}

fn run(kind: PolicyKind, steps: &[Step]) {
    let mut policy = new_policy(kind, FRAMES);
    let policy = policy.as_mut();
    let mut resident = BTreeSet::new();
    for step in steps {
        match *step {
            Step::Insert { frame, key } => {
                policy.inserted(frame, cache::hash(key));
                resident.insert(frame);
            }
            Step::Touch { frame } => policy.touched(frame),
            Step::Remove { frame } => {
                policy.removed(frame);
                resident.remove(&frame);
            }
            Step::Evict { evictable } => {
                let expected = resident.iter().any(|frame| evictable >> frame & 1 == 1);
                let victim = evict(policy, &mut resident, |frame| evictable >> frame & 1 == 1);
                assert_eq!(victim.is_some(), expected, "{kind}");
            }
            Step::EvictUnsteadily { evictable } => {
                let mut answers = evictable;
                evict(policy, &mut resident, |_| {
                    answers = answers.rotate_left(1);
                    answers & 1 == 1
                });
            }
        }
    }
    // In the end every resident frame comes out once, and nothing else does.
    while evict(policy, &mut resident, |_| true).is_some() {}
    assert!(resident.is_empty(), "{kind} lost {resident:?}");
}

proptest! {
    #[test]
    fn churn_keeps_every_promise(steps in steps()) {
        for kind in PolicyKind::ALL {
            run(kind, &steps);
        }
    }

    #[test]
    fn lru_is_the_textbooks(accesses in prop::collection::vec(0u64..20, 0..300)) {
        let mut cache = Cache::new(new_policy(PolicyKind::Lru, 7), 7);
        let mut textbook: Vec<u64> = Vec::new();
        for page in accesses {
            let known = textbook.iter().position(|other| *other == page);
            prop_assert_eq!(cache.access(page), known.is_some());
            if let Some(at) = known {
                textbook.remove(at);
            } else if textbook.len() == 7 {
                textbook.remove(0);
            }
            textbook.push(page);
        }
    }
}

fn filled(kind: PolicyKind, frame_count: u32) -> Box<dyn ReplacementPolicy> {
    let mut policy = new_policy(kind, frame_count);
    (0..frame_count).for_each(|frame| policy.inserted(frame, u64::from(frame)));
    policy
}

fn victims(policy: &mut dyn ReplacementPolicy, count: usize) -> Vec<u32> {
    (0..count)
        .filter_map(|_| policy.victim(&mut |_| true))
        .collect()
}

#[test]
fn an_empty_policy_has_no_victim() {
    for kind in PolicyKind::ALL {
        for frame_count in [0, 1, 5] {
            let mut policy = new_policy(kind, frame_count);
            assert_eq!(
                policy.victim(&mut |_| panic!("no frame to ask about")),
                None
            );
        }
        let mut one = filled(kind, 1);
        one.touched(0);
        assert_eq!(victims(one.as_mut(), 2), [0], "{kind}");
    }
}

#[test]
fn untouched_frames_leave_in_the_order_they_came() {
    for kind in PolicyKind::ALL {
        assert_eq!(
            victims(filled(kind, 5).as_mut(), 9),
            [0, 1, 2, 3, 4],
            "{kind}"
        );
    }
}

#[test]
fn lru_moves_what_cannot_go_out_of_the_way() {
    let mut policy = filled(PolicyKind::Lru, 4);
    assert_eq!(policy.victim(&mut |frame| frame >= 2), Some(2));
    assert_eq!(victims(policy.as_mut(), 4), [3, 0, 1]);
}

#[test]
fn clock_gives_one_second_chance() {
    let mut policy = filled(PolicyKind::Clock, 4);
    policy.touched(0);
    policy.touched(2);
    assert_eq!(victims(policy.as_mut(), 4), [1, 3, 0, 2]);
}

#[test]
fn clock_and_sieve_leave_the_mark_of_what_cannot_go() {
    for kind in [PolicyKind::Clock, PolicyKind::Sieve] {
        let mut policy = filled(kind, 3);
        policy.touched(0);
        assert_eq!(policy.victim(&mut |frame| frame == 1), Some(1), "{kind}");
        assert_eq!(victims(policy.as_mut(), 2), [2, 0], "{kind}");
    }
}

#[test]
fn sieve_keeps_survivors_in_place_and_its_hand_where_it_was() {
    let mut policy = filled(PolicyKind::Sieve, 4);
    policy.touched(0);
    assert_eq!(victims(policy.as_mut(), 1), [1]);
    // The new page stands at the end; the hand goes on from frame 2 and not from frame 0.
    policy.inserted(1, 9);
    assert_eq!(victims(policy.as_mut(), 3), [2, 3, 1]);
    assert_eq!(victims(policy.as_mut(), 2), [0]);
}

#[test]
fn sieve_leaves_the_mark_of_what_cannot_go_for_the_next_round() {
    let mut policy = filled(PolicyKind::Sieve, 3);
    policy.touched(0);
    assert_eq!(policy.victim(&mut |frame| frame == 1), Some(1));
    policy.touched(2);
    // The hand takes the mark from 2, then from 0, and 2 is the first without one.
    assert_eq!(victims(policy.as_mut(), 2), [2, 0]);
}

#[test]
fn s3fifo_remembers_what_it_evicted() {
    // Ten frames: one is the small queue's share.
    let mut policy = filled(PolicyKind::S3Fifo, 10);
    assert_eq!(victims(policy.as_mut(), 2), [0, 1]);
    // Page 0 returns and enters the main queue: all of the small one goes before it, a page that
    // came later included.
    policy.inserted(0, 0);
    policy.inserted(1, 77);
    assert_eq!(victims(policy.as_mut(), 10), [2, 3, 4, 5, 6, 7, 8, 9, 1, 0]);
}

#[test]
fn s3fifo_spares_the_small_queue_while_it_is_below_its_share() {
    // Thirty frames: three are the small queue's share.
    let mut policy = new_policy(PolicyKind::S3Fifo, 30);
    policy.inserted(0, 0);
    assert_eq!(victims(policy.as_mut(), 1), [0]);
    policy.inserted(0, 0);
    (0..5).for_each(|_| policy.touched(0));
    policy.inserted(1, 1);
    assert_eq!(victims(policy.as_mut(), 2), [0, 1]);
}

#[test]
fn s3fifo_promotes_after_two_uses_not_after_one() {
    let mut policy = filled(PolicyKind::S3Fifo, 10);
    policy.touched(0);
    policy.touched(1);
    policy.touched(1);
    assert_eq!(victims(policy.as_mut(), 2), [0, 2]);
    let rest = victims(policy.as_mut(), 10);
    assert_eq!(rest.last(), Some(&1), "{rest:?}");
}

/// Hits among the uses of a hot set while long scans pass by.
fn hot_hits(kind: PolicyKind) -> (usize, usize) {
    let (frames, hot, scan) = (100, 40, 200);
    let mut cache = Cache::new(new_policy(kind, frames), frames);
    let mut next_cold = 1_000;
    let (mut hits, mut uses) = (0, 0);
    for page in (0..hot).cycle().take(3 * hot as usize) {
        cache.access(page);
    }
    for _ in 0..50 {
        for _ in 0..scan {
            cache.access(next_cold);
            next_cold += 1;
        }
        for page in 0..hot {
            hits += usize::from(cache.access(page));
            uses += 1;
        }
    }
    (hits, uses)
}

#[test]
fn scans_do_not_displace_the_hot_set_where_the_policy_claims_so() {
    for kind in [PolicyKind::Sieve, PolicyKind::S3Fifo] {
        let (hits, uses) = hot_hits(kind);
        assert!(hits * 100 >= uses * 95, "{kind}: {hits} of {uses}");
    }
    // The same trace does empty an LRU cache, so the test can tell.
    assert_eq!(hot_hits(PolicyKind::Lru).0, 0);
}
