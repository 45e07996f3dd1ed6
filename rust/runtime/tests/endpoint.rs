//! The server of live figures, asked well and badly.

#[path = "endpoint/client.rs"]
mod client;

use client::{any_port, ask, body, connect, get, rest, snapshot, start, Folder};
use gpuio_core::config::{Config, ConfigLayer, StatsEndpoint};
use gpuio_core::{Error, ErrorCode, Result};
use gpuio_runtime::endpoint::{Endpoint, MAX_CONNECTIONS};
use gpuio_runtime::Context;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread::spawn;

#[test]
fn both_pages_are_served_over_both_kinds_of_socket() {
    let folder = Folder::new();
    for at in [any_port(), folder.socket("figures.sock")] {
        let endpoint = start(&at, || Ok(snapshot()));
        let at = endpoint.address();
        let answer = get(at, "/metrics");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
        assert!(answer.contains("\r\nConnection: close\r\n"));
        assert_eq!(body(&answer), snapshot().prometheus());
        let answer = get(at, "/stats.json?pretty");
        assert!(answer.contains("\r\nContent-Type: application/json\r\n"));
        assert_eq!(body(&answer), snapshot().json());
        let answer = ask(at, "HEAD /stats.json HTTP/1.0\r\n\r\n");
        let length = format!("\r\nContent-Length: {}\r\n", snapshot().json().len());
        assert!(
            answer.contains(&length) && body(&answer).is_empty(),
            "{answer}"
        );
    }
}

#[test]
fn port_0_is_reported_as_the_one_that_was_chosen() {
    let endpoint = start(&any_port(), || Ok(snapshot()));
    let StatsEndpoint::Loopback(address) = endpoint.address() else {
        panic!("{}", endpoint.address());
    };
    assert!(address.ip().is_loopback() && address.port() != 0);
    let off = Endpoint::start(&StatsEndpoint::Off, Arc::new(|| Ok(snapshot())));
    assert!(off.unwrap().is_none());
}

#[test]
fn bad_requests_get_an_answer_that_says_why() {
    let endpoint = start(&any_port(), || Ok(snapshot()));
    let long = format!(
        "GET /metrics HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
        "x".repeat(8 << 10)
    );
    let endless = "x".repeat(1 << 20);
    // More than the server reads: it must not throw its own answer away when it closes.
    let post = format!(
        "POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\n\r\n{}",
        "x".repeat(40_000)
    );
    for (request, status, word) in [
        ("hello\r\n\r\n", "400", "not an HTTP/1.1 request"),
        ("\u{16}\u{3}\u{1}\r\n\r\n", "400", "not an HTTP/1.1 request"),
        (
            "GET /stats HTTP/1.1\r\nHost: a\r\n\r\n",
            "404",
            "/stats.json",
        ),
        (&post, "405", "\r\nAllow: GET, HEAD\r\n"),
        (
            "GET /metrics HTTP/3.0\r\nHost: a\r\n\r\n",
            "505",
            "HTTP/1.1",
        ),
        (&long, "431", "8 KiB"),
    ] {
        let answer = ask(endpoint.address(), request);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert!(answer.contains(word), "{answer}");
    }
    // Who sends without end may find the connection closed before everything is sent.
    let mut stream = connect(endpoint.address());
    let _ = stream.write_all(endless.as_bytes());
    drop(stream);
    assert!(get(endpoint.address(), "/metrics").starts_with("HTTP/1.1 200"));
}

#[test]
fn a_slow_client_is_told_so_and_a_silent_one_is_let_go() {
    let endpoint = start(&any_port(), || Ok(snapshot()));
    let mut slow = connect(endpoint.address());
    slow.write_all(b"GET /metrics HTT").unwrap();
    assert!(rest(&mut *slow).starts_with("HTTP/1.1 408 "));
    let mut silent = connect(endpoint.address());
    assert!(rest(&mut *silent).starts_with("HTTP/1.1 408 "));
}

#[test]
fn clients_that_go_away_at_once_do_no_harm() {
    let folder = Folder::new();
    for at in [any_port(), folder.socket("figures.sock")] {
        let endpoint = start(&at, || Ok(snapshot()));
        for _ in 0..20 {
            let mut stream = connect(endpoint.address());
            stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
        }
        assert!(get(endpoint.address(), "/metrics").starts_with("HTTP/1.1 200"));
    }
}

#[test]
fn four_are_served_at_a_time_and_the_others_later() {
    let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    // Nobody gets an answer before four are being served.
    let together = Arc::new(Barrier::new(MAX_CONNECTIONS));
    let source = {
        let (inside, most) = (Arc::clone(&inside), Arc::clone(&most));
        move || {
            most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            together.wait();
            inside.fetch_sub(1, Ordering::SeqCst);
            Ok(snapshot())
        }
    };
    let endpoint = start(&any_port(), source);
    let clients: Vec<_> = (0..3 * MAX_CONNECTIONS)
        .map(|_| {
            let at = endpoint.address().clone();
            spawn(move || get(&at, "/metrics"))
        })
        .collect();
    for client in clients {
        assert!(client.join().unwrap().starts_with("HTTP/1.1 200"));
    }
    assert_eq!(most.load(Ordering::SeqCst), MAX_CONNECTIONS);
}

