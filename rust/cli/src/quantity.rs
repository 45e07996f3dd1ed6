//! Quantities for people: short, and as exact as a glance needs.

use gpuio_core::units::format_bytes;

/// Longest exact text of a size: "1023KiB".
const EXACT_COLUMNS: usize = 7;

/// Three digits or four, and a unit.
pub fn duration(ns: u64) -> String {
    let (value, unit) = match ns {
        0..1_000 => return format!("{ns}ns"),
        1_000..1_000_000 => (ns as f64 / 1e3, "us"),
        1_000_000..1_000_000_000 => (ns as f64 / 1e6, "ms"),
        _ => (ns as f64 / 1e9, "s"),
    };
    match value {
        value if value < 9.995 => format!("{value:.2}{unit}"),
        value if value < 99.95 => format!("{value:.1}{unit}"),
        value => format!("{value:.0}{unit}"),
    }
}

/// Exact where that is short, as at whole units; else to one digit after the point.
pub fn bytes(bytes: u64) -> String {
    let exact = format_bytes(bytes);
    if exact.len() <= EXACT_COLUMNS {
        return exact;
    }
    let (mut value, mut unit) = (bytes as f64, "B");
    for larger in ["KiB", "MiB", "GiB", "TiB", "PiB"] {
        if value >= 1024.0 {
            (value, unit) = (value / 1024.0, larger);
        }
    }
    format!("{value:.1}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_short() {
        for (ns, text) in [
            (0, "0ns"),
            (999, "999ns"),
            (1_000, "1.00us"),
            (9_996, "10.0us"),
            (99_960, "100us"),
            (170_000, "170us"),
            (474_000_000, "474ms"),
            (17_592_186_044_415, "17592s"),
        ] {
            assert_eq!(duration(ns), text);
        }
        for (count, text) in [
            (0, "0B"),
            (1_023, "1023B"),
            (65_536, "64KiB"),
            (65_537, "65537B"),
            (24_684_092 << 10, "23.5GiB"),
            (u64::MAX, "16384.0PiB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }
}
