//! From what stands in a file or a variable to a value of a key's type.

use super::endpoint::StatsEndpoint;
use super::types::{DeviceChoice, LogLevel, PolicyKind, SCHEDULER_SPELLINGS};
use crate::scheduling::SchedulerPolicy;
use crate::suggest;
use crate::units::{format_bytes, format_duration_us, parse_bytes, parse_duration_us};
use std::fmt::Display;

/// A value as it stands somewhere. Variables are always text; a TOML file has types.
#[derive(Clone, Copy, Debug)]
pub(super) enum Raw<'a> {
    Text(&'a str),
    Integer(i128),
    Float(f64),
    Boolean(bool),
    /// Something that no key takes, such as a table.
    Other(&'static str),
}

/// What a number counts: says which units may follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Plain,
    Bytes,
    Microseconds,
}

/// A type that a key can have.
pub(super) trait Value: Sized {
    /// Reads it, or says in one sentence what was expected.
    fn read(raw: Raw<'_>, unit: Unit) -> Result<Self, String>;

    /// As it would be written in a variable.
    fn show(&self, unit: Unit) -> String;
}

/// "found ..., expected ...".
fn mismatch<T>(raw: Raw<'_>, expected: impl Display) -> Result<T, String> {
    let found = match raw {
        Raw::Text(text) => format!("{text:?}"),
        Raw::Integer(number) => number.to_string(),
        Raw::Float(number) => number.to_string(),
        Raw::Boolean(value) => value.to_string(),
        Raw::Other(kind) => format!("a value of type {kind}"),
    };
    Err(format!("found {found}; expected {expected}"))
}

fn integer(raw: Raw<'_>, low: i128, high: i128) -> Result<i128, String> {
    let number = match raw {
        Raw::Integer(number) => Some(number),
        Raw::Text(text) => text.trim().parse().ok(),
        _ => None,
    };
    match number.filter(|number| (low..=high).contains(number)) {
        Some(number) => Ok(number),
        None => mismatch(raw, format!("a whole number from {low} to {high}")),
    }
}

impl Value for u32 {
    fn read(raw: Raw<'_>, _: Unit) -> Result<Self, String> {
        // In range, so nothing is cut off.
        integer(raw, 0, u32::MAX.into()).map(|number| number as u32)
    }

    fn show(&self, _: Unit) -> String {
        self.to_string()
    }
}

impl Value for i32 {
    fn read(raw: Raw<'_>, _: Unit) -> Result<Self, String> {
        // In range, so nothing is cut off.
        integer(raw, i32::MIN.into(), i32::MAX.into()).map(|number| number as i32)
    }

    fn show(&self, _: Unit) -> String {
        self.to_string()
    }
}

impl Value for u64 {
    fn read(raw: Raw<'_>, unit: Unit) -> Result<Self, String> {
        let parsed = match (raw, unit) {
            (Raw::Text(text), Unit::Bytes) => parse_bytes(text.trim()),
            (Raw::Text(text), Unit::Microseconds) => parse_duration_us(text.trim()),
            _ => return integer(raw, 0, u64::MAX.into()).map(|number| number as u64),
        };
        parsed.or_else(|error| mismatch(raw, format!("a quantity: {error}")))
    }

    fn show(&self, unit: Unit) -> String {
        match unit {
            Unit::Plain => self.to_string(),
            Unit::Bytes => format_bytes(*self),
            Unit::Microseconds => format_duration_us(*self),
        }
    }
}

impl Value for f64 {
    fn read(raw: Raw<'_>, _: Unit) -> Result<Self, String> {
        let number = match raw {
            Raw::Float(number) => Some(number),
            Raw::Integer(number) => Some(number as f64),
            Raw::Text(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.map_or_else(|| mismatch(raw, "a number, such as 0.5"), Ok)
    }

    fn show(&self, _: Unit) -> String {
        self.to_string()
    }
}

impl Value for bool {
    fn read(raw: Raw<'_>, _: Unit) -> Result<Self, String> {
        match raw {
            Raw::Boolean(value) => Ok(value),
            Raw::Text("true" | "1") | Raw::Integer(1) => Ok(true),
            Raw::Text("false" | "0") | Raw::Integer(0) => Ok(false),
            _ => mismatch(raw, "true or false"),
        }
    }

    fn show(&self, _: Unit) -> String {
        self.to_string()
    }
}

impl Value for String {
    fn read(raw: Raw<'_>, _: Unit) -> Result<Self, String> {
        match raw {
            Raw::Text(text) if !text.contains('\0') => Ok(text.to_owned()),
            _ => mismatch(raw, "a text without NUL bytes"),
        }
    }

    fn show(&self, _: Unit) -> String {
        self.clone()
    }
}

impl Value for StatsEndpoint {
    fn read(raw: Raw<'_>, _: Unit) -> Result<Self, String> {
        match raw {
            Raw::Text(text) => Self::parse(text.trim()),
            _ => mismatch(raw, "a text, such as \"127.0.0.1:9464\""),
        }
    }

    fn show(&self, _: Unit) -> String {
        self.to_string()
    }
}

/// Reads one of the spellings, upper and lower case being equal.
fn choice<T: Copy>(raw: Raw<'_>, spellings: &[(&'static str, T)]) -> Result<T, String> {
    let names = || spellings.iter().map(|(name, _)| *name);
    let Raw::Text(text) = raw else {
        return mismatch(raw, names().collect::<Vec<_>>().join(", "));
    };
    let found = spellings
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text));
    found.map_or_else(
        || {
            let hint = suggest::hint(text, names());
            mismatch(
                raw,
                format!("one of {}{hint}", names().collect::<Vec<_>>().join(", ")),
            )
        },
        |(_, value)| Ok(*value),
    )
}

impl Value for LogLevel {
    fn read(raw: Raw<'_>, _: Unit) -> Result<Self, String> {
        choice(raw, Self::SPELLINGS)
    }

    fn show(&self, _: Unit) -> String {
        self.to_string()
    }
}

impl Value for PolicyKind {
    fn read(raw: Raw<'_>, _: Unit) -> Result<Self, String> {
        choice(raw, Self::SPELLINGS)
    }

    fn show(&self, _: Unit) -> String {
        self.to_string()
    }
}

impl Value for SchedulerPolicy {
    fn read(raw: Raw<'_>, _: Unit) -> Result<Self, String> {
        choice(raw, SCHEDULER_SPELLINGS)
    }

    fn show(&self, _: Unit) -> String {
        self.to_string()
    }
}

impl Value for DeviceChoice {
    fn read(raw: Raw<'_>, _: Unit) -> Result<Self, String> {
        let expected = "auto, host or cuda:N, such as cuda:0";
        let Raw::Text(text) = raw else {
            return mismatch(raw, expected);
        };
        match text.to_ascii_lowercase().as_str() {
            "auto" => Ok(Self::Auto),
            "host" => Ok(Self::Host),
            other => {
                let digits = other.strip_prefix("cuda:").unwrap_or_default();
                let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
                match digits.parse() {
                    Ok(number) if is_number => Ok(Self::Cuda(number)),
                    _ => mismatch(raw, expected),
                }
            }
        }
    }

    fn show(&self, _: Unit) -> String {
        self.to_string()
    }
}
