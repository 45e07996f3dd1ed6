//! Byte sizes and durations as people write them: `64MiB`, `1.5GiB`, `4096`, `250us`, `30s`.
//!
//! Sizes: `KiB MiB GiB TiB` and the bare letters `K M G T` are binary (1024), `kB MB GB TB` are
//! decimal (1000), `B` or nothing is bytes. Durations: `us`, `ms`, `s`, `min`, `h`; a bare number
//! is microseconds. Upper and lower case are equal, spaces may stand before the unit, a fraction
//! is legal as long as the result is whole. Nothing is ever rounded.

/// Why a size or a duration could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct UnitError {
    /// What is wrong.
    pub kind: UnitErrorKind,
    /// The byte of the text where it is wrong.
    pub position: usize,
}

/// The ways in which a size or a duration can be wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitErrorKind {
    /// No number at the start.
    #[error("expected a number, such as {example}")]
    NoNumber {
        /// A text that would have been right.
        example: &'static str,
    },
    /// A number, and then something that is no unit.
    #[error("unknown unit {unit:?}; expected one of {expected}")]
    UnknownUnit {
        /// What stood in the unit's place.
        unit: String,
        /// The known units.
        expected: &'static str,
    },
    /// More than 64 bits.
    #[error("too large: the limit is 2^64 - 1 {base}")]
    TooLarge {
        /// What the number counts.
        base: &'static str,
    },
    /// A fraction of a byte or of a microsecond.
    #[error("not a whole number of {base} (or too many decimal places); use a smaller unit")]
    NotWhole {
        /// What the number counts.
        base: &'static str,
    },
}

/// Decimal places that are read. `10^26 * 1 TiB` still fits the 128 bits it is computed in.
const MAX_DECIMAL_PLACES: usize = 26;

/// A family of units over one base.
struct Family {
    base: &'static str,
    example: &'static str,
    expected: &'static str,
    /// Lower-case names and their factors; the empty name is the bare number.
    units: &'static [(&'static str, u64)],
}

const SIZES: Family = Family {
    base: "bytes",
    example: "4096 or 64MiB",
    expected: "B, KiB, MiB, GiB, TiB (1024), K, M, G, T (1024 too), kB, MB, GB, TB (1000)",
    units: &[
        ("", 1),
        ("b", 1),
        ("k", 1 << 10),
        ("kib", 1 << 10),
        ("kb", 1_000),
        ("m", 1 << 20),
        ("mib", 1 << 20),
        ("mb", 1_000_000),
        ("g", 1 << 30),
        ("gib", 1 << 30),
        ("gb", 1_000_000_000),
        ("t", 1 << 40),
        ("tib", 1 << 40),
        ("tb", 1_000_000_000_000),
    ],
};

const DURATIONS: Family = Family {
    base: "microseconds",
    example: "250us or 30s",
    expected: "us, ms, s, min, h",
    units: &[
        ("", 1),
        ("us", 1),
        ("ms", 1_000),
        ("s", 1_000_000),
        ("min", 60_000_000),
        ("h", 3_600_000_000),
    ],
};

/// Reads a size in bytes.
///
/// # Errors
/// [`UnitError`] with the position, for no number, an unknown unit, a fraction of a byte and for
/// more than 64 bits.
pub fn parse_bytes(text: &str) -> Result<u64, UnitError> {
    SIZES.parse(text)
}

/// Reads a duration in microseconds.
///
/// # Errors
/// As [`parse_bytes`].
pub fn parse_duration_us(text: &str) -> Result<u64, UnitError> {
    DURATIONS.parse(text)
}

/// Writes a size with the largest binary unit that divides it: `64KiB`, `1536MiB`, `1000B`.
/// [`parse_bytes`] reads it back to the same number.
pub fn format_bytes(bytes: u64) -> String {
    format_largest(
        bytes,
        &[
            ("TiB", 1 << 40),
            ("GiB", 1 << 30),
            ("MiB", 1 << 20),
            ("KiB", 1 << 10),
        ],
    )
    .unwrap_or_else(|| format!("{bytes}B"))
}

/// Writes a duration with the largest unit that divides it, up to seconds: `30s`, `1500us`.
/// [`parse_duration_us`] reads it back to the same number.
pub fn format_duration_us(duration_us: u64) -> String {
    format_largest(duration_us, &[("s", 1_000_000), ("ms", 1_000)])
        .unwrap_or_else(|| format!("{duration_us}us"))
}

fn format_largest(value: u64, units: &[(&str, u64)]) -> Option<String> {
    let (name, factor) = units
        .iter()
        .find(|(_, factor)| value != 0 && value % factor == 0)?;
    Some(format!("{}{name}", value / factor))
}

impl Family {
    fn parse(&self, text: &str) -> Result<u64, UnitError> {
        let (digits, rest) = split_at_non_digit(text);
        if digits.is_empty() {
            let kind = UnitErrorKind::NoNumber {
                example: self.example,
            };
            return Err(UnitError { kind, position: 0 });
        }
        let (fraction, rest) = match rest.strip_prefix('.') {
            Some(after_point) => split_at_non_digit(after_point),
            None => ("", rest),
        };
        let unit = rest.trim_start_matches(' ');
        let position = text.len() - unit.len();
        let known = self
            .units
            .iter()
            .find(|(name, _)| unit.eq_ignore_ascii_case(name));
        let Some(&(_, factor)) = known else {
            let unit = unit.chars().take(16).collect();
            let kind = UnitErrorKind::UnknownUnit {
                unit,
                expected: self.expected,
            };
            return Err(UnitError { kind, position });
        };
        self.scale(digits, fraction, factor)
            .map_err(|kind| UnitError { kind, position: 0 })
    }

    /// `digits.fraction * factor`, exactly.
    fn scale(&self, digits: &str, fraction: &str, factor: u64) -> Result<u64, UnitErrorKind> {
        let too_large = || UnitErrorKind::TooLarge { base: self.base };
        let not_whole = || UnitErrorKind::NotWhole { base: self.base };
        let whole: u64 = digits.parse().map_err(|_| too_large())?;
        let whole = whole.checked_mul(factor).ok_or_else(too_large)?;
        let fraction = fraction.trim_end_matches('0');
        if fraction.is_empty() {
            return Ok(whole);
        }
        if fraction.len() > MAX_DECIMAL_PLACES {
            return Err(not_whole());
        }
        let part: u128 = fraction.parse().map_err(|_| not_whole())?;
        let part = part * u128::from(factor);
        let scale = 10u128.pow(fraction.len() as u32);
        if part % scale != 0 {
            return Err(not_whole());
        }
        // A fraction of a factor is below the factor, so it fits 64 bits.
        whole
            .checked_add((part / scale) as u64)
            .ok_or_else(too_large)
    }
}

fn split_at_non_digit(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(end)
}
