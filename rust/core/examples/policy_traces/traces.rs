//! Synthetic traces of page numbers. Each is the same in every run.

/// Pages of the array that the traces read.
pub const PAGES: u64 = 1 << 16;

/// Accesses of one trace.
pub const ACCESSES: usize = 2_000_000;

/// What a trace is called, and its pages for a cache of so many frames.
pub struct Trace {
    pub name: &'static str,
    pub make: fn(u32) -> Vec<u64>,
}

pub const TRACES: [Trace; 9] = [
    Trace {
        name: "zipf 0.8",
        make: |_| zipf_trace(0.8, ACCESSES),
    },
    Trace {
        name: "zipf 1.0",
        make: |_| zipf_trace(1.0, ACCESSES),
    },
    Trace {
        name: "zipf 1.2",
        make: |_| zipf_trace(1.2, ACCESSES),
    },
    Trace {
        name: "zipf 1.0, drifting",
        make: |_| drift_trace(),
    },
    Trace {
        name: "hot set + scans",
        make: hot_and_scan_trace,
    },
    Trace {
        name: "loop of 1.1 caches",
        make: |frames| loop_trace(u64::from(frames) * 11 / 10),
    },
    Trace {
        name: "BFS, 8 sources",
        make: |_| bfs_trace(),
    },
    Trace {
        name: "rows of 3 pages",
        make: |_| rows_trace(),
    },
    Trace {
        name: "uniform",
        make: |_| uniform_trace(),
    },
];

/// The generator of the traces (xorshift64*).
struct Random(u64);

impl Random {
    fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 11) % bound
    }

    /// In [0, 1).
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Ranks by Zipf's law: rank r with a probability proportional to r to the power of -exponent.
struct Zipf {
    cumulative: Vec<f64>,
}

impl Zipf {
    fn new(count: u64, exponent: f64) -> Self {
        let mut sum = 0.0;
        let cumulative = (1..=count).map(|rank| {
            sum += (rank as f64).powf(-exponent);
            sum
        });
        Self {
            cumulative: cumulative.collect(),
        }
    }

    fn rank(&self, random: &mut Random) -> u64 {
        let total = self.cumulative.last().copied().unwrap_or(0.0);
        let wanted = random.unit() * total;
        self.cumulative.partition_point(|sum| *sum <= wanted) as u64
    }
}

/// Scatters ranks over the array: popular pages are not neighbours. Odd, so one to one.
fn scatter(rank: u64) -> u64 {
    rank.wrapping_mul(0x9e37_79b1) % PAGES
}

fn zipf_trace(exponent: f64, count: usize) -> Vec<u64> {
    let (mut random, zipf) = (Random::new(), Zipf::new(PAGES, exponent));
    (0..count)
        .map(|_| scatter(zipf.rank(&mut random)))
        .collect()
}

/// Zipf whose popular pages become others little by little: all of them every 500,000 accesses.
fn drift_trace() -> Vec<u64> {
    let (mut random, zipf) = (Random::new(), Zipf::new(PAGES, 1.0));
    let shift = |n: usize| n as u64 * PAGES / 500_000;
    (0..ACCESSES)
        .map(|n| scatter((zipf.rank(&mut random) + shift(n)) % PAGES))
        .collect()
}

/// Three of four accesses go to a hot set half as large as the cache, the others scan the array.
fn hot_and_scan_trace(frames: u32) -> Vec<u64> {
    let mut random = Random::new();
    let hot = u64::from(frames / 2).max(1);
    let mut scan = 0;
    let mut next = || {
        if random.below(4) != 0 {
            return PAGES + random.below(hot);
        }
        scan = (scan + 1) % PAGES;
        scan
    };
    (0..ACCESSES).map(|_| next()).collect()
}

fn loop_trace(length: u64) -> Vec<u64> {
    (0..ACCESSES as u64).map(|n| n % length).collect()
}

/// Breadth-first searches from eight sources, as an edge array's pages see them: each level visits
/// an ascending sample of the array (few pages, then most, then few), a vertex with many edges
/// covering several pages; between two of them stand uses of popular vertices' pages.
fn bfs_trace() -> Vec<u64> {
    let (mut random, popular) = (Random::new(), Zipf::new(PAGES / 8, 0.9));
    let mut trace = Vec::with_capacity(ACCESSES);
    let level_percents = [1, 8, 60, 25, 5, 1];
    while trace.len() < ACCESSES {
        for percent in level_percents {
            for page in 0..PAGES {
                if random.below(100) >= percent {
                    continue;
                }
                trace.push(page);
                if random.below(16) == 0 {
                    trace.extend((page + 1..PAGES).take(4));
                }
                trace.extend((0..3).map(|_| scatter(popular.rank(&mut random))));
            }
        }
    }
    trace.truncate(ACCESSES);
    trace
}

/// Rows of an embedding table by Zipf, each of three neighbouring pages.
fn rows_trace() -> Vec<u64> {
    let (mut random, zipf) = (Random::new(), Zipf::new(PAGES / 3, 0.9));
    let rows = (0..ACCESSES / 3).map(|_| scatter(zipf.rank(&mut random)) % (PAGES / 3) * 3);
    rows.flat_map(|first| first..first + 3).collect()
}

fn uniform_trace() -> Vec<u64> {
    let mut random = Random::new();
    (0..ACCESSES).map(|_| random.below(PAGES)).collect()
}
