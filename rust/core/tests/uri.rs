//! Resource URIs: what is read, what is refused at which byte with which advice, and that
//! formatting and parsing undo each other.

use gpuio_core::uri::*;
use gpuio_core::{Error, ErrorCode};
use proptest::prelude::*;

fn parse(text: &str) -> ResourceUri {
    ResourceUri::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn localio(text: &str) -> LocalioUri {
    match parse(text).engine {
        EngineUri::Localio(uri) => uri,
        other => panic!("{text}: {other:?}"),
    }
}

fn refused(text: &str) -> Error {
    let error = ResourceUri::parse(text).expect_err(text);
    assert_eq!(error.code, ErrorCode::InvalidArgument, "{text}");
    assert_eq!(error.operation, "parse uri");
    error
}

#[test]
fn the_specifications_examples() {
    let cpu = parse("memio://cpu/dram?numa=0");
    let pool = MemioPool::CpuDram;
    let expected = MemioUri {
        pool,
        numa: Some(0),
        device: None,
        offset: 0,
    };
    assert_eq!(cpu.engine, EngineUri::Memio(expected));
    let cxl = parse("memio://cxl/pool0?device=0");
    let pool = MemioPool::Cxl {
        pool: "pool0".into(),
    };
    let expected = MemioUri {
        pool,
        numa: None,
        device: Some(0),
        offset: 0,
    };
    assert_eq!(cxl.engine, EngineUri::Memio(expected));
    assert_eq!(localio("localio:///dev/nvme0n1").path, "/dev/nvme0n1");
    let file = localio("localio:///mnt/data/file.dat?direct=1&gds=1");
    assert_eq!((file.direct, file.gds), (DirectMode::Required, true));
    let remote = parse("remoteio://192.168.1.100:5555/dataset?transport=rdma&gdr=1");
    let expected = RemoteioUri {
        host: "192.168.1.100".into(),
        port: 5555,
        dataset: "dataset".into(),
        transport: RemoteTransport::Rdma,
        gdr: true,
        offset: 0,
    };
    assert_eq!(remote.engine, EngineUri::Remoteio(expected));
}

#[test]
fn both_spellings_mean_the_same() {
    for (short, long) in [
        (
            "localio:///data/x?offset=4KiB",
            "gpuio://localio/data/x?offset=4KiB",
        ),
        ("memio://cpu/dram?numa=1", "gpuio://memio/cpu/dram?numa=1"),
        ("remoteio://h:1/d/e", "gpuio://remoteio/h:1/d/e"),
        ("remoteio://[::1]:80/d", "GPUIO://RemoteIO/[::1]:80/d"),
    ] {
        let (short, long) = (parse(short), parse(long));
        assert_eq!(short.engine, long.engine);
        assert_ne!(short.text, long.text);
        assert_eq!(short.to_string(), long.to_string());
    }
}

#[test]
fn defaults_and_every_localio_parameter() {
    let uri = parse("localio:///d");
    assert_eq!(
        (uri.policy, uri.page_bytes, uri.offset()),
        (AccessPolicy::Cached, None, 0)
    );
    let plain = LocalioUri {
        path: "/d".into(),
        direct: DirectMode::Auto,
        offset: 0,
        create: false,
        grow: false,
        depth: 64,
        backend: LocalBackend::Auto,
        gds: false,
    };
    assert_eq!(uri.engine, EngineUri::Localio(plain));
    let text = "localio:///d?policy=pinned&page=64KiB&offset=1.5MiB&direct=0&create=1&grow=1\
                &depth=4096&backend=io_uring&gds=0";
    let uri = parse(text);
    assert_eq!(uri.policy, AccessPolicy::Pinned);
    assert_eq!((uri.page_bytes, uri.offset()), (Some(65_536), 3 << 19));
    let file = localio(text);
    assert_eq!(
        (file.direct, file.create, file.grow),
        (DirectMode::Off, true, true)
    );
    assert_eq!((file.depth, file.backend), (4096, LocalBackend::IoUring));
    assert_eq!(
        localio("localio:///d?backend=threads&direct=auto").backend,
        LocalBackend::Threads
    );
    assert_eq!(parse("memio://cpu/dram?policy=bypass&offset=8").offset(), 8);
}

#[test]
fn names_are_percent_decoded() {
    assert_eq!(localio("localio:///a%20b%3Fc%23d%25").path, "/a b?c#d%");
    assert_eq!(localio("localio:///a b+c=d&e").path, "/a b+c=d&e");
    assert_eq!(localio("localio:///%c3%a9/é").path, "/é/é");
    assert_eq!(localio("localio:///a%0Ab").path, "/a\nb");
    assert_eq!(localio("localio:///a?offset=4%4BiB").offset, 4096);
    assert_eq!(localio("localio:///a?").path, "/a");
}

/// Texts of any engine and of localio: what is refused, at which byte, with which advice.
const REFUSED_LOCALIO: &[(&str, u64, &str)] = &[
    ("", 0, "localio:///absolute/path"),
    ("/data/x", 0, "write localio:///data/x"),
    ("/data/http://x", 0, "write localio:///data/http://x"),
    ("./x", 0, "localio:///absolute/path"),
    ("data.bin", 0, "localio:///absolute/path"),
    ("localio:/data/x", 0, "\"localio://\""),
    ("file:///data/x", 0, "localio:///absolute/path"),
    ("locallio:///x", 0, "did you mean \"localio\""),
    ("gpuio://lokalio/x", 8, "did you mean \"localio\""),
    ("gpuio://", 8, "memio, localio or remoteio"),
    (
        "localio://data/x",
        10,
        "for the file /data/x write localio:///data/x (three slashes)",
    ),
    ("localio://", 10, "absolute path"),
    ("gpuio://localio", 15, "absolute path"),
    ("localio:///a%00b", 12, "NUL"),
    ("localio:///a\0b", 12, "NUL"),
    ("localio:///a\nb", 12, "%0A"),
    ("localio:///a#b", 12, "%23"),
    ("localio:///a%2", 12, "hexadecimal"),
    ("localio:///a%+1", 12, "hexadecimal"),
    ("localio:///a%é", 12, "hexadecimal"),
    ("localio:///%ff", 10, "UTF-8"),
    ("localio:///a?x", 13, "name=value"),
    ("localio:///a?grow=1&&gds=0", 20, "name=value"),
    ("localio:///a?ofset=1", 13, "did you mean \"offset\""),
    (
        "localio:///a?numa=1",
        13,
        "expected one of policy, page, offset, direct",
    ),
    ("localio:///a?grow=1&grow=1", 20, "given twice"),
    ("localio:///a?grow=yes", 18, "0 or 1"),
    ("localio:///a?direct=", 20, "auto, 1 or 0"),
    (
        "localio:///a?backend=iouring",
        21,
        "did you mean \"io_uring\"",
    ),
    ("localio:///a?depth=0", 19, "1 to 4096"),
    ("localio:///a?depth=4097", 19, "1 to 4096"),
    ("localio:///a?depth=+5", 19, "1 to 4096"),
    ("localio:///a?offset=4XiB", 21, "unknown unit \"XiB\""),
    ("localio:///a?offset=4%58iB", 20, "unknown unit \"XiB\""),
    ("localio:///a?offset=-1", 20, "2^63 - 1"),
    ("localio:///a?offset=8388608TiB", 20, "2^63 - 1"),
    ("localio:///a?page=3KiB", 18, "power of two"),
    ("localio:///a?page=4MiB", 18, "power of two"),
    ("localio:///a?policy=cache", 20, "did you mean \"cached\""),
];

/// The same of the other engines.
const REFUSED_OTHERS: &[(&str, u64, &str)] = &[
    ("memio://cpu", 8, "memio://cpu/dram"),
    ("memio://cpu/sram", 12, "dram"),
    ("memio://gpu/dram", 8, "cpu/dram or cxl/"),
    ("memio://cxl/", 12, "pool"),
    ("memio://cxl/a/b", 12, "pool"),
    (
        "memio://cpu/dram?device=0",
        17,
        "unknown parameter \"device\"",
    ),
    ("memio://cpu/dram?numa=1024", 22, "0 to 1023"),
    ("remoteio://host/d", 15, "host:port"),
    ("remoteio://:1/d", 11, "host's name"),
    ("remoteio://user@h:1/d", 15, "in a host's name"),
    ("remoteio://h:0/d", 13, "1 to 65535"),
    ("remoteio://h:+1/d", 13, "1 to 65535"),
    ("remoteio://h:65536/d", 13, "1 to 65535"),
    ("remoteio://[::g]:1/d", 12, "IPv6"),
    ("remoteio://[::1/d", 11, "']'"),
    ("remoteio://[::1]/d", 16, "host:port"),
    ("remoteio://h:1", 14, "data set"),
    ("remoteio://h:1/", 15, "data set"),
];

#[test]
fn refusals_name_the_byte_and_what_was_expected() {
    for (text, position, advice) in REFUSED_LOCALIO.iter().chain(REFUSED_OTHERS) {
        let error = refused(text);
        assert_eq!(error.offset, Some(*position), "{text}: {error}");
        assert!(error.message.contains(advice), "{text}: {error}");
    }
}

#[test]
fn the_length_is_bounded() {
    let longest = format!("localio:///{}", "x".repeat(4096 - 11));
    assert_eq!(localio(&longest).path.len(), 4096 - 10);
    let error = refused(&format!("{longest}x"));
    assert!(
        error.message.contains("4096") && error.message.contains("4097"),
        "{error}"
    );
    assert!(refused(&"\u{1}".repeat(1 << 20)).to_string().len() < 64 << 10);
}

#[test]
fn an_error_shows_no_raw_control_characters() {
    let shown = refused("localio:///a\u{1b}[31m").to_string();
    assert!(
        !shown.contains('\u{1b}') && shown.contains("\\u{1b}"),
        "{shown}"
    );
}

fn name() -> impl Strategy<Value = String> {
    "[^\\x00]{1,20}"
}

fn any_localio() -> impl Strategy<Value = EngineUri> {
    let directs = [DirectMode::Auto, DirectMode::Required, DirectMode::Off];
    let backends = [
        LocalBackend::Auto,
        LocalBackend::IoUring,
        LocalBackend::Threads,
    ];
    let switches = (any::<bool>(), any::<bool>(), any::<bool>());
    let modes = (
        prop::sample::select(directs.to_vec()),
        prop::sample::select(backends.to_vec()),
    );
    (name(), modes, 0..=i64::MAX as u64, switches, 1u32..=4096).prop_map(
        |(name, (direct, backend), offset, (create, grow, gds), depth)| {
            let path = format!("/{name}");
            EngineUri::Localio(LocalioUri {
                path,
                direct,
                offset,
                create,
                grow,
                depth,
                backend,
                gds,
            })
        },
    )
}

fn any_memio() -> impl Strategy<Value = EngineUri> {
    let node = || prop::option::of(0u32..=1023);
    let pool = prop::option::of("[^\\x00/]{1,20}");
    (pool, node(), node(), 0u64..1 << 50).prop_map(|(pool, numa, device, offset)| {
        let device = device.filter(|_| pool.is_some());
        let pool = pool.map_or(MemioPool::CpuDram, |pool| MemioPool::Cxl { pool });
        EngineUri::Memio(MemioUri {
            pool,
            numa,
            device,
            offset,
        })
    })
}

fn any_remoteio() -> impl Strategy<Value = EngineUri> {
    let transports = [
        RemoteTransport::Auto,
        RemoteTransport::Rdma,
        RemoteTransport::Tcp,
    ];
    let host = prop_oneof![
        "[a-z0-9.-]{1,30}",
        any::<std::net::Ipv6Addr>().prop_map(|a| a.to_string())
    ];
    let transport = prop::sample::select(transports.to_vec());
    (
        host,
        1u16..,
        name(),
        transport,
        any::<bool>(),
        0u64..1 << 50,
    )
        .prop_map(|(host, port, dataset, transport, gdr, offset)| {
            EngineUri::Remoteio(RemoteioUri {
                host,
                port,
                dataset,
                transport,
                gdr,
                offset,
            })
        })
}

proptest! {
    #[test]
    fn formatting_and_parsing_undo_each_other(
        engine in prop_oneof![any_localio(), any_memio(), any_remoteio()],
        policy in prop::sample::select(
            vec![AccessPolicy::Cached, AccessPolicy::Bypass, AccessPolicy::Pinned]),
        page_shift in prop::option::of(9u32..=21),
    ) {
        let page_bytes = page_shift.map(|shift| 1 << shift);
        let mut uri = ResourceUri { text: String::new(), engine, policy, page_bytes };
        uri.text = uri.to_string();
        prop_assert_eq!(&parse(&uri.text), &uri);
        let long = format!("gpuio://{}", uri.text.replacen("://", "/", 1));
        // A path brings its own slash after the engine.
        let long = long.replacen("gpuio://localio//", "gpuio://localio/", 1);
        prop_assert_eq!(parse(&long).engine, uri.engine);
    }

    #[test]
    fn no_text_panics(
        head in "(gpuio://)?(localio|memio|remoteio|[a-z]{0,3})(://)?",
        resource in "(/|cpu/|cxl/|[a-z\\[:]{0,6}:[0-9]{0,6}/)?[\\x00-\\x7fé%]{0,12}",
        query in "(\\?([a-z]{0,3}|offset|page|depth|direct)=?[0-9%a-zé&=]{0,8}){0,2}",
        anything in any::<String>(),
    ) {
        for text in [format!("{head}{resource}{query}"), anything] {
            if let Err(error) = ResourceUri::parse(&text) {
                prop_assert!(error.offset.is_some_and(|at| at <= text.len() as u64));
                prop_assert!(!error.message.is_empty());
            }
        }
    }
}
