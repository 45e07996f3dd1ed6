//! Sizes and durations: what is read, what is refused and where, and that formatting is exact.

use gpuio_core::units::{
    format_bytes, format_duration_us, parse_bytes, parse_duration_us, UnitErrorKind,
};
use proptest::prelude::*;

#[test]
fn sizes_in_every_unit() {
    for (text, bytes) in [
        ("0", 0),
        ("4096", 4096),
        ("4096B", 4096),
        ("64KiB", 65_536),
        ("64K", 65_536),
        ("64k", 65_536),
        ("64kB", 64_000),
        ("64MiB", 64 << 20),
        ("64 mib", 64 << 20),
        ("64MB", 64_000_000),
        ("1.5GiB", 3 << 29),
        ("1.50G", 3 << 29),
        ("2.5GB", 2_500_000_000),
        ("1TiB", 1 << 40),
        ("3TB", 3_000_000_000_000),
        ("0.25K", 256),
        ("1.0", 1),
        ("18446744073709551615", u64::MAX),
    ] {
        assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
    }
}

#[test]
fn durations_in_every_unit() {
    for (text, duration_us) in [
        ("250us", 250),
        ("250", 250),
        ("5ms", 5_000),
        ("0.5ms", 500),
        ("30s", 30_000_000),
        ("2min", 120_000_000),
        ("1h", 3_600_000_000),
    ] {
        assert_eq!(parse_duration_us(text), Ok(duration_us), "{text}");
    }
}

#[test]
fn what_is_wrong_and_where() {
    let kind_and_position = |text| parse_bytes(text).map_err(|e| (e.kind, e.position));
    for text in ["", "MiB", "-1", "+1", ".5G", " 1", "\u{0665}"] {
        let (kind, position) = kind_and_position(text).unwrap_err();
        assert!(
            matches!(kind, UnitErrorKind::NoNumber { .. }),
            "{text}: {kind:?}"
        );
        assert_eq!(position, 0, "{text}");
    }
    for (text, at) in [
        ("64MiBs", 2),
        ("64  x", 4),
        ("1.5.5", 3),
        ("1e3", 1),
        ("1_0", 1),
    ] {
        let (kind, position) = kind_and_position(text).unwrap_err();
        assert!(
            matches!(kind, UnitErrorKind::UnknownUnit { .. }),
            "{text}: {kind:?}"
        );
        assert_eq!(position, at, "{text}");
    }
    let long = "9".repeat(99);
    for text in [
        "18446744073709551616",
        "16777216TiB",
        "18014398509481983.9999T",
        &long,
    ] {
        let (kind, _) = kind_and_position(text).unwrap_err();
        assert!(
            matches!(kind, UnitErrorKind::TooLarge { .. }),
            "{text}: {kind:?}"
        );
    }
    let fine = format!("0.{}1T", "0".repeat(60));
    for text in ["1.5", "1.0001K", &fine] {
        let (kind, _) = kind_and_position(text).unwrap_err();
        assert!(
            matches!(kind, UnitErrorKind::NotWhole { .. }),
            "{text}: {kind:?}"
        );
    }
    let error = parse_bytes("64furlongs").unwrap_err();
    assert!(error.to_string().contains("\"furlongs\"") && error.to_string().contains("MiB"));
    assert!(parse_duration_us("5kB").is_err());
}

#[test]
fn formatting_takes_the_largest_exact_unit() {
    for (bytes, text) in [
        (0, "0B"),
        (1000, "1000B"),
        (65_536, "64KiB"),
        (3 << 29, "1536MiB"),
        (1 << 40, "1TiB"),
    ] {
        assert_eq!(format_bytes(bytes), text);
    }
    assert_eq!(format_duration_us(30_000_000), "30s");
    assert_eq!(format_duration_us(1_500), "1500us");
}

proptest! {
    #[test]
    fn formatting_is_exact(value: u64, shift in 0u32..64) {
        let value = value >> shift << (shift / 2);
        prop_assert_eq!(parse_bytes(&format_bytes(value)), Ok(value));
        prop_assert_eq!(parse_duration_us(&format_duration_us(value)), Ok(value));
    }

    #[test]
    fn no_text_panics(
        text in "\\PC{0,40}",
        number in "[0-9]{0,30}(\\.[0-9]{0,50})?[a-zA-Z ]{0,4}",
    ) {
        for text in [text, number] {
            for result in [parse_bytes(&text), parse_duration_us(&text)] {
                if let Err(error) = result {
                    prop_assert!(error.position <= text.len());
                }
            }
        }
    }
}
