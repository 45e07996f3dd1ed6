//! Whether and when a transfer that failed is tried again.

use super::RequestKind;
use crate::random::Random;
use crate::{Error, ErrorCode, Result};

/// Most retries that can be asked for.
pub const MAX_RETRIES: u32 = 1000;

/// The specification's `gpuio_retry_policy_t` (section 7.2), and a bound for all attempts together.
///
/// The wait before retry `n` (from 1) is `initial_backoff_us * backoff_multiplier^(n-1)`, at most
/// `max_backoff_us`; of that, a random part between half and all is waited ("equal jitter": Marc
/// Brooker, *Exponential Backoff And Jitter*, AWS Architecture Blog, 2015), so that what failed
/// together does not come back together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Attempts after the first.
    pub max_retries: u32,
    /// The wait before the first retry.
    pub initial_backoff_us: u64,
    /// The longest wait.
    pub max_backoff_us: u64,
    /// By how much each wait is longer than the one before; at least 1.
    pub backoff_multiplier: f64,
    /// No attempt begins later than this after the first one; 0 for no such bound.
    pub total_deadline_us: u64,
}

impl Default for RetryPolicy {
    /// Four retries within about 15 ms, and nothing after ten seconds.
    fn default() -> Self {
        Self {
            max_retries: 4,
            initial_backoff_us: 1_000,
            max_backoff_us: 100_000,
            backoff_multiplier: 2.0,
            total_deadline_us: 10_000_000,
        }
    }
}

/// What failed, and how often.
#[derive(Clone, Copy, Debug)]
pub struct Failure {
    /// What was tried.
    pub kind: RequestKind,
    /// How often, this time included; at least 1.
    pub attempts: u32,
    /// When the first attempt began.
    pub first_ns: u64,
    /// When the request has to be done, if it has a deadline.
    pub deadline_ns: Option<u64>,
}

/// What to do about it.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Try again at this time, not before.
    RetryAt {
        /// Nanoseconds on the caller's clock.
        at_ns: u64,
    },
    /// It has failed for good. The error says how often it was tried.
    GiveUp(Error),
}

impl RetryPolicy {
    /// Refuses what makes no sense.
    ///
    /// # Errors
    /// `InvalidArgument`: more than [`MAX_RETRIES`], a multiplier that is not a number from 1 to
    /// 1000, a first wait that is longer than the longest.
    pub fn validate(&self) -> Result<()> {
        let refuse = |why: String| {
            Err(Error::new(
                ErrorCode::InvalidArgument,
                "set a retry policy",
                why,
            ))
        };
        if self.max_retries > MAX_RETRIES {
            return refuse(format!(
                "max_retries is {}; at most {MAX_RETRIES}",
                self.max_retries
            ));
        }
        if !(1.0..=1000.0).contains(&self.backoff_multiplier) {
            return refuse(format!(
                "backoff_multiplier is {}; it must lie between 1 and 1000",
                self.backoff_multiplier
            ));
        }
        if self.initial_backoff_us > self.max_backoff_us {
            return refuse(format!(
                "initial_backoff_us is {}, more than max_backoff_us, which is {}",
                self.initial_backoff_us, self.max_backoff_us
            ));
        }
        Ok(())
    }

    /// The longest wait before retry `retry` (from 1), in nanoseconds; half of it is the shortest.
    pub fn backoff_ns(&self, retry: u32) -> u64 {
        let exponent = retry.saturating_sub(1).min(MAX_RETRIES) as i32;
        let grown = self.initial_backoff_us as f64 * self.backoff_multiplier.powi(exponent);
        (grown.min(self.max_backoff_us as f64) * 1000.0) as u64
    }

    /// Decides about a failure that happened now.
    ///
    /// An error that is not retryable is given back with its own code. When the attempts or the
    /// time run out, the code is `Timeout`, as the specification says, with the last error's
    /// message and `errno`.
    pub fn decide(
        &self,
        failure: Failure,
        error: Error,
        now_ns: u64,
        random: &mut dyn Random,
    ) -> Verdict {
        let mut error = error;
        error.attempts = failure.attempts;
        if !may_repeat(failure.kind, &error) {
            return Verdict::GiveUp(error);
        }
        if failure.attempts > self.max_retries {
            return Verdict::GiveUp(exhausted(error, "all attempts failed"));
        }
        let longest_ns = self.backoff_ns(failure.attempts) as f64;
        let wait_ns = (longest_ns * (0.5 + 0.5 * random.next_unit())) as u64;
        let at_ns = now_ns.saturating_add(wait_ns);
        if at_ns > self.last_start_ns(failure) {
            return Verdict::GiveUp(exhausted(error, "no time is left for another attempt"));
        }
        Verdict::RetryAt { at_ns }
    }

