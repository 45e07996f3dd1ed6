//! Bugs, as the rules would meet them: the order is not asked for, so nobody keeps it.

use super::place::Kind;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    Nothing,
    /// A stream's requests are in no stream.
    NoStream,
    /// A stream does not wait for the event.
    NoWait,
    /// An event is reached before what was submitted before it: it is recorded in another stream.
    EarlyEvent,
    /// The parts of a batch are requests without order.
    LooseParts,
    /// Of a batch, those parts that no engine can carry out are.
    LooseCopies,
}

/// What a rule says of one seed: what it found wrong, if anything.
pub type Rule = fn(Kind, u64, Planted) -> Result<(), String>;

const SEEDS: u64 = 4;
/// A bug may stay hidden in one order of things, but not in so many.
const SEEDS_WITH_BUG: u64 = 25;

/// Runs the rule as it is, and with its bugs; these not under ThreadSanitizer, which would report
/// what they are: races.
pub fn holds_and_sees_its_bugs(kind: Kind, rule: Rule, bugs: &[Planted]) {
    for seed in 0..SEEDS {
        rule(kind, seed, Planted::Nothing).unwrap_or_else(|what| panic!("seed {seed}: {what}"));
    }
    let is_watched = std::env::var_os("TSAN_OPTIONS").is_some();
    for bug in bugs.iter().filter(|_| !is_watched) {
        let is_found = (0..SEEDS_WITH_BUG).any(|seed| rule(kind, seed, *bug).is_err());
        assert!(is_found, "{bug:?} was not found");
    }
}
