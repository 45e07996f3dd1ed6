//! Measures the replacement policies: hit rates over synthetic traces, and the time they take.
//!
//!     cargo run --release -p gpuio-core --example policy_traces
//!
//! Each trace is given to the cache as it is, and through an L1 of equal size with CLOCK, as on a
//! device: what reaches L2 then has lost its nearest reuses. Prints Markdown.

#[path = "../../tests/common/cache.rs"]
mod cache;
mod traces;

use cache::{hash, Cache};
use gpuio_core::config::PolicyKind;
use gpuio_core::replacement::{new_policy, ReplacementPolicy};
use std::time::Instant;
use traces::{PAGES, TRACES};

/// The caches' sizes as shares of the array's pages, in percent.
const SIZES_PERCENT: [u64; 4] = [1, 5, 10, 25];

fn main() {
    let frame_counts = SIZES_PERCENT.map(|percent| (PAGES * percent / 100) as u32);
    for behind_l1 in [false, true] {
        let title = if behind_l1 {
            "behind an L1 of equal size"
        } else {
            "as they are"
        };
        println!("\nHit rate in percent, traces {title}:\n");
        println!(
            "| trace | frames | {} |",
            PolicyKind::ALL.map(|kind| kind.to_string()).join(" | ")
        );
        println!("| --- | ---: |{}", " ---: |".repeat(PolicyKind::ALL.len()));
        let mut sums = [0.0; PolicyKind::ALL.len()];
        for trace in &TRACES {
            for frames in frame_counts {
                let pages = (trace.make)(frames);
                let pages = if behind_l1 {
                    misses_of_l1(&pages, frames)
                } else {
                    pages
                };
                let rates = PolicyKind::ALL.map(|kind| hit_percent(kind, frames, &pages));
                println!("| {} | {frames} | {} |", trace.name, cells(&rates));
                sums.iter_mut()
                    .zip(rates)
                    .for_each(|(sum, rate)| *sum += rate);
            }
        }
        let means = sums.map(|sum| sum / (TRACES.len() * frame_counts.len()) as f64);
        println!("| **mean** | | {} |", cells(&means));
    }
    print_times(frame_counts[2]);
}

fn cells(values: &[f64]) -> String {
    values
        .iter()
        .map(|value| format!("{value:.1}"))
        .collect::<Vec<_>>()
        .join(" | ")
}

fn misses_of_l1(pages: &[u64], frames: u32) -> Vec<u64> {
    let mut l1 = Cache::new(new_policy(PolicyKind::Clock, frames), frames);
    pages
        .iter()
        .copied()
        .filter(|page| !l1.access(*page))
        .collect()
}

fn hit_percent(kind: PolicyKind, frames: u32, pages: &[u64]) -> f64 {
    let mut cache = Cache::new(new_policy(kind, frames), frames);
    let hits = pages.iter().filter(|page| cache.access(**page)).count();
    100.0 * hits as f64 / pages.len() as f64
}

/// What a policy was told and asked.
enum Call {
    Touched(u32),
    Inserted(u32, u64),
    Victim,
}

fn print_times(frames: u32) {
    println!("\nNanoseconds an access, in the policy alone, {frames} frames:\n");
    println!(
        "| trace | {} |",
        PolicyKind::ALL.map(|kind| kind.to_string()).join(" | ")
    );
    println!("| --- |{}", " ---: |".repeat(PolicyKind::ALL.len()));
    for trace in &TRACES {
        let pages = (trace.make)(frames);
        let times = PolicyKind::ALL.map(|kind| {
            let calls = calls_of(kind, frames, &pages);
            let best = (0..3)
                .map(|_| replay_ns(kind, frames, &calls))
                .min()
                .unwrap_or(0);
            best as f64 / pages.len() as f64
        });
        println!("| {} | {} |", trace.name, cells(&times));
    }
}

/// The calls that a trace leads to; policies are deterministic, so they can be replayed without
/// the cache around them.
fn calls_of(kind: PolicyKind, frames: u32, pages: &[u64]) -> Vec<Call> {
    let mut policy = new_policy(kind, frames);
    let mut frame_of = vec![None; 2 * PAGES as usize];
    let mut page_of = vec![None; frames as usize];
    let mut calls = Vec::with_capacity(2 * pages.len());
    let mut used = 0;
    for &page in pages {
        if let Some(frame) = frame_of[page as usize] {
            policy.touched(frame);
            calls.push(Call::Touched(frame));
            continue;
        }
        let frame = if used < frames {
            used += 1;
            used - 1
        } else {
            calls.push(Call::Victim);
            policy.victim(&mut |_| true).expect("every frame may go")
        };
        if let Some(old) = page_of[frame as usize].replace(page) {
            frame_of[old as usize] = None;
        }
        frame_of[page as usize] = Some(frame);
        policy.inserted(frame, hash(page));
        calls.push(Call::Inserted(frame, hash(page)));
    }
    calls
}

fn replay_ns(kind: PolicyKind, frames: u32, calls: &[Call]) -> u128 {
    let mut policy: Box<dyn ReplacementPolicy> = new_policy(kind, frames);
    let start = Instant::now();
    for call in calls {
        match *call {
            Call::Touched(frame) => policy.touched(frame),
            Call::Inserted(frame, key_hash) => policy.inserted(frame, key_hash),
            Call::Victim => {
                let victim = policy.victim(&mut |_| true);
                std::hint::black_box(victim);
            }
        }
    }
    start.elapsed().as_nanos()
}
