use super::*;

fn bytes(mapping: &mut Mapping) -> &mut [u8] {
    // SAFETY: the exclusive borrow makes this the only slice; nobody else has the address.
    unsafe { std::slice::from_raw_parts_mut(mapping.as_ptr(), mapping.length_bytes()) }
}

#[test]
fn small_mappings_are_zeroed_whole_pages() {
    let mut mapping = Mapping::new(1).expect("map");
    assert_eq!(mapping.length_bytes(), PAGE_BYTES);
    assert_eq!(mapping.address() % PAGE_BYTES, 0);
    let bytes = bytes(&mut mapping);
    assert!(bytes.iter().all(|&byte| byte == 0));
    bytes[PAGE_BYTES - 1] = 7;
    assert_eq!(bytes[PAGE_BYTES - 1], 7);
}

#[test]
fn large_mappings_are_aligned_to_huge_pages_and_usable_to_both_ends() {
    for length in [
        HUGE_PAGE_BYTES,
        HUGE_PAGE_BYTES + 1,
        3 * HUGE_PAGE_BYTES + PAGE_BYTES,
    ] {
        let mut mapping = Mapping::new(length).expect("map");
        assert_eq!(mapping.address() % HUGE_PAGE_BYTES, 0);
        assert_eq!(mapping.length_bytes(), length.next_multiple_of(PAGE_BYTES));
        let bytes = bytes(&mut mapping);
        bytes[0] = 1;
        *bytes.last_mut().expect("not empty") = 2;
        assert_eq!((bytes[0], bytes[bytes.len() - 1]), (1, 2));
    }
}

#[test]
fn impossible_lengths_are_refused_by_code() {
    assert_eq!(
        Mapping::new(0).expect_err("zero").code,
        ErrorCode::InvalidArgument
    );
    for length in [usize::MAX, isize::MAX as usize, usize::MAX - PAGE_BYTES + 2] {
        let error = Mapping::new(length).expect_err("too long");
        assert_eq!(error.code, ErrorCode::InvalidArgument, "{error}");
    }
    // 2^60 bytes fit the arithmetic and no machine.
    let error = Mapping::new(1 << 60).expect_err("more than any machine has");
    assert_eq!(error.code, ErrorCode::NoMemory);
    assert!(
        error.message.contains("bytes; make the cache smaller"),
        "{error}"
    );
}

#[test]
fn locking_answers_instead_of_failing() {
    let mut mapping = Mapping::new(PAGE_BYTES).expect("map");
    let locked = mapping.try_lock().expect("an answer");
    let limit_bytes = locked_memory_limit_bytes();
    assert!(
        locked || limit_bytes < 1 << 20,
        "refused one page of {limit_bytes} bytes"
    );
    bytes(&mut mapping)[0] = 1;
}

fn locked_memory_limit_bytes() -> u64 {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `getrlimit` writes the struct it is given and nothing else.
    let status = unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &mut limit) };
    assert_eq!(status, 0);
    limit.rlim_cur
}
