//! Tasks that do nothing, through gpuio's workers, tokio and rayon: one thread that submits, one
//! that works.
//!
//! ```text
//! gpuio-bench-workers
//! ```
//! Answers each line `SIDE MODE COUNT` with `SUM seconds=S`: COUNT tasks, each of which gives its
//! number, and the sum of what came back. SIDE is `gpuio` (the pool of workers), `requests` (the
//! whole path of a request), `tokio` or `rayon`. MODE is `burst` (all
//! submitted, then all awaited), `single` (each awaited before the next) or `asleep` (the same; who
//! awaits sleeps at once, which tokio and rayon do anyway).

mod requests;
mod sides;

use requests::RequestSide;
use sides::{Gpuio, Rayon, Side, Tokio};
use std::io::BufRead;
use std::time::Instant;

fn main() {
    // All at once, so that each side runs beside the idle threads of the others.
    let mut sides: [(&str, Box<dyn Side>); 4] = [
        ("gpuio", Box::new(Gpuio::new())),
        ("requests", Box::new(RequestSide::new())),
        ("tokio", Box::new(Tokio::new())),
        ("rayon", Box::new(Rayon::new())),
    ];
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("text");
        let words: Vec<&str> = line.split(' ').collect();
        let &[name, mode, count] = words.as_slice() else {
            panic!("not SIDE MODE COUNT: {line}");
        };
        let side = sides.iter_mut().find(|(it, _)| *it == name);
        let (_, side) = side.unwrap_or_else(|| panic!("unknown side {name}"));
        let count: u64 = count.parse().expect("a number");
        let started = Instant::now();
        let sum = match mode {
            "burst" => side.burst(count),
            "single" => side.single(count),
            "asleep" => side.asleep(count),
            _ => panic!("unknown mode {mode}"),
        };
        println!("{sum} seconds={}", started.elapsed().as_secs_f64());
    }
}
