//! The real program against a real endpoint, and against what is none.

use gpuio_core::config::{Config, ConfigLayer, StatsEndpoint};
use gpuio_core::exposition::Snapshot;
use gpuio_core::scheduling::RequestClass;
use gpuio_core::{Error, ErrorCode};
use gpuio_runtime::endpoint::Endpoint;
use gpuio_runtime::Context;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

fn gpuio(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gpuio"));
    command.args(arguments).env_remove("GPUIO_STATS_ENDPOINT");
    command.stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    gpuio(arguments).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

fn any_port() -> StatsEndpoint {
    StatsEndpoint::parse("127.0.0.1:0").unwrap()
}

/// An endpoint whose requests grow by 100 a look.
fn endpoint(at: &StatsEndpoint) -> Endpoint {
    let looks = AtomicU64::new(0);
    let source = move || {
        let mut snapshot = Snapshot::default();
        let class = snapshot.figures.class_mut(RequestClass::Checkpoint);
        class.submitted = 100 * (1 + looks.fetch_add(1, Ordering::Relaxed));
        class.completed = 4711;
        class.wait_ns.record(500);
        Ok(snapshot)
    };
    Endpoint::start(at, Arc::new(source)).unwrap().unwrap()
}

/// Started with `arguments`, and its standard output line by line.
fn watch(arguments: &[&str]) -> (Child, impl Iterator<Item = String>) {
    let mut command = gpuio(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines.map(|line| line.expect("UTF-8")))
}

fn row(text: &str, class: &str) -> Vec<String> {
    let found = text.lines().find(|line| line.starts_with(class));
    let line = found.unwrap_or_else(|| panic!("no row {class} in\n{text}"));
    line.split_whitespace().map(String::from).collect()
}

#[test]
fn one_look_shows_the_table() {
    let folder = std::env::temp_dir().join(format!("gpuio-cli-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let socket = format!("unix:{}/figures.sock", folder.display());
    for at in [any_port(), StatsEndpoint::parse(&socket).unwrap()] {
        let endpoint = endpoint(&at);
        let output = run(&[
            "stats",
            "--once",
            "--endpoint",
            &endpoint.address().to_string(),
        ]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let words = row(text(&output.stdout), "CHECKPOINT");
        assert_eq!(words[1..6], ["-", "4711", "500ns", "500ns", "500ns"]);
        assert!(
            !text(&output.stdout).contains('\u{1b}'),
            "no terminal, no escapes"
        );
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn the_address_comes_from_the_variable_as_well() {
    let endpoint = endpoint(&any_port());
    let mut command = gpuio(&["stats", "--once", "--json"]);
    command.env("GPUIO_STATS_ENDPOINT", endpoint.address().to_string());
    let output = command.output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["classes"]["CHECKPOINT"]["completed"], 4711);
}

#[test]
fn json_is_one_object_a_line() {
    let endpoint = endpoint(&any_port());
    let at = endpoint.address().to_string();
    let (mut child, lines) = watch(&["stats", "--json", "--interval", "0.1", "--endpoint", &at]);
    let submitted: Vec<u64> = lines
        .take(3)
        .map(|line| {
            let json: serde_json::Value = serde_json::from_str(&line).expect("JSON");
            json["classes"]["CHECKPOINT"]["submitted"].as_u64().unwrap()
        })
        .collect();
    assert_eq!(submitted, [100, 200, 300]);
    // The reader has gone: as with `gpuio stats --json | head -3`.
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_second_look_has_rates_and_ctrl_c_ends_it_well() {
    let endpoint = endpoint(&any_port());
    let at = endpoint.address().to_string();
    let (mut child, mut lines) = watch(&["stats", "--interval", "0.1", "--endpoint", &at]);
    let mut rows = lines.by_ref().filter(|line| line.starts_with("CHECKPOINT"));
    let new = |line: String| line.split_whitespace().nth(1).map(String::from).unwrap();
    assert_eq!(new(rows.next().expect("a first table")), "-");
    let rate: u64 = new(rows.next().expect("a second table"))
        .parse()
        .expect("a rate");
    assert!(rate > 0);
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(killed.expect("kill runs").success());
    lines.for_each(drop);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// `script` gives the program a terminal. It belongs to every Debian; elsewhere it may be missing.
#[test]
fn on_a_terminal_tables_replace_each_other() {
    let endpoint = endpoint(&any_port());
    let binary = env!("CARGO_BIN_EXE_gpuio");
    let line = format!(
        "{binary} stats --interval 0.1 --endpoint {}",
        endpoint.address()
    );
    let mut command = Command::new("script");
    command
        .args(["-qec", &line, "/dev/null"])
        .stdin(Stdio::null());
    let Ok(mut child) = command.stdout(Stdio::piped()).spawn() else {
        eprintln!("not tested: there is no program called script");
        return;
    };
    let mut shown = Vec::new();
    let mut out = child.stdout.take().unwrap();
    let mut piece = [0; 4096];
    while text(&shown).matches("\u{1b}[J").count() < 3 {
        let count = out.read(&mut piece).unwrap();
        assert!(count > 0, "it ended: {}", text(&shown));
        shown.extend_from_slice(&piece[..count]);
    }
    drop(endpoint);
    out.read_to_end(&mut shown).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(4));
    let shown = text(&shown);
    assert_eq!(shown.matches("\u{1b}[2J").count(), 1, "{shown}");
    assert!(shown.matches("\u{1b}[H").count() >= 3, "{shown}");
}

#[test]
fn a_program_that_ends_is_told_from_one_that_never_was() {
    let endpoint = endpoint(&any_port());
    let at = endpoint.address().to_string();
    let (mut child, mut lines) = watch(&["stats", "--interval", "0.1", "--endpoint", &at]);
    lines.next().expect("a first table");
    drop(endpoint);
    lines.for_each(drop);
    let mut message = String::new();
    let mut errors = child.stderr.take().unwrap();
    errors.read_to_string(&mut message).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(4), "{message}");
    assert!(message.contains("has ended"), "{message}");
    let output = run(&["stats", "--endpoint", &at]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("nothing answers at 127.0.0.1:"));
    assert!(output.stdout.is_empty());
    let output = run(&["stats", "--endpoint", "unix:/no/such/socket"]);
    assert_eq!(output.status.code(), Some(3));
}

/// One good answer, and at the second look the program is just about to end: it has taken the
/// connection, but it does not answer any more.
#[test]
fn a_program_that_ends_while_it_is_asked_has_ended() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let (mut first, _) = listener.accept().unwrap();
        let _ = first.read(&mut [0; 4096]);
        let json = Snapshot::default().json();
        let _ = write!(first, "HTTP/1.1 200 OK\r\n\r\n{json}");
        drop(first);
        let second = listener.accept();
        drop(listener);
        drop(second);
    });
    let output = run(&["stats", "--interval", "0.1", "--endpoint", &at]);
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
}

/// Answers every connection with the same bytes.
fn liar(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer);
        }
    });
    at
}

