//! Giving way: letting whoever waits for the service's core have it.
//!
//! The kernel often puts a thread that the service has woken behind it, on its core, and there it
//! would stay until the service sleeps. So the service gives way. But a process that computes keeps
//! the core for milliseconds once it has it, and a service that gives way again and again gets next
//! to nothing. Then only sleep helps: the kernel soon lets those go on who have slept.

use std::time::{Duration, Instant};

/// Whoever had the core for so long computes; who only takes what has ended, and asks for more,
/// needs tens of microseconds.
const KEPT: Duration = Duration::from_micros(500);
/// How long the service does not give way then. Trying costs a few milliseconds.
const CLOSED: Duration = Duration::from_millis(100);

/// See the module's comment.
#[derive(Default)]
pub struct Way {
    closed_until: Option<Instant>,
}

impl Way {
    /// Gives way. False, at once, if it was not given back soon lately.
    pub fn give(&mut self) -> bool {
        let before = Instant::now();
        if !self.is_open(before) {
            return false;
        }
        std::thread::yield_now();
        let now = Instant::now();
        self.note(now - before, now);
        true
    }

    fn is_open(&self, now: Instant) -> bool {
        self.closed_until.is_none_or(|until| now >= until)
    }

    fn note(&mut self, kept: Duration, now: Instant) {
        self.closed_until = (kept >= KEPT).then(|| now + CLOSED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_closes_for_a_while_when_somebody_kept_the_core() {
        let (mut way, start) = (Way::default(), Instant::now());
        way.note(KEPT / 2, start);
        assert!(way.is_open(start));
        way.note(KEPT, start);
        assert!(!way.is_open(start));
        assert!(!way.is_open(start + CLOSED / 2));
        assert!(way.is_open(start + CLOSED));
        way.note(KEPT / 2, start + CLOSED);
        assert!(way.is_open(start + CLOSED));
    }

    #[test]
    fn a_closed_way_is_not_given() {
        let closed_until = Some(Instant::now() + Duration::from_secs(3600));
        let mut way = Way { closed_until };
        assert!(!way.give());
        way.closed_until = None;
        assert!(way.give());
    }
}