    /// The latest time at which an attempt may begin.
    fn last_start_ns(&self, failure: Failure) -> u64 {
        let total = match self.total_deadline_us {
            0 => u64::MAX,
            total_us => failure
                .first_ns
                .saturating_add(total_us.saturating_mul(1000)),
        };
        total.min(failure.deadline_ns.unwrap_or(u64::MAX))
    }
}

/// Whether another attempt can help and cannot harm. An atomic operation may have been carried out
/// although its answer was lost; only `Busy` says that it was not begun.
fn may_repeat(kind: RequestKind, error: &Error) -> bool {
    error.retryable && (!kind.is_atomic() || error.code == ErrorCode::Busy)
}

fn exhausted(mut error: Error, why: &str) -> Error {
    error.message = format!("{why}; the last: {} ({})", error.message, error.code.name());
    error.code = ErrorCode::Timeout;
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn network() -> Error {
        Error::new(ErrorCode::Network, "read", "the peer went away")
    }

    fn failure(attempts: u32) -> Failure {
        Failure {
            kind: RequestKind::Read,
            attempts,
            first_ns: 0,
            deadline_ns: None,
        }
    }

    proptest! {
        #[test]
        fn waits_grow_stay_capped_and_respect_every_deadline(
            attempts in 1u32..20, bits in any::<u64>(), now in 0u64..20_000_000_000,
            deadline in prop::option::of(0u64..20_000_000_000), cap in 1_000u64..1_000_000,
        ) {
            let policy = RetryPolicy { max_retries: 10, max_backoff_us: cap, ..Default::default() };
            let failure = Failure { deadline_ns: deadline, ..failure(attempts) };
            let last = deadline.unwrap_or(u64::MAX).min(policy.total_deadline_us * 1000);
            match policy.decide(failure, network(), now, &mut || bits) {
                Verdict::RetryAt { at_ns } => {
                    prop_assert!(attempts <= 10 && at_ns <= last);
                    let wait = at_ns - now;
                    let longest = 1_000_000.0 * 2f64.powi(attempts as i32 - 1);
                    let longest = longest.min(cap as f64 * 1000.0) as u64;
                    prop_assert!(wait >= longest / 2 && wait <= longest, "{} of {}", wait, longest);
                }
                Verdict::GiveUp(error) => {
                    prop_assert_eq!(error.code, ErrorCode::Timeout);
                    prop_assert_eq!(error.attempts, attempts);
                    let wait = policy.backoff_ns(attempts);
                    prop_assert!(attempts > 10 || now + wait > last);
                }
            }
        }
    }

    #[test]
    fn what_cannot_help_is_not_tried_and_keeps_its_code() {
        let policy = RetryPolicy::default();
        let io = Error::from_errno(5, "read", "the medium failed");
        let verdict = policy.decide(failure(1), io.clone(), 0, &mut || 0u64);
        let expected = Error { attempts: 1, ..io };
        assert_eq!(verdict, Verdict::GiveUp(expected));
    }

    #[test]
    fn an_atomic_operation_is_repeated_only_if_it_was_not_begun() {
        let policy = RetryPolicy::default();
        let failure = Failure {
            kind: RequestKind::AtomicFetchAdd,
            ..failure(1)
        };
        let decide = |error| policy.decide(failure, error, 0, &mut || 0u64);
        assert!(matches!(decide(network()), Verdict::GiveUp(_)));
        let busy = Error::new(ErrorCode::Busy, "fetch and add", "the queue is full");
        assert!(matches!(decide(busy), Verdict::RetryAt { .. }));
    }

    #[test]
    fn the_text_tells_the_last_error_and_the_attempts() {
        let Verdict::GiveUp(error) =
            RetryPolicy::default().decide(failure(5), network(), 0, &mut || 0u64)
        else {
            panic!("there are four retries");
        };
        let text = error.to_string();
        assert!(
            text.contains("the peer went away (GPUIO_ERROR_NETWORK)"),
            "{text}"
        );
        assert!(text.ends_with("(5 attempts)"), "{text}");
    }

    #[test]
    fn nonsense_is_refused() {
        let good = RetryPolicy::default();
        assert!(good.validate().is_ok());
        for bad in [
            RetryPolicy {
                max_retries: MAX_RETRIES + 1,
                ..good
            },
            RetryPolicy {
                backoff_multiplier: 0.9,
                ..good
            },
            RetryPolicy {
                backoff_multiplier: f64::NAN,
                ..good
            },
            RetryPolicy {
                initial_backoff_us: 200_000,
                ..good
            },
        ] {
            assert_eq!(bad.validate().unwrap_err().code, ErrorCode::InvalidArgument);
        }
    }
}