#[test]
fn garbage_is_called_that() {
    for (answer, word) in [
        (&b""[..], "not HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not HTTP"),
        (b"\xff\xfe\r\n\r\n", "not UTF-8"),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "does not have the page"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "cut off"),
        (b"HTTP/1.1 200 OK\r\n\r\n<html>", "not JSON"),
        (b"HTTP/1.1 200 OK\r\n\r\n{\"classes\":7}", "not the figures"),
        (b"HTTP/1.1 200 OK\r\n\r\n[]", "not the figures"),
    ] {
        let output = run(&["stats", "--endpoint", &liar(answer)]);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(message.contains(word), "{message}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn what_the_program_says_of_itself_is_passed_on() {
    let fails = || {
        Err(Error::new(
            ErrorCode::General,
            "collect figures",
            "it has stopped",
        ))
    };
    let endpoint = Endpoint::start(&any_port(), Arc::new(fails))
        .unwrap()
        .unwrap();
    let output = run(&["stats", "--endpoint", &endpoint.address().to_string()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("it has stopped"));
}

#[test]
fn a_context_is_shown() {
    let settings = [
        ("device", "host"),
        ("memory_pool_size", "16MiB"),
        ("stats_endpoint", "127.0.0.1:0"),
    ];
    let code = ConfigLayer::from_code(settings.map(|(name, text)| (name.into(), text.into())));
    let none = ConfigLayer::default;
    let config = Config::resolve(code.unwrap(), none(), none()).unwrap();
    let context = Context::new(config).unwrap();
    let at = context.stats_endpoint().to_string();
    let output = run(&["stats", "--once", "--endpoint", &at]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    assert!(
        shown.contains(&at) && shown.contains("\nL2  no accesses; 0 misses"),
        "{shown}"
    );
}

#[test]
fn the_rest_of_the_command_line() {
    for (arguments, code, out, err) in [
        (
            &["--version"][..],
            0,
            concat!("gpuio ", env!("CARGO_PKG_VERSION")),
            "",
        ),
        (&["--help"], 0, "gpuio stats", ""),
        (&["info"], 0, "host", ""),
        (&["info"], 0, "io_uring", ""),
        (&[], 2, "", "gpuio --help"),
        (&["stats"], 2, "", "--endpoint"),
        (
            &["stats", "--endpoint", "0.0.0.0:1"],
            2,
            "",
            "public:0.0.0.0:1",
        ),
        (&["perf"], 2, "", "perf"),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(
            text(&output.stdout).contains(out),
            "{}",
            text(&output.stdout)
        );
        assert!(
            text(&output.stderr).contains(err),
            "{}",
            text(&output.stderr)
        );
        assert_eq!(output.stderr.is_empty(), code == 0);
    }
}
