//! Waiting for the GPU without holding a CPU: a short burst of polls, then sleeps that grow.

use std::thread;
use std::time::{Duration, Instant};

use gpuio_core::Result;

/// How long to poll without sleeping: longer than a small copy takes, shorter than a sleep costs.
const SPIN: Duration = Duration::from_micros(50);
/// The first sleep after that.
const FIRST_SLEEP: Duration = Duration::from_micros(20);
/// Sleeps double up to this one: what a long wait can add to the latency of its end.
const LONGEST_SLEEP: Duration = Duration::from_millis(1);

/// Asks `ready` until it says yes or fails, for at most `timeout`. Returns whether it said yes;
/// asks at least once, and once more after the time is up.
pub(super) fn poll(timeout: Duration, mut ready: impl FnMut() -> Result<bool>) -> Result<bool> {
    let start = Instant::now();
    let mut sleep = FIRST_SLEEP;
    loop {
        if ready()? {
            return Ok(true);
        }
        let elapsed = start.elapsed();
        if elapsed >= timeout {
            return ready();
        }
        if elapsed < SPIN {
            std::hint::spin_loop();
            continue;
        }
        thread::sleep(sleep.min(timeout - elapsed));
        sleep = (sleep * 2).min(LONGEST_SLEEP);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gpuio_core::{Error, ErrorCode};

    #[test]
    fn ends_when_ready_when_late_and_when_it_fails() {
        let mut asked_count = 0;
        let ready = poll(Duration::from_secs(60), || {
            asked_count += 1;
            Ok(asked_count == 3)
        });
        assert_eq!((ready, asked_count), (Ok(true), 3));
        assert_eq!(poll(Duration::from_micros(300), || Ok(false)), Ok(false));
        assert_eq!(poll(Duration::ZERO, || Ok(true)), Ok(true));
        let failure = Error::new(ErrorCode::Io, "ask", "broken");
        assert_eq!(
            poll(Duration::from_secs(60), || Err(failure.clone())),
            Err(failure)
        );
    }
}
