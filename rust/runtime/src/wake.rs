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

    /// Waits until it rings, at most `timeout_us`.
    pub fn wait(&self, timeout_us: u64) {
        let mut poll = libc::pollfd {
            fd: self.fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        let timeout = libc::timespec {
            tv_sec: (timeout_us / 1_000_000) as libc::time_t,
            tv_nsec: (timeout_us % 1_000_000 * 1_000) as libc::c_long,
        };
        // SAFETY: one pollfd and one timespec, both live. An interruption is an early return.
        unsafe { libc::ppoll(&raw mut poll, 1, &raw const timeout, std::ptr::null()) };
    }

    /// The descriptor, for those who ring it from elsewhere.
    pub fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
