//! Random elements through two caches of pages: what `a[i]` of an array in L1 is compared with.
//!
//! ```text
//! gpuio-bench-lookup FILE ARRAY_BYTES PAGE_BYTES READS
//! ```
//! Caches the first ARRAY_BYTES of the file, then answers each line `quick_cache` or `moka` with
//! `SUM seconds=S`: the sum of READS random 64-bit elements, each read from the page that the cache
//! gave for it.

use std::fs::File;
use std::io::{BufRead, Read};
use std::sync::Arc;
use std::time::Instant;

type Page = Arc<[u64]>;
type PlainHasher = std::hash::BuildHasherDefault<PageHasher>;

/// A cheap hash for page numbers, so that the caches are not measured by SipHash: one multiply,
/// folded (both crates take the shard from some bits and the bucket from others).
#[derive(Default)]
struct PageHasher(u64);

impl std::hash::Hasher for PageHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }
    fn write_u64(&mut self, value: u64) {
        const FACTOR: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
        let product = u128::from(self.0 ^ value).wrapping_mul(FACTOR);
        self.0 = (product >> 64) as u64 ^ product as u64;
    }
}

/// What is cached, and how it is read.
struct Shape {
    elements: u64,
    page_elements: u64,
    reads: u64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, path, array_bytes, page_bytes, reads] = arguments.as_slice() else {
        eprintln!("usage: gpuio-bench-lookup FILE ARRAY_BYTES PAGE_BYTES READS");
        std::process::exit(2);
    };
    let number = |text: &str| text.parse::<u64>().expect("a number");
    let shape = Shape {
        elements: number(array_bytes) / 8,
        page_elements: number(page_bytes) / 8,
        reads: number(reads),
    };
    let page_count = shape.elements / shape.page_elements;
    // Room to spare, for neither crate promises to keep exactly as much as its capacity.
    let quick = quick_cache::sync::Cache::<u64, Page, _, PlainHasher>::with(
        2 * page_count as usize,
        2 * page_count,
        quick_cache::UnitWeighter,
        PlainHasher::default(),
        quick_cache::sync::DefaultLifecycle::default(),
    );
    let moka = moka::sync::Cache::builder()
        .max_capacity(2 * page_count)
        .build_with_hasher(PlainHasher::default());
    let mut file = File::open(path).expect("the file exists");
    let mut bytes = vec![0; shape.page_elements as usize * 8];
    for page in 0..page_count {
        file.read_exact(&mut bytes).expect("the file is long enough");
        let words = bytes.chunks_exact(8).map(|it| u64::from_ne_bytes(it.try_into().unwrap()));
        let words: Page = words.collect();
        quick.insert(page, Arc::clone(&words));
        moka.insert(page, words);
    }
    moka.run_pending_tasks();

    for line in std::io::stdin().lock().lines() {
        let started = Instant::now();
        let sum = match line.expect("text").as_str() {
            "quick_cache" => sum_of(&shape, |page| quick.get(&page)),
            "moka" => sum_of(&shape, |page| moka.get(&page)),
            other => panic!("unknown cache {other}"),
        };
        println!("{sum} seconds={}", started.elapsed().as_secs_f64());
    }
}

/// The reads of `warm_random.cpp`: the same generator from the same seed.
fn sum_of(shape: &Shape, get: impl Fn(u64) -> Option<Page>) -> u64 {
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    let mut sum = 0u64;
    let page_shift = shape.page_elements.trailing_zeros();
    for _ in 0..shape.reads {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let index = random & (shape.elements - 1);
        let page = get(index >> page_shift).expect("every page is cached");
        sum = sum.wrapping_add(page[(index & (shape.page_elements - 1)) as usize]);
    }
    sum
}
