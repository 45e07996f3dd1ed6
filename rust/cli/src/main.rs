//! The `gpuio` program: `gpuio stats` shows the live figures of a running program, `gpuio info`
//! what this machine has. docs/figures.md describes both, and the exit codes.
#![forbid(unsafe_code)]

mod arguments;
mod client;
mod figures;
mod info;
mod quantity;
mod stats;
mod table;

use arguments::Command;
use std::io::Write;
use std::process::ExitCode;

/// Why the program ends, other than having done what it was asked to.
#[derive(Debug)]
pub enum Failure {
    /// What answers is no program of ours or reports an error, or the output failed.
    General(String),
    /// The command line is wrong.
    Usage(String),
    /// Nothing listens at the address.
    Nobody(String),
    /// The program that was watched has ended.
    Ended(String),
    /// Whoever read the output has had enough: `gpuio stats | head`.
    Enough,
}

impl Failure {
    fn code(&self) -> u8 {
        match self {
            Self::Enough => 0,
            Self::General(_) => 1,
            Self::Usage(_) => 2,
            Self::Nobody(_) => 3,
            Self::Ended(_) => 4,
        }
    }

    fn message(&self) -> Option<String> {
        match self {
            Self::Enough => None,
            Self::Usage(text) => Some(format!("{text}; see gpuio --help")),
            Self::General(text) | Self::Nobody(text) | Self::Ended(text) => Some(text.clone()),
        }
    }
}

/// Writes all of it and sees that it is out.
fn put(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::BrokenPipe => Failure::Enough,
        _ => Failure::General(format!("cannot write to standard output: {error}")),
    })
}

fn run() -> Result<(), Failure> {
    let variable = std::env::var("GPUIO_STATS_ENDPOINT").ok();
    match arguments::parse(std::env::args_os().skip(1), variable)? {
        Command::Help => put(arguments::HELP),
        Command::Version => put(&format!("gpuio {}\n", env!("CARGO_PKG_VERSION"))),
        Command::Info => put(&info::text()),
        Command::Stats(options) => stats::run(&options),
    }
}

fn main() -> ExitCode {
    let Err(failure) = run() else {
        return ExitCode::SUCCESS;
    };
    if let Some(message) = failure.message() {
        // Nowhere is left to say that standard error is closed.
        let _ = writeln!(std::io::stderr(), "gpuio: {message}");
    }
    ExitCode::from(failure.code())
}
