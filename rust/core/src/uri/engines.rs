//! From pieces to each engine's own type.

use super::parameters::{self, Parameters};
use super::parser::{fault, split, EngineName, Parsed, Span};
use super::{
    AccessPolicy, DirectMode, EngineUri, LocalBackend, LocalioUri, MemioPool, MemioUri,
    RemoteTransport, RemoteioUri, ResourceUri, DEFAULT_DEPTH,
};
use crate::limits::{is_page_size, MAX_FILE_OFFSET, MAX_QUEUE_DEPTH};
use crate::Result;
use std::net::Ipv6Addr;

/// Highest NUMA node and CXL device number: Linux's limit of nodes, less one.
const MAX_NODE: u32 = 1023;

/// Longest host name, as in the DNS.
const MAX_HOST_BYTES: usize = 253;

pub(super) fn parse(text: &str) -> Result<ResourceUri> {
    parse_pieces(text).map_err(|fault| fault.into_error(text))
}

fn parse_pieces(text: &str) -> Parsed<ResourceUri> {
    let pieces = split(text)?;
    let (engine, parameters) = match pieces.engine {
        EngineName::Localio => localio(pieces.resource, pieces.query)?,
        EngineName::Memio => memio(pieces.resource, pieces.query)?,
        EngineName::Remoteio => remoteio(pieces.resource, pieces.query)?,
    };
    let policies = [
        ("cached", AccessPolicy::Cached),
        ("bypass", AccessPolicy::Bypass),
        ("pinned", AccessPolicy::Pinned),
    ];
    Ok(ResourceUri {
        text: text.to_owned(),
        engine,
        policy: parameters.choice("policy", &policies)?,
        page_bytes: parameters.size("page", is_page_size)?,
    })
}

fn offset(parameters: &Parameters<'_>) -> Parsed<u64> {
    Ok(parameters
        .size("offset", |bytes| bytes <= MAX_FILE_OFFSET)?
        .unwrap_or(0))
}

fn localio<'a>(resource: Span<'a>, query: Span<'a>) -> Parsed<(EngineUri, Parameters<'a>)> {
    if resource.text.is_empty() {
        return fault(
            resource.position,
            "expected an absolute path, as in localio:///data/x",
        );
    }
    if !resource.text.starts_with('/') {
        let message = format!(
            "a host's name stands here, and localio has none; \
             for the file /{0} write localio:///{0} (three slashes)",
            resource.text
        );
        return fault(resource.position, message);
    }
    let path = resource.decode()?;
    let parameters = Parameters::parse(query, parameters::LOCALIO)?;
    let directs = [
        ("auto", DirectMode::Auto),
        ("1", DirectMode::Required),
        ("0", DirectMode::Off),
    ];
    let backends = [
        ("auto", LocalBackend::Auto),
        ("io_uring", LocalBackend::IoUring),
        ("threads", LocalBackend::Threads),
    ];
    let uri = LocalioUri {
        path,
        direct: parameters.choice("direct", &directs)?,
        offset: offset(&parameters)?,
        create: parameters.switch("create")?,
        grow: parameters.switch("grow")?,
        depth: parameters
            .number("depth", 1, MAX_QUEUE_DEPTH)?
            .unwrap_or(DEFAULT_DEPTH),
        backend: parameters.choice("backend", &backends)?,
        gds: parameters.switch("gds")?,
    };
    Ok((EngineUri::Localio(uri), parameters))
}

fn memio<'a>(resource: Span<'a>, query: Span<'a>) -> Parsed<(EngineUri, Parameters<'a>)> {
    let expected = "expected cpu/dram or cxl/<pool>, as in memio://cpu/dram";
    let (kind, pool) = match resource.split_once('/') {
        Some(parts) => parts,
        None => return fault(resource.position, expected),
    };
    let (pool, table) = match (kind.text, pool.decode()?) {
        ("cpu", name) if name == "dram" => (MemioPool::CpuDram, parameters::MEMIO_CPU),
        ("cxl", name) if !name.is_empty() && !name.contains('/') => {
            (MemioPool::Cxl { pool: name }, parameters::MEMIO_CXL)
        }
        ("cpu", _) => return fault(pool.position, "expected dram, as in memio://cpu/dram"),
        ("cxl", _) => {
            return fault(
                pool.position,
                "expected one pool's name, as in memio://cxl/pool0",
            );
        }
        _ => return fault(resource.position, expected),
    };
    let parameters = Parameters::parse(query, table)?;
    let uri = MemioUri {
        pool,
        numa: parameters.number("numa", 0, MAX_NODE)?,
        device: parameters.number("device", 0, MAX_NODE)?,
        offset: offset(&parameters)?,
    };
    Ok((EngineUri::Memio(uri), parameters))
}

fn remoteio<'a>(resource: Span<'a>, query: Span<'a>) -> Parsed<(EngineUri, Parameters<'a>)> {
    let end = resource.text.len();
    let (authority, dataset) = resource
        .split_once('/')
        .unwrap_or((resource, resource.from(end)));
    let (host, port) = host_and_port(authority)?;
    if dataset.text.is_empty() {
        let message = "expected a data set's name, as in remoteio://host:5555/dataset";
        return fault(dataset.position, message);
    }
    let dataset = dataset.decode()?;
    let parameters = Parameters::parse(query, parameters::REMOTEIO)?;
    let transports = [
        ("auto", RemoteTransport::Auto),
        ("rdma", RemoteTransport::Rdma),
        ("tcp", RemoteTransport::Tcp),
    ];
    let uri = RemoteioUri {
        host,
        port,
        dataset,
        transport: parameters.choice("transport", &transports)?,
        gdr: parameters.switch("gdr")?,
        offset: offset(&parameters)?,
    };
    Ok((EngineUri::Remoteio(uri), parameters))
}

fn host_and_port(authority: Span<'_>) -> Parsed<(String, u16)> {
    let missing_port = "expected host:port, as in remoteio://192.168.1.100:5555/dataset";
    let (host, port) = match authority.text.strip_prefix('[') {
        Some(_) => {
            let Some((inside, after)) = authority.from(1).split_once(']') else {
                return fault(authority.position, "expected ']' after an IPv6 address");
            };
            if inside.text.parse::<Ipv6Addr>().is_err() {
                return fault(
                    inside.position,
                    "expected an IPv6 address between '[' and ']'",
                );
            }
            if !after.text.starts_with(':') {
                return fault(after.position, missing_port);
            }
            (inside, after.from(1))
        }
        None => {
            let Some((host, port)) = authority.split_once(':') else {
                return fault(authority.position + authority.text.len(), missing_port);
            };
            check_host(host)?;
            (host, port)
        }
    };
    let digits = port.text.bytes().all(|byte| byte.is_ascii_digit());
    match port.text.parse::<u16>() {
        Ok(number) if digits && number != 0 => Ok((host.text.to_owned(), number)),
        _ => fault(
            port.position,
            format!("{:?}: expected a port from 1 to 65535", port.text),
        ),
    }
}

fn check_host(host: Span<'_>) -> Parsed<()> {
    if host.text.is_empty() || host.text.len() > MAX_HOST_BYTES {
        let message = format!("expected a host's name of 1 to {MAX_HOST_BYTES} bytes");
        return fault(host.position, message);
    }
    let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    match host.text.find(|c| !is_legal(c)) {
        None => Ok(()),
        Some(at) => fault(
            host.position + at,
            "expected letters, digits, '.', '-' or '_' in a host's name; \
             an IPv6 address stands in brackets",
        ),
    }
}
