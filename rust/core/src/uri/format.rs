//! From a parsed URI back to text: the canonical spelling.

use super::{
    AccessPolicy, DirectMode, EngineUri, LocalBackend, LocalioUri, MemioPool, MemioUri,
    RemoteTransport, RemoteioUri, ResourceUri, DEFAULT_DEPTH,
};
use crate::units::format_bytes;
use std::fmt::{Display, Formatter, Result, Write};

impl Display for ResourceUri {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        let mut query = Query {
            separator: '?',
            text: String::new(),
        };
        match &self.engine {
            EngineUri::Localio(uri) => localio(uri, out, &mut query)?,
            EngineUri::Memio(uri) => memio(uri, out, &mut query)?,
            EngineUri::Remoteio(uri) => remoteio(uri, out, &mut query)?,
        }
        match self.policy {
            AccessPolicy::Cached => {}
            AccessPolicy::Bypass => query.push("policy", "bypass"),
            AccessPolicy::Pinned => query.push("policy", "pinned"),
        }
        if let Some(bytes) = self.page_bytes {
            query.push("page", format_bytes(bytes));
        }
        if self.offset() != 0 {
            query.push("offset", format_bytes(self.offset()));
        }
        out.write_str(&query.text)
    }
}

fn localio(uri: &LocalioUri, out: &mut Formatter<'_>, query: &mut Query) -> Result {
    out.write_str("localio://")?;
    encode(&uri.path, out)?;
    match uri.direct {
        DirectMode::Auto => {}
        DirectMode::Required => query.push("direct", 1),
        DirectMode::Off => query.push("direct", 0),
    }
    query.push_switch("create", uri.create);
    query.push_switch("grow", uri.grow);
    if uri.depth != DEFAULT_DEPTH {
        query.push("depth", uri.depth);
    }
    match uri.backend {
        LocalBackend::Auto => {}
        LocalBackend::IoUring => query.push("backend", "io_uring"),
        LocalBackend::Threads => query.push("backend", "threads"),
    }
    query.push_switch("gds", uri.gds);
    Ok(())
}

fn memio(uri: &MemioUri, out: &mut Formatter<'_>, query: &mut Query) -> Result {
    match &uri.pool {
        MemioPool::CpuDram => out.write_str("memio://cpu/dram")?,
        MemioPool::Cxl { pool } => {
            out.write_str("memio://cxl/")?;
            encode(pool, out)?;
        }
    }
    if let Some(node) = uri.numa {
        query.push("numa", node);
    }
    if let Some(device) = uri.device {
        query.push("device", device);
    }
    Ok(())
}

fn remoteio(uri: &RemoteioUri, out: &mut Formatter<'_>, query: &mut Query) -> Result {
    match uri.host.contains(':') {
        true => write!(out, "remoteio://[{}]:{}/", uri.host, uri.port)?,
        false => write!(out, "remoteio://{}:{}/", uri.host, uri.port)?,
    }
    encode(&uri.dataset, out)?;
    match uri.transport {
        RemoteTransport::Auto => {}
        RemoteTransport::Rdma => query.push("transport", "rdma"),
        RemoteTransport::Tcp => query.push("transport", "tcp"),
    }
    query.push_switch("gdr", uri.gdr);
    Ok(())
}

/// The text after the resource, `?` before the first parameter and `&` before the others.
struct Query {
    separator: char,
    text: String,
}

impl Query {
    fn push(&mut self, name: &str, value: impl Display) {
        self.text
            .push_str(&format!("{}{name}={value}", self.separator));
        self.separator = '&';
    }

    fn push_switch(&mut self, name: &str, on: bool) {
        if on {
            self.push(name, 1);
        }
    }
}

/// Writes a name so that it stands in any URI: RFC 3986's unreserved bytes and `/` as they are.
fn encode(name: &str, out: &mut Formatter<'_>) -> Result {
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.write_char(char::from(byte))?;
            }
            _ => write!(out, "%{byte:02X}")?,
        }
    }
    Ok(())
}
