use super::*;

const OPTIONS: CourtesyOptions = CourtesyOptions {
    least_bytes: 1000,
    first_bytes: 4000,
};

/// The longest slice of the device.
const SLICE: u64 = 10_000;

/// A device after so many urgent slices, each 100 long and 100 after the one before, with nothing
/// beside them; the next is due.
fn after(slices: u64) -> (Courtesy, u64) {
    let (mut courtesy, mut now_ns) = (Courtesy::new(OPTIONS), 0);
    for _ in 0..slices {
        courtesy.urgent_request(now_ns);
        courtesy.urgent_goes();
        now_ns += 100;
        let slice = UrgentSlice {
            length_bytes: 64,
            took_ns: 100,
            beside: None,
        };
        courtesy.urgent_returns(slice, now_ns);
        now_ns += 100;
    }
    (courtesy, now_ns)
}

#[test]
fn without_urgent_requests_nothing_is_held_back() {
    let courtesy = Courtesy::new(OPTIONS);
    assert_eq!(courtesy.allowed_bytes(7), None);
    assert_eq!(courtesy.room_bytes(1 << 40, SLICE, 7), Some(u64::MAX));
}

#[test]
fn of_a_device_that_nothing_is_known_of_little_is_asked() {
    let (courtesy, now_ns) = after(1);
    assert_eq!(courtesy.allowed_bytes(now_ns), Some(4000));
    assert_eq!(courtesy.room_bytes(0, SLICE, now_ns), Some(4000));
    // No second one beside it.
    assert_eq!(courtesy.room_bytes(1000, SLICE, now_ns), None);
}

#[test]
fn now_and_then_bulk_keeps_to_its_least() {
    let (courtesy, now_ns) = after(16);
    assert_eq!(courtesy.room_bytes(0, SLICE, now_ns), Some(1000));
}

#[test]
fn the_time_until_the_next_is_for_bulk() {
    let (mut courtesy, now_ns) = after(20);
    // Ten bytes a nanosecond.
    (0..100).for_each(|k| courtesy.bulk_returns(1000, 100 * k, 100 * (k + 1)));
    assert_eq!(courtesy.allowed_bytes(now_ns), Some(4000));
    assert_eq!(courtesy.allowed_bytes(now_ns - 60), Some(4600));
}

#[test]
fn there_are_several_slices_only_of_full_length() {
    let (courtesy, now_ns) = after(1);
    assert_eq!(courtesy.room_bytes(0, 1500, now_ns), Some(4000));
    assert_eq!(courtesy.room_bytes(1500, 1500, now_ns), Some(2500));
    assert_eq!(courtesy.room_bytes(3000, 1500, now_ns), None);
}

#[test]
fn nonsense_is_refused() {
    assert!(CourtesyOptions::default().validate().is_ok());
    for (least_bytes, first_bytes) in [(0, 100), (MIN_SLICE_BYTES - 1, 1 << 20), (200, 100)] {
        let bad = CourtesyOptions {
            least_bytes,
            first_bytes,
        };
        assert_eq!(bad.validate().unwrap_err().code, ErrorCode::InvalidArgument);
    }
}
