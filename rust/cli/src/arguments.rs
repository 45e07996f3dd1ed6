//! The command line.

use crate::Failure;
use gpuio_core::config::StatsEndpoint;
use lexopt::{Arg, Parser, ValueExt};
use std::ffi::OsString;
use std::time::Duration;

/// What `gpuio --help` prints.
pub const HELP: &str = "\
gpuio: GPU kernels index arrays larger than GPU memory

  gpuio stats [OPTION...]  live figures of a running program: queues, waits, service times, caches
      --endpoint ADDRESS   its stats_endpoint: 127.0.0.1:PORT, unix:PATH, public:ADDRESS:PORT;
                           without it, that of the variable GPUIO_STATS_ENDPOINT
      --interval SECONDS   time between two looks, 0.1 to 3600 [1]
      --once               one look, then the end
      --json               one JSON object a look, on a line of its own
  gpuio info               version, devices, and which I/O paths this machine has
  gpuio --help, --version

A program serves its figures when it is started with GPUIO_STATS_ENDPOINT, or sets
gpuio::Config::stats_endpoint.

Exit codes: 0 done, also after Ctrl-C; 1 what answers is no gpuio program or has an error; 2 wrong
command line; 3 nothing listens at the address; 4 the program that was watched has ended.
";

const INTERVAL_S: std::ops::RangeInclusive<f64> = 0.1..=3600.0;

/// What is asked for.
#[derive(Debug, PartialEq)]
pub enum Command {
    Help,
    Version,
    Info,
    Stats(StatsOptions),
}

/// How `gpuio stats` goes about it.
#[derive(Debug, PartialEq)]
pub struct StatsOptions {
    /// Not `off`.
    pub endpoint: StatsEndpoint,
    pub interval: Duration,
    pub once: bool,
    pub json: bool,
}

/// Reads the arguments after the program's name. `variable` is GPUIO_STATS_ENDPOINT.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    variable: Option<String>,
) -> Result<Command, Failure> {
    let mut parser = Parser::from_args(arguments);
    let command = match parser.next().map_err(usage)? {
        None => return Err(Failure::Usage("no command".into())),
        Some(Arg::Short('h') | Arg::Long("help")) => Command::Help,
        Some(Arg::Short('V') | Arg::Long("version")) => Command::Version,
        Some(Arg::Value(name)) if name == "help" => Command::Help,
        Some(Arg::Value(name)) if name == "info" => Command::Info,
        Some(Arg::Value(name)) if name == "stats" => return stats(&mut parser, variable),
        Some(Arg::Value(name)) => {
            let message = format!("no command {name:?}; there are stats and info");
            return Err(Failure::Usage(message));
        }
        Some(other) => return Err(usage(other.unexpected())),
    };
    match parser.next().map_err(usage)? {
        None => Ok(command),
        Some(Arg::Short('h') | Arg::Long("help")) => Ok(Command::Help),
        Some(other) => Err(usage(other.unexpected())),
    }
}

fn stats(parser: &mut Parser, variable: Option<String>) -> Result<Command, Failure> {
    let mut endpoint = variable.filter(|text| !text.is_empty());
    let mut options = StatsOptions {
        endpoint: StatsEndpoint::Off,
        interval: Duration::from_secs(1),
        once: false,
        json: false,
    };
    while let Some(argument) = parser.next().map_err(usage)? {
        match argument {
            Arg::Long("endpoint") => {
                endpoint = Some(parser.value().and_then(|it| it.string()).map_err(usage)?);
            }
            Arg::Long("interval") => options.interval = interval(parser)?,
            Arg::Long("once") => options.once = true,
            Arg::Long("json") => options.json = true,
            Arg::Short('h') | Arg::Long("help") => return Ok(Command::Help),
            other => return Err(usage(other.unexpected())),
        }
    }
    options.endpoint = address(endpoint.as_deref())?;
    Ok(Command::Stats(options))
}

fn interval(parser: &mut Parser) -> Result<Duration, Failure> {
    let seconds: f64 = parser.value().and_then(|it| it.parse()).map_err(usage)?;
    if !INTERVAL_S.contains(&seconds) {
        let message = format!("--interval {seconds}: from 0.1 to 3600 seconds");
        return Err(Failure::Usage(message));
    }
    Ok(Duration::from_secs_f64(seconds))
}

fn address(text: Option<&str>) -> Result<StatsEndpoint, Failure> {
    let Some(text) = text else {
        let message = "no address: give --endpoint 127.0.0.1:PORT or --endpoint unix:PATH, the \
                       program's stats_endpoint";
        return Err(Failure::Usage(message.into()));
    };
    let port = |port| Failure::Usage(format!("the endpoint {text:?} has {port}"));
    match StatsEndpoint::parse(text) {
        Err(message) => Err(Failure::Usage(format!("the endpoint: {message}"))),
        Ok(StatsEndpoint::Off) => Err(port("no address: off is off")),
        Ok(StatsEndpoint::Loopback(it) | StatsEndpoint::Public(it)) if it.port() == 0 => {
            Err(port("port 0: ask the program which one it got"))
        }
        Ok(endpoint) => Ok(endpoint),
    }
}

fn usage(error: lexopt::Error) -> Failure {
    Failure::Usage(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str, variable: Option<&str>) -> Result<Command, Failure> {
        let words = line.split_whitespace().map(OsString::from);
        parse(words, variable.map(String::from))
    }

    #[test]
    fn options_are_understood() {
        let line = "stats --endpoint unix:/a --interval=0.5 --json --once";
        let Ok(Command::Stats(options)) = parsed(line, Some("127.0.0.1:1")) else {
            panic!("not understood");
        };
        assert_eq!(options.endpoint, StatsEndpoint::Unix("/a".into()));
        assert_eq!(options.interval, Duration::from_millis(500));
        assert!(options.once && options.json);
        let Ok(Command::Stats(options)) = parsed("stats", Some("127.0.0.1:1")) else {
            panic!("not understood");
        };
        assert_eq!(options.endpoint.to_string(), "127.0.0.1:1");
        assert!(!options.once && !options.json);
        for (line, command) in [
            ("--help", Command::Help),
            ("stats --help", Command::Help),
            ("info -h", Command::Help),
            ("-V", Command::Version),
            ("info", Command::Info),
        ] {
            assert_eq!(parsed(line, None).unwrap(), command, "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, word) in [
            ("", "no command"),
            ("stat", "stats and info"),
            ("--nonsense", "--nonsense"),
            ("info more", "more"),
            ("stats", "--endpoint"),
            ("stats --endpoint", "--endpoint"),
            ("stats --endpoint off", "off"),
            ("stats --endpoint 127.0.0.1:0", "port 0"),
            ("stats --endpoint example.org:80", "127.0.0.1:PORT"),
            ("stats --endpoint unix:/a --interval 0", "0.1 to 3600"),
            ("stats --endpoint unix:/a --interval NaN", "0.1 to 3600"),
            ("stats --endpoint unix:/a --interval soon", "soon"),
            ("stats --endpoint unix:/a --always", "--always"),
        ] {
            let Err(failure) = parsed(line, None) else {
                panic!("{line} is not refused");
            };
            let message = failure.message().unwrap();
            assert_eq!(failure.code(), 2, "{line}");
            assert!(message.contains(word), "{line}: {message}");
        }
    }
}
