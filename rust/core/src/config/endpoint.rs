//! Where live figures are served.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

/// Longest path of a Unix socket in bytes: what Linux's `sockaddr_un` holds beside a NUL.
pub const MAX_SOCKET_PATH_BYTES: usize = 107;

/// The key `stats_endpoint`: nowhere, or an address to listen on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StatsEndpoint {
    /// Nothing listens.
    #[default]
    Off,
    /// TCP on this machine's loopback; port 0 lets the system choose.
    Loopback(SocketAddr),
    /// TCP on an address that other machines may reach. Nothing is encrypted and nobody is asked
    /// who they are, so it has to be asked for by the word `public`.
    Public(SocketAddr),
    /// A Unix socket with this path, of at most [`MAX_SOCKET_PATH_BYTES`] bytes.
    Unix(String),
}

impl StatsEndpoint {
    /// Reads an address as [`fmt::Display`] writes it; `localhost` stands for 127.0.0.1.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what to write instead: no such form, an address
    /// that is not loopback without `public:`, a path that is empty, too long or has a NUL byte.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("off") {
            return Ok(Self::Off);
        }
        if let Some(path) = text.strip_prefix("unix:") {
            return unix(path);
        }
        if let Some(address) = text.strip_prefix("public:") {
            return Ok(Self::Public(socket_address(text, address)?));
        }
        let address = socket_address(text, text)?;
        if address.ip().is_loopback() {
            return Ok(Self::Loopback(address));
        }
        Err(format!(
            "found {text:?}, which other machines may reach; expected a loopback address such as \
             127.0.0.1:{}, or public:{text} if that is meant",
            address.port()
        ))
    }
}

fn unix(path: &str) -> Result<StatsEndpoint, String> {
    if path.is_empty() || path.contains('\0') {
        return Err("expected a path without NUL bytes after unix:".into());
    }
    if path.len() > MAX_SOCKET_PATH_BYTES {
        return Err(format!(
            "found a socket path of {} bytes; the system takes at most {MAX_SOCKET_PATH_BYTES}: \
             choose a shorter one, such as unix:/tmp/gpuio.sock",
            path.len()
        ));
    }
    Ok(StatsEndpoint::Unix(path.to_owned()))
}

fn socket_address(text: &str, address: &str) -> Result<SocketAddr, String> {
    let port = address.strip_prefix("localhost:");
    let local = port.and_then(|port| port.parse().ok());
    let parsed = match local {
        Some(port) => Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        None => address.parse().ok(),
    };
    parsed.ok_or_else(|| {
        format!(
            "found {text:?}; expected off, 127.0.0.1:PORT (or [::1]:PORT), unix:PATH, or \
             public:ADDRESS:PORT, such as 127.0.0.1:9464"
        )
    })
}

impl fmt::Display for StatsEndpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => out.write_str("off"),
            Self::Loopback(address) => write!(out, "{address}"),
            Self::Public(address) => write!(out, "public:{address}"),
            Self::Unix(path) => write!(out, "unix:{path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let longest = format!("unix:/{}", "x".repeat(MAX_SOCKET_PATH_BYTES - 1));
        for text in [
            "off",
            "127.0.0.1:0",
            "127.8.9.10:9464",
            "[::1]:65535",
            "public:0.0.0.0:9464",
            "public:127.0.0.1:1",
            "unix:/tmp/gpuio.sock",
            "unix:a b",
            &longest,
        ] {
            assert_eq!(StatsEndpoint::parse(text).unwrap().to_string(), text);
        }
        let local = StatsEndpoint::parse("localhost:80").unwrap();
        assert_eq!(local.to_string(), "127.0.0.1:80");
    }

    #[test]
    fn what_is_wrong_says_what_to_write() {
        let longer = format!("unix:/{}", "x".repeat(MAX_SOCKET_PATH_BYTES));
        for (text, word) in [
            ("", "127.0.0.1:9464"),
            ("9464", "127.0.0.1:9464"),
            ("127.0.0.1", "127.0.0.1:9464"),
            ("127.0.0.1:65536", "127.0.0.1:PORT"),
            ("localhost:x", "127.0.0.1:PORT"),
            ("example.org:80", "127.0.0.1:PORT"),
            ("public:", "public:ADDRESS:PORT"),
            ("10.0.0.1:80", "public:10.0.0.1:80"),
            ("0.0.0.0:80", "public:0.0.0.0:80"),
            ("[::]:80", "public:[::]:80"),
            ("unix:", "path"),
            ("unix:a\0b", "NUL"),
            (longer.as_str(), "at most 107"),
        ] {
            let message = StatsEndpoint::parse(text).unwrap_err();
            assert!(message.contains(word), "{text:?}: {message}");
        }
    }
}
