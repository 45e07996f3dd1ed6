//! The service's alarm clock: an eventfd that anyone may ring. While the service is awake, a ring
//! costs no system call.

use gpuio_core::{Error, Result};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// An eventfd. Ringing it twice before it is answered counts once.
///
/// The sleeper notes how often it has rung before it looks for work ([`Wake::count`]), announces
/// its sleep, and sleeps only if the count is still the same ([`Wake::may_sleep`]). A ring is
/// counted first and then looks for a sleeper, so one of the two sees the other.
#[derive(Debug)]
pub struct Wake {
    bell: OwnedFd,
    rings: AtomicU64,
    is_asleep: AtomicBool,
}

impl Wake {
    /// A new one, silent.
    pub fn new() -> Result<Self> {
        // SAFETY: eventfd takes no pointers.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
            return Err(Error::from_errno(
                errno,
                "make eventfd",
                "raise the limit of open files",
            ));
        }
        // SAFETY: the descriptor was just made and belongs to nobody else.
        let bell = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self {
            bell,
            rings: AtomicU64::new(0),
            is_asleep: AtomicBool::new(false),
        })
    }

    /// Rings. Does not wait.
    pub fn ring(&self) {
        self.rings.fetch_add(1, Ordering::SeqCst);
        if self.is_asleep.load(Ordering::SeqCst) {
            self.sound();
        }
    }

    /// How often it has rung. For the sleeper, before it looks for work.
    pub fn count(&self) -> u64 {
        self.rings.load(Ordering::SeqCst)
    }

    /// Announces a sleep, until [`Wake::answer`]. False: it has rung since `count` was asked; look
    /// for work once more, after an `answer`.
    pub fn may_sleep(&self, count: u64) -> bool {
        self.is_asleep.store(true, Ordering::SeqCst);
        self.count() == count
    }

    fn sound(&self) {
        let one = 1u64;
        // SAFETY: eight bytes of a live local. A full counter (EAGAIN) means it rings already.
        unsafe { libc::write(self.fd(), (&raw const one).cast(), 8) };
    }

    /// Answers: it is silent afterwards. Does not wait.
    pub fn answer(&self) {
        self.is_asleep.store(false, Ordering::SeqCst);
        let mut count = 0u64;
        // SAFETY: eight bytes of a live local. A silent one gives EAGAIN.
        unsafe { libc::read(self.fd(), (&raw mut count).cast(), 8) };
    }

    /// Waits until it rings or one of the other descriptors becomes readable, at most
    /// `timeout_us`. May return early.
    pub fn wait_beside(&self, others: &[RawFd], timeout_us: u64) {
        let readable = |&fd: &RawFd| libc::pollfd {
            fd,
            events: libc::POLLIN,
            revents: 0,
        };
        let mut polls: Vec<libc::pollfd> = [self.fd()].iter().chain(others).map(readable).collect();
        let timeout = libc::timespec {
            tv_sec: (timeout_us / 1_000_000) as libc::time_t,
            tv_nsec: (timeout_us % 1_000_000 * 1_000) as libc::c_long,
        };
        let count = polls.len() as libc::nfds_t;
        // SAFETY: as many pollfds as said, and one timespec, all live. An interruption is an early
        // return.
        unsafe {
            libc::ppoll(
                polls.as_mut_ptr(),
                count,
                &raw const timeout,
                std::ptr::null(),
            )
        };
    }

    /// The descriptor, for those who ring it from elsewhere.
    pub fn fd(&self) -> RawFd {
        self.bell.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_of_the_descriptors_ends_the_wait() {
        let (own, other) = (Wake::new().unwrap(), Wake::new().unwrap());
        for bell in [&own, &other] {
            assert!(bell.may_sleep(bell.count()));
            bell.ring();
            // Without the ring this would take a minute, and the test with it.
            own.wait_beside(&[other.fd()], 60_000_000);
            bell.answer();
        }
        own.wait_beside(&[other.fd()], 0);
    }

    #[test]
    fn a_ring_before_the_sleep_prevents_it() {
        let wake = Wake::new().unwrap();
        let count = wake.count();
        wake.ring();
        assert!(!wake.may_sleep(count));
        wake.answer();
        assert!(wake.may_sleep(wake.count()));
    }

    #[test]
    fn no_ring_is_lost() {
        const ROUNDS: u64 = 20_000;
        let (wake, work) = (Wake::new().unwrap(), AtomicU64::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    work.fetch_add(1, Ordering::Relaxed);
                    wake.ring();
                }
            });
            let mut naps = 0;
            loop {
                let count = wake.count();
                if work.load(Ordering::Relaxed) == ROUNDS {
                    break;
                }
                if wake.may_sleep(count) {
                    wake.wait_beside(&[], 60_000_000);
                    naps += 1;
                }
                wake.answer();
                assert!(naps <= ROUNDS, "it wakes for nothing");
            }
        });
    }
}
