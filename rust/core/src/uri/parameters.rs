//! The parameters after `?`: which an engine knows, and their types and ranges.

use super::parser::{fault, Parsed, Span};
use crate::suggest;
use crate::units::parse_bytes;

/// A parameter that an engine knows.
pub(super) struct Parameter {
    pub name: &'static str,
    /// What may stand after `=`, for messages.
    pub expected: &'static str,
}

const fn known(name: &'static str, expected: &'static str) -> Parameter {
    Parameter { name, expected }
}

const POLICY: Parameter = known("policy", "cached, bypass or pinned");
const PAGE: Parameter = known("page", "a power of two from 512 to 2MiB, such as 64KiB");
const OFFSET: Parameter = known("offset", "a size from 0 to 2^63 - 1, such as 4096 or 4KiB");
const NUMA: Parameter = known("numa", "a node number from 0 to 1023");
const SWITCH: &str = "0 or 1";

pub(super) const LOCALIO: &[Parameter] = &[
    POLICY,
    PAGE,
    OFFSET,
    known("direct", "auto, 1 or 0"),
    known("create", SWITCH),
    known("grow", SWITCH),
    known("depth", "a number from 1 to 4096"),
    known("backend", "auto, io_uring or threads"),
    known("gds", SWITCH),
];

pub(super) const MEMIO_CPU: &[Parameter] = &[POLICY, PAGE, OFFSET, NUMA];

pub(super) const MEMIO_CXL: &[Parameter] = &[
    POLICY,
    PAGE,
    OFFSET,
    NUMA,
    known("device", "a device number from 0 to 1023"),
];

pub(super) const REMOTEIO: &[Parameter] = &[
    POLICY,
    PAGE,
    OFFSET,
    known("transport", "auto, rdma or tcp"),
    known("gdr", SWITCH),
];

/// The parameters of one URI, in the order of their table.
pub(super) struct Parameters<'a> {
    table: &'static [Parameter],
    values: Vec<Option<Span<'a>>>,
}

impl<'a> Parameters<'a> {
    /// Reads `name=value&name=value`, each name known to the table and given once.
    pub fn parse(query: Span<'a>, table: &'static [Parameter]) -> Parsed<Self> {
        let mut values = vec![None; table.len()];
        let mut rest = (!query.text.is_empty()).then_some(query);
        while let Some(here) = rest {
            let (pair, after) = match here.split_once('&') {
                Some((pair, after)) => (pair, Some(after)),
                None => (here, None),
            };
            rest = after;
            let Some((name, value)) = pair.split_once('=') else {
                let message = format!(
                    "expected name=value, found {:?}; a '?' in a name is %3F, a '&' in a value %26",
                    pair.text
                );
                return fault(pair.position, message);
            };
            let Some(index) = table.iter().position(|known| known.name == name.text) else {
                return fault(name.position, unknown_message(name.text, table));
            };
            if values[index].replace(value).is_some() {
                return fault(name.position, format!("{:?} is given twice", name.text));
            }
        }
        Ok(Self { table, values })
    }

    /// One of the named values, or the default.
    pub fn choice<T: Copy + Default>(&self, name: &str, choices: &[(&str, T)]) -> Parsed<T> {
        let read = |text: &str| {
            let found = choices.iter().find(|(spelling, _)| *spelling == text);
            found.map(|(_, value)| *value).ok_or_else(|| {
                (
                    0,
                    suggest::hint(text, choices.iter().map(|(spelling, _)| *spelling)),
                )
            })
        };
        Ok(self.read(name, read)?.unwrap_or_default())
    }

    /// `0` or `1`; 0 by default.
    pub fn switch(&self, name: &str) -> Parsed<bool> {
        self.choice(name, &[("0", false), ("1", true)])
    }

    /// A decimal number without a sign, within the range.
    pub fn number(&self, name: &str, low: u32, high: u32) -> Parsed<Option<u32>> {
        self.read(name, |text| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = if digits { text.parse().ok() } else { None };
            number
                .filter(|n| (low..=high).contains(n))
                .ok_or((0, String::new()))
        })
    }

    /// A size with an optional unit that passes the check.
    pub fn size(&self, name: &str, is_legal: impl Fn(u64) -> bool) -> Parsed<Option<u64>> {
        self.read(name, |text| match parse_bytes(text) {
            Ok(bytes) if is_legal(bytes) => Ok(bytes),
            Ok(_) => Err((0, String::new())),
            Err(error) => Err((error.position, format!(" ({error})"))),
        })
    }

    /// The decoded value through `convert`, whose error is a position in it and a remark.
    fn read<T>(
        &self,
        name: &str,
        convert: impl Fn(&str) -> Result<T, (usize, String)>,
    ) -> Parsed<Option<T>> {
        // A name that the engine's table lacks is one that cannot have been given.
        let Some(index) = self.table.iter().position(|known| known.name == name) else {
            return Ok(None);
        };
        let Some(value) = self.values[index] else {
            return Ok(None);
        };
        let text = value.decode()?;
        convert(&text).map(Some).or_else(|(position, remark)| {
            // Positions in an encoded value differ from those in its text: point at its start.
            let position = if text == value.text { position } else { 0 };
            let expected = self.table[index].expected;
            fault(
                value.position + position,
                format!("{name}={text}: expected {expected}{remark}"),
            )
        })
    }
}

fn unknown_message(name: &str, table: &[Parameter]) -> String {
    let names: Vec<&str> = table.iter().map(|known| known.name).collect();
    let hint = suggest::hint(name, names.iter().copied());
    format!(
        "unknown parameter {name:?}; expected one of {}{hint}",
        names.join(", ")
    )
}