#[test]
fn the_end_closes_connections() {
    let endpoint = start(&any_port(), || Ok(snapshot()));
    let at = endpoint.address().clone();
    let mut idle = connect(&at);
    assert!(get(&at, "/metrics").starts_with("HTTP/1.1 200")); // so the idle one is served, too
    drop(endpoint);
    // Read to its end: the connection is closed. On a busy machine its time may have come first.
    let last = rest(&mut *idle);
    assert!(
        last.is_empty() || last.starts_with("HTTP/1.1 408 "),
        "{last}"
    );
    let again = start(&at, || Ok(snapshot()));
    assert_eq!(again.address(), &at);
}

#[test]
fn a_source_that_fails_is_quoted() {
    let fails = || {
        Err(Error::new(
            ErrorCode::Timeout,
            "collect figures",
            "the service is asleep",
        ))
    };
    let endpoint = start(&any_port(), fails);
    let answer = get(endpoint.address(), "/metrics");
    assert!(
        answer.starts_with("HTTP/1.1 503 ") && answer.contains("is asleep"),
        "{answer}"
    );
}

fn refused(at: &StatsEndpoint) -> Error {
    let outcome: Result<Option<Endpoint>> = Endpoint::start(at, Arc::new(|| Ok(snapshot())));
    outcome.err().expect("it is refused")
}

#[test]
fn a_port_in_use_is_an_error_that_says_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = StatsEndpoint::Loopback(taken.local_addr().unwrap());
    let error = refused(&at);
    assert_eq!(
        (error.code, error.resource.as_str()),
        (ErrorCode::Busy, &*at.to_string())
    );
    assert!(error.message.contains("port 0"), "{error}");
    // An address for documentation: no machine has it.
    let error = refused(&StatsEndpoint::parse("public:192.0.2.1:9464").unwrap());
    assert_eq!(error.code, ErrorCode::InvalidArgument, "{error}");
}

#[test]
fn a_path_in_use_is_an_error_and_a_socket_left_behind_is_replaced() {
    let folder = Folder::new();
    let at = folder.socket("figures.sock");
    let path = folder.0.join("figures.sock");
    let first = start(&at, || Ok(snapshot()));
    let error = refused(&at);
    assert_eq!(error.code, ErrorCode::Busy, "{error}");
    assert!(error.message.contains("another path"), "{error}");
    drop(first);
    assert!(!path.exists());
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "left behind");
    drop(start(&at, || Ok(snapshot())));
    std::fs::write(&path, "a file of the user's").unwrap();
    assert_eq!(refused(&at).code, ErrorCode::Busy);
    assert_eq!(std::fs::read(&path).unwrap(), b"a file of the user's");
    let error = refused(&folder.socket("no/such/folder.sock"));
    assert_eq!(error.code, ErrorCode::NotFound, "{error}");
    let error = refused(&StatsEndpoint::Unix("x".repeat(200)));
    assert_eq!(error.code, ErrorCode::InvalidArgument, "{error}");
    assert!(error.message.contains("107"), "{error}");
}

#[test]
fn a_socket_that_another_program_put_there_stays() {
    let folder = Folder::new();
    let path = folder.0.join("figures.sock");
    let endpoint = start(&folder.socket("figures.sock"), || Ok(snapshot()));
    std::fs::remove_file(&path).unwrap();
    let _others = UnixListener::bind(&path).unwrap();
    drop(endpoint);
    assert!(path.exists());
}

fn context(stats_endpoint: &str) -> Result<Arc<Context>> {
    let settings = [
        ("device", "host"),
        ("memory_pool_size", "16MiB"),
        ("stats_endpoint", stats_endpoint),
    ];
    let code = ConfigLayer::from_code(settings.map(|(name, text)| (name.into(), text.into())))?;
    let none = ConfigLayer::default;
    Context::new(Config::resolve(code, none(), none())?)
}

#[test]
fn a_context_serves_what_it_counts() {
    let folder = Folder::new();
    let file = folder.0.join("data");
    std::fs::write(&file, vec![7u8; 1 << 20]).unwrap();
    let context = context("127.0.0.1:0").unwrap();
    let at = context.stats_endpoint();
    assert!(get(&at, "/metrics").contains("\ngpuio_l2_hits_total 0\n"));
    let uri = format!("localio://{}", file.display());
    let array = context.open(&uri, 1 << 20, 1, false).unwrap();
    let mut bytes = [0; 1000];
    context.read(&array, 0, &mut bytes).unwrap();
    let answer = get(&at, "/metrics");
    let hits = context.snapshot().unwrap().l2.hits;
    assert!(hits > 0 && answer.contains(&format!("\ngpuio_l2_hits_total {hits}\n")));
    context.close(&array).unwrap();
    context.stop_service();
    assert!(get(&at, "/stats.json").starts_with("HTTP/1.1 503 "));
    let error = context.snapshot().unwrap_err();
    assert!(error.message.contains("has stopped"), "{error}");
    drop(context);
    drop(start(&at, || Ok(snapshot())));
}

#[test]
fn without_the_key_nobody_listens_and_a_taken_address_is_no_context() {
    let quiet = context("off").unwrap();
    assert_eq!(quiet.stats_endpoint(), StatsEndpoint::Off);
    assert!(quiet.snapshot().is_ok());
    let first = context("127.0.0.1:0").unwrap();
    let error = context(&first.stats_endpoint().to_string()).err().unwrap();
    assert_eq!(error.code, ErrorCode::Busy, "{error}");
}
