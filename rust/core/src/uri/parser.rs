//! From text to pieces: the engine, its resource, the raw parameters, each with its position.

use crate::limits::GPUIO_MAX_URI_LEN;
use crate::suggest;
use crate::{Error, ErrorCode};

/// What is wrong at which byte of the URI. Becomes an [`Error`] where the whole text is known.
#[derive(Debug)]
pub(super) struct Fault {
    pub position: usize,
    pub message: String,
}

pub(super) type Parsed<T> = std::result::Result<T, Fault>;

/// A [`Fault`] as a result.
pub(super) fn fault<T>(position: usize, message: impl Into<String>) -> Parsed<T> {
    Err(Fault {
        position,
        message: message.into(),
    })
}

impl Fault {
    /// The error for the caller. The resource it names is bounded and printable.
    pub fn into_error(self, text: &str) -> Error {
        let shown: String = text.chars().take(GPUIO_MAX_URI_LEN).collect();
        let shown = match shown.contains(|c: char| c.is_control()) {
            true => shown.escape_debug().to_string(),
            false => shown,
        };
        Error::new(ErrorCode::InvalidArgument, "parse uri", self.message)
            .with_resource(shown)
            .with_offset(self.position as u64)
    }
}

/// The three engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EngineName {
    Memio,
    Localio,
    Remoteio,
}

const ENGINES: [(&str, EngineName); 3] = [
    ("memio", EngineName::Memio),
    ("localio", EngineName::Localio),
    ("remoteio", EngineName::Remoteio),
];

/// A piece of the URI, not yet decoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span<'a> {
    pub text: &'a str,
    pub position: usize,
}

impl<'a> Span<'a> {
    /// The two pieces around the first `separator`.
    pub fn split_once(self, separator: char) -> Option<(Self, Self)> {
        let at = self.text.find(separator)?;
        Some((self.until(at), self.from(at + separator.len_utf8())))
    }

    pub fn until(self, end: usize) -> Self {
        Span {
            text: &self.text[..end],
            position: self.position,
        }
    }

    pub fn from(self, start: usize) -> Self {
        Span {
            text: &self.text[start..],
            position: self.position + start,
        }
    }

    /// The piece with its `%XX` replaced.
    pub fn decode(self) -> Parsed<String> {
        let mut bytes = Vec::with_capacity(self.text.len());
        let mut rest = self;
        while let Some((plain, encoded)) = rest.split_once('%') {
            bytes.extend_from_slice(plain.text.as_bytes());
            let position = encoded.position - 1;
            let Some(byte) = encoded.text.get(..2).and_then(hex_byte) else {
                let message = "expected two hexadecimal digits after '%'; a '%' itself is %25";
                return fault(position, message);
            };
            if byte == 0 {
                return fault(
                    position,
                    "a NUL byte (%00) cannot stand in a resource's name",
                );
            }
            bytes.push(byte);
            rest = encoded.from(2);
        }
        bytes.extend_from_slice(rest.text.as_bytes());
        String::from_utf8(bytes)
            .or_else(|_| fault(self.position, "decodes to bytes that are not UTF-8"))
    }
}

fn hex_byte(digits: &str) -> Option<u8> {
    // from_str_radix alone would take a sign.
    let only_digits = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    only_digits
        .then(|| u8::from_str_radix(digits, 16).ok())
        .flatten()
}

/// A URI in pieces.
#[derive(Debug)]
pub(super) struct Pieces<'a> {
    pub engine: EngineName,
    /// After the engine and before `?`, as the short spelling has it after `://`.
    pub resource: Span<'a>,
    /// After `?`; empty without one.
    pub query: Span<'a>,
}

/// Takes a URI apart.
pub(super) fn split(text: &str) -> Parsed<Pieces<'_>> {
    if text.len() > GPUIO_MAX_URI_LEN {
        let message = format!(
            "{} bytes long; a URI has at most {GPUIO_MAX_URI_LEN} (GPUIO_MAX_URI_LEN)",
            text.len()
        );
        return fault(GPUIO_MAX_URI_LEN, message);
    }
    refuse_raw(text)?;
    let whole = Span { text, position: 0 };
    let is_path = text.starts_with(['/', '.', '~']);
    let Some(colon) = text.find("://").filter(|_| !is_path) else {
        return fault(0, no_scheme_message(text));
    };
    let scheme = whole.until(colon);
    let rest = whole.from(colon + 3);
    let (rest, query) = rest
        .split_once('?')
        .unwrap_or((rest, rest.from(rest.text.len())));
    if !scheme.text.eq_ignore_ascii_case("gpuio") {
        return Ok(Pieces {
            engine: engine_named(scheme)?,
            resource: rest,
            query,
        });
    }
    let slash = rest.text.find('/').unwrap_or(rest.text.len());
    let engine = engine_named(rest.until(slash))?;
    // A path keeps its slash; the other engines' resources begin after it.
    let skipped = if engine == EngineName::Localio { 0 } else { 1 };
    let resource = rest.from((slash + skipped).min(rest.text.len()));
    Ok(Pieces {
        engine,
        resource,
        query,
    })
}

/// Characters that cannot stand raw anywhere.
fn refuse_raw(text: &str) -> Parsed<()> {
    match text
        .char_indices()
        .find(|&(_, c)| c == '#' || c.is_ascii_control())
    {
        None => Ok(()),
        Some((at, '\0')) => fault(at, "a NUL byte cannot stand in a URI"),
        Some((at, '#')) => fault(at, "a URI has no '#' part; in a name write %23"),
        Some((at, c)) => fault(
            at,
            format!("a control character; in a name write %{:02X}", u32::from(c)),
        ),
    }
}

fn no_scheme_message(text: &str) -> String {
    if text.starts_with('/') {
        return format!("a bare path; for a file write localio://{text}");
    }
    if text.starts_with('.') || text.starts_with('~') {
        return "a relative path; for a file write localio:///absolute/path".into();
    }
    let known = ENGINES
        .iter()
        .find(|(name, _)| text.split(':').next() == Some(name));
    match known {
        Some((name, _)) => format!("expected \"{name}://\" at the start"),
        None => "expected an engine and \"://\"; for a file write localio:///absolute/path".into(),
    }
}

fn engine_named(name: Span<'_>) -> Parsed<EngineName> {
    let known = ENGINES
        .iter()
        .find(|(known, _)| name.text.eq_ignore_ascii_case(known));
    if let Some((_, engine)) = known {
        return Ok(*engine);
    }
    let hint = match name.text {
        "file" => "; for a file write localio:///absolute/path".into(),
        other => suggest::hint(other, ENGINES.iter().map(|(name, _)| *name)),
    };
    let message = format!(
        "unknown engine {:?}; expected memio, localio or remoteio{hint}",
        name.text
    );
    fault(name.position, message)
}
