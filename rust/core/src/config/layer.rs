//! Reading a layer from a TOML text or from variables.

use super::keys::{ConfigLayer, Key, KEYS};
use super::value::Raw;
use super::MAX_CONFIG_FILE_BYTES;
use crate::suggest;
use crate::{Error, ErrorCode, Result};
use toml::de::{DeTable, DeValue};

/// The place that a layer comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// The program.
    #[default]
    Code,
    /// `GPUIO_*` variables.
    Environment,
    /// A TOML file with this name.
    File(String),
}

impl Source {
    /// How a message names a key that this place gave.
    pub(super) fn label(&self, key: &Key) -> String {
        match self {
            Self::Code => key.name.to_owned(),
            Self::Environment => key.variable(),
            Self::File(name) => format!("{name}: {}", key.name),
        }
    }
}

/// Variables that begin so belong to scripts of the build, the tests, the demonstrations and the
/// benchmarks; the library does not look at them.
const FOREIGN_PREFIXES: [&str; 4] = ["GPUIO_TEST_", "GPUIO_BUILD_", "GPUIO_DEMO_", "GPUIO_BENCH_"];

/// An error of configuration; `place` names the key and where it stands.
pub(super) fn refuse(place: impl Into<String>, message: impl Into<String>) -> Error {
    Error::new(ErrorCode::InvalidArgument, "configure", message).with_resource(place)
}

impl ConfigLayer {
    /// Reads a TOML text: keys at the top level, sizes and durations as numbers or as texts with
    /// units. `file_name` is only for messages.
    ///
    /// # Errors
    /// `InvalidArgument` for text that is not TOML, an unknown key and a value of a wrong type,
    /// each with file, line and byte offset.
    pub fn from_toml(text: &str, file_name: &str) -> Result<Self> {
        if text.len() > MAX_CONFIG_FILE_BYTES {
            let message = format!("{} bytes; at most {MAX_CONFIG_FILE_BYTES}", text.len());
            return Err(refuse(file_name, message));
        }
        let place = |offset: usize| format!("{file_name}:{}", line_number(text, offset));
        let table = DeTable::parse(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            refuse(place(offset), error.message()).with_offset(offset as u64)
        })?;
        let mut layer = Self {
            source: Source::File(file_name.to_owned()),
            ..Self::default()
        };
        for (name, value) in table.get_ref() {
            let at_key = name.span().start;
            let Some(key) = KEYS.iter().find(|key| key.name == name.get_ref()) else {
                let message = unknown_message(name.get_ref(), KEYS.iter().map(|key| key.name));
                return Err(refuse(place(at_key), message).with_offset(at_key as u64));
            };
            if key.name == "config_file" {
                let message = "config_file: a configuration file cannot name another one";
                return Err(refuse(place(at_key), message).with_offset(at_key as u64));
            }
            let at_value = value.span().start;
            (key.set)(&mut layer, raw(value.get_ref())).map_err(|message| {
                refuse(format!("{}: {}", place(at_value), key.name), message)
                    .with_offset(at_value as u64)
            })?;
        }
        Ok(layer)
    }

    /// Reads the `GPUIO_*` variables among those given; others are passed over, and so are those
    /// that begin with `GPUIO_TEST_`, `GPUIO_BUILD_`, `GPUIO_DEMO_` or `GPUIO_BENCH_` and those
    /// that are empty.
    ///
    /// # Errors
    /// `InvalidArgument` that names the variable, for an unknown one and for a value of a wrong
    /// type.
    pub fn from_env(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        let mut layer = Self {
            source: Source::Environment,
            ..Self::default()
        };
        for (name, text) in variables {
            let is_foreign = FOREIGN_PREFIXES
                .iter()
                .any(|prefix| name.starts_with(prefix));
            if !name.starts_with("GPUIO_") || is_foreign || text.is_empty() {
                continue;
            }
            let Some(key) = KEYS.iter().find(|key| key.variable() == name) else {
                let known: Vec<String> = KEYS.iter().map(Key::variable).collect();
                let message = unknown_message(&name, known.iter().map(String::as_str));
                return Err(refuse(name, message));
            };
            (key.set)(&mut layer, Raw::Text(&text)).map_err(|message| refuse(name, message))?;
        }
        Ok(layer)
    }
}

impl ConfigLayer {
    /// Reads what a program sets: names and values as text, as in a variable.
    ///
    /// # Errors
    /// `InvalidArgument` that names the key, for an unknown one and for a value of a wrong type.
    pub fn from_code(settings: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        let mut layer = Self::default();
        for (name, text) in settings {
            let Some(key) = KEYS.iter().find(|key| key.name == name) else {
                let message = unknown_message(&name, KEYS.iter().map(|key| key.name));
                return Err(refuse(name, message));
            };
            (key.set)(&mut layer, Raw::Text(&text)).map_err(|message| refuse(name, message))?;
        }
        Ok(layer)
    }
}

fn unknown_message<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let hint = suggest::hint(name, known.clone());
    let known: Vec<&str> = known.collect();
    format!("unknown key {name:?}{hint} (known: {})", known.join(", "))
}

fn line_number(text: &str, offset: usize) -> usize {
    1 + text
        .bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
}

fn raw<'a>(value: &'a DeValue<'_>) -> Raw<'a> {
    match value {
        DeValue::String(text) => Raw::Text(text),
        DeValue::Boolean(value) => Raw::Boolean(*value),
        DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
            .map_or(Raw::Other("integer beyond 128 bits"), Raw::Integer),
        DeValue::Float(number) => number
            .as_str()
            .parse()
            .map_or(Raw::Other("float"), Raw::Float),
        other => Raw::Other(other.type_str()),
    }
}
