//! The service's alarm clock: an eventfd that anyone may ring.

use gpuio_core::{Error, Result};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// An eventfd. Ringing it twice before it is answered counts once.
#[derive(Debug)]
pub struct Wake(OwnedFd);

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
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Rings. Does not wait.
    pub fn ring(&self) {
        let one = 1u64;
        // SAFETY: eight bytes of a live local. A full counter (EAGAIN) means it rings already.
        unsafe { libc::write(self.fd(), (&raw const one).cast(), 8) };
    }

    /// Answers: it is silent afterwards. Does not wait.
    pub fn answer(&self) {
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
        self.0.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_of_the_descriptors_ends_the_wait() {
        let (own, other) = (Wake::new().unwrap(), Wake::new().unwrap());
        for bell in [&own, &other] {
            bell.ring();
            // Without the ring this would take a minute, and the test with it.
            own.wait_beside(&[other.fd()], 60_000_000);
            bell.answer();
        }
        own.wait_beside(&[other.fd()], 0);
    }
}
