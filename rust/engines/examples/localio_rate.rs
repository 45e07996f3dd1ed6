//! How fast localio is on one file: random 4 KiB direct reads at depth 64, then sequential 1 MiB
//! reads, with the CPU time that each read costs.
//!
//! ```text
//! localio_rate FILE [SECONDS] [random|sequential] [io_uring|threads] [unregistered]
//! ```
//! Reads into memory that is registered with io_uring, unless it is told otherwise.
//!
//! Prints one line a run: `random iops=… cpu_us_per_io=…` or
//! `sequential MiB_per_s=… cpu_us_per_io=…`.

use std::time::{Duration, Instant};

use gpuio_core::uri::{LocalBackend, ResourceUri};
use gpuio_core::Result;
use gpuio_engines::localio::{LocalIoEngine, LocalIoOptions};
use gpuio_engines::{Engine, MemorySpan, OpenOptions, Transfer, TransferKind};
use gpuio_memory::mapping::Mapping;

/// One kind of load.
struct Load {
    name: &'static str,
    block_bytes: usize,
    depth: usize,
    random: bool,
}

const LOADS: [Load; 2] = [
    Load {
        name: "random",
        block_bytes: 4096,
        depth: 64,
        random: true,
    },
    Load {
        name: "sequential",
        block_bytes: 1 << 20,
        depth: 8,
        random: false,
    },
];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let Some(path) = arguments.get(1) else {
        eprintln!(
            "usage: localio_rate FILE [SECONDS] [random|sequential] [io_uring|threads] \
             [unregistered]"
        );
        std::process::exit(2);
    };
    let seconds = arguments
        .get(2)
        .and_then(|text| text.parse().ok())
        .unwrap_or(5.0);
    let only = arguments.get(3).map(String::as_str);
    let backend = match arguments.get(4).map(String::as_str) {
        Some("threads") => LocalBackend::Threads,
        Some("io_uring") => LocalBackend::IoUring,
        _ => LocalBackend::Auto,
    };
    let is_registered = arguments.get(5).is_none_or(|word| word != "unregistered");
    let path = std::fs::canonicalize(path).expect("the file exists");
    let uri = ResourceUri::parse(&format!("localio://{}?direct=1", path.display()))?;
    for load in LOADS
        .iter()
        .filter(|load| only.is_none_or(|only| only == load.name))
    {
        let time = Duration::from_secs_f64(seconds);
        measure(load, &uri, time, (backend, is_registered))?;
    }
    Ok(())
}

fn measure(
    load: &Load,
    uri: &ResourceUri,
    time: Duration,
    (backend, is_registered): (LocalBackend, bool),
) -> Result<()> {
    // As a context's own memory: huge pages, where there are any, and all of it touched.
    let arena = Mapping::new(load.depth * load.block_bytes)?;
    // SAFETY: the mapping's own bytes, which nobody else knows of yet.
    unsafe { std::ptr::write_bytes(arena.as_ptr(), 1, arena.length_bytes()) };
    let mut engine = LocalIoEngine::new(LocalIoOptions {
        queue_depth: load.depth as u32,
        backend,
        registered_arena: is_registered.then_some((arena.address(), arena.length_bytes())),
    })?;
    let (resource, info) = engine.open(uri, OpenOptions::default())?;
    eprintln!("{}", info.path);
    let blocks = info.length_bytes / load.block_bytes as u64;
    assert!(blocks > 0, "the file is shorter than one block");
    let mut random = 0x9E37_79B9_7F4A_7C15u64;
    let mut next_block = 0;
    let mut read = |slot: u64| {
        if load.random {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            next_block = random;
        } else {
            next_block += 1;
        }
        let span = MemorySpan {
            address: arena.address() + slot as usize * load.block_bytes,
            length_bytes: load.block_bytes,
            capacity_bytes: load.block_bytes,
        };
        Transfer {
            token: slot,
            kind: TransferKind::Read,
            resource,
            offset: next_block % blocks * load.block_bytes as u64,
            memory: vec![span],
        }
    };

    let started = Instant::now();
    let cpu_before = cpu_time();
    for slot in 0..load.depth as u64 {
        engine.queue(read(slot)).expect("there is room");
    }
    let mut done = 0u64;
    let mut completions = Vec::with_capacity(load.depth);
    while engine.in_flight() > 0 {
        engine.wait(1_000_000);
        engine.poll(&mut completions);
        let running = started.elapsed() < time;
        for completion in completions.drain(..) {
            completion.result?;
            done += 1;
            if running {
                engine.queue(read(completion.token)).expect("there is room");
            }
        }
    }
    let elapsed = started.elapsed().as_secs_f64();
    let cpu_us = (cpu_time() - cpu_before).as_secs_f64() * 1e6 / done as f64;
    report(load, done as f64 / elapsed, cpu_us);
    Ok(())
}

/// One line for scripts: requests or mebibytes a second, and the time of the CPU for each request.
fn report(load: &Load, requests_per_s: f64, cpu_us: f64) {
    let rate = if load.random {
        format!("iops={requests_per_s:.0}")
    } else {
        let mebibytes = requests_per_s * load.block_bytes as f64 / (1 << 20) as f64;
        format!("MiB_per_s={mebibytes:.0}")
    };
    println!("{} {rate} cpu_us_per_io={cpu_us:.2}", load.name);
}

/// User and system time of this process.
fn cpu_time() -> Duration {
    // SAFETY: all zeros is a valid `rusage`, and a valid place for the answer.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let part = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64)
    };
    part(usage.ru_utime) + part(usage.ru_stime)
}
