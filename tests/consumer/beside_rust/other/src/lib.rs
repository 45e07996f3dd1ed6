//! A Rust library that has nothing to do with gpuio. It uses as much of std as it takes to clash:
//! threads, allocation, and unwinding.

/// The sum of 0 to `last`, computed on another thread.
#[no_mangle]
pub extern "C" fn other_sum_to(last: u64) -> u64 {
    let numbers: Vec<u64> = (0..=last).collect();
    std::thread::spawn(move || numbers.iter().sum()).join().unwrap_or(0)
}

/// 1 if a panic in this library is caught by this library.
#[no_mangle]
pub extern "C" fn other_catches_its_own_panic() -> i32 {
    std::panic::set_hook(Box::new(|_| {}));
    i32::from(std::panic::catch_unwind(|| panic!("on purpose")).is_err())
}
