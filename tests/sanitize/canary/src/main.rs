//! Shows that a sanitizer works: `race` and `freed` each hold a fault that must be reported, and
//! `quiet` is correct and must not be. Run by CTest (`sanitize.*`) in sanitizer builds only.

use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::{Condvar, Mutex, OnceLock};
use std::thread;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("race") => race(),
        Some("freed") => freed(),
        Some("quiet") => quiet(),
        _ => {
            eprintln!("usage: gpuio-canary race|freed|quiet");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// A pointer that pretends to be safe to share.
#[derive(Clone, Copy)]
struct Shared(*mut u64);

// SAFETY: it is not; that is the planted fault.
unsafe impl Send for Shared {}

impl Shared {
    fn increment(self) {
        // SAFETY: the pointer is valid. The race is the planted fault.
        unsafe { self.0.write(self.0.read() + 1) };
    }
}

/// Two threads add to the same number without any order.
fn race() {
    let mut number = 0u64;
    let shared = Shared(&mut number);
    let threads = [0, 1].map(|_| thread::spawn(move || (0..1000).for_each(|_| shared.increment())));
    for thread in threads {
        thread.join().expect("it does not panic");
    }
    println!("{number}");
}

/// Reads memory that was given back.
fn freed() {
    let freed = Box::into_raw(Box::new(41u64));
    // SAFETY: the pointer comes from a box. Reading it afterwards is the planted fault.
    let number = unsafe {
        drop(Box::from_raw(freed));
        std::ptr::read_volatile(freed)
    };
    println!("{number}");
}

/// A queue under contention, filled once by whoever comes first, drained by scoped threads: each
/// slow path of std that `std_sync.cpp.in` describes.
fn quiet() {
    const ITEMS: u64 = 2000;
    static TABLE: OnceLock<Vec<u64>> = OnceLock::new();
    for _ in 0..20 {
        let queue = Mutex::new(VecDeque::new());
        let filled = Condvar::new();
        let mut sums = [0u64; 4];
        thread::scope(|scope| {
            for sum in &mut sums {
                scope.spawn(|| {
                    let table = TABLE.get_or_init(|| (0..ITEMS).collect());
                    for _ in 0..ITEMS / 4 {
                        let mut items = queue.lock().expect("nobody panics");
                        while items.is_empty() {
                            items = filled.wait(items).expect("nobody panics");
                        }
                        let item: Box<usize> = items.pop_front().expect("not empty");
                        *sum += table[*item];
                    }
                });
            }
            for item in 0..ITEMS as usize {
                queue
                    .lock()
                    .expect("nobody panics")
                    .push_back(Box::new(item));
                filled.notify_one();
            }
        });
        assert_eq!(sums.iter().sum::<u64>(), ITEMS * (ITEMS - 1) / 2);
    }
}
