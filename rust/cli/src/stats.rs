//! `gpuio stats`: looks again and again.

use crate::arguments::StatsOptions;
use crate::figures::FiguresOf;
use crate::{client, put, table, Failure};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How soon Ctrl-C is noticed.
const NAP: Duration = Duration::from_millis(50);

/// How a table comes to stand where the one before it stood: the cursor goes home, what is left
/// of the old lines and below is erased. Once at the start the screen is cleared.
const CLEAR: &str = "\x1b[2J";
const HOME: &str = "\x1b[H";
const ERASE_LINE_END: &str = "\x1b[K\n";
const ERASE_BELOW: &str = "\x1b[J";

/// Shows the figures until Ctrl-C, or once.
///
/// # Errors
/// See [`Failure`]; after the first look, a program that is gone is `Ended`.
pub fn run(options: &StatsOptions) -> Result<(), Failure> {
    let stop = stop_flag()?;
    let in_place = std::io::stdout().is_terminal() && !options.once && !options.json;
    let mut before: Option<(FiguresOf, Instant)> = None;
    while !stop.load(Ordering::Relaxed) {
        let looked = Instant::now();
        let json = match look(options, before.is_some(), &stop) {
            Err(_) if stop.load(Ordering::Relaxed) => break,
            outcome => outcome?,
        };
        let now = FiguresOf::read(&json, &options.endpoint)?;
        let text = match options.json {
            true => json + "\n",
            false => {
                let earlier = before.as_ref().map(|(it, when)| (it, looked - *when));
                table::render(&options.endpoint, &now, earlier)
            }
        };
        put(&match (in_place, before.is_some()) {
            (true, is_again) => over_the_last(&text, is_again),
            // Blocks, with an empty line between them.
            (false, true) if !options.json => format!("\n{text}"),
            (false, _) => text,
        })?;
        if options.once {
            break;
        }
        before = Some((now, looked));
        sleep_until(looked + options.interval, &stop);
    }
    Ok(())
}

fn stop_flag() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).map_err(|error| {
            let message = format!("cannot watch for Ctrl-C: {error}");
            Failure::General(message)
        })?;
    }
    Ok(stop)
}

/// The program's JSON. One that answered before and now breaks off is asked once more: it may be
/// about to end, and then nobody listens any more.
fn look(options: &StatsOptions, is_again: bool, stop: &AtomicBool) -> Result<String, Failure> {
    let get = || client::get(&options.endpoint, "/stats.json", stop);
    let may_retry = || is_again && !stop.load(Ordering::Relaxed);
    match get().or_else(|failure| if may_retry() { get() } else { Err(failure) }) {
        Err(Failure::Nobody(_)) if is_again => {
            let message = format!("the program at {} has ended", options.endpoint);
            Err(Failure::Ended(message))
        }
        outcome => outcome,
    }
}

fn over_the_last(text: &str, is_again: bool) -> String {
    let start = if is_again { "" } else { CLEAR };
    let lines = text.replace('\n', ERASE_LINE_END);
    format!("{start}{HOME}{lines}{ERASE_BELOW}")
}

fn sleep_until(when: Instant, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let left = when.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        std::thread::sleep(left.min(NAP));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_leaves_nothing_of_the_one_before() {
        let first = over_the_last("a\nb\n", false);
        assert_eq!(first, "\x1b[2J\x1b[Ha\x1b[K\nb\x1b[K\n\x1b[J");
        assert!(!over_the_last("a\n", true).contains(CLEAR));
    }
}
