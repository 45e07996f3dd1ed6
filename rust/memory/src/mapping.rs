//! An owned, anonymous, zeroed piece of this process's address space.
//!
//! The host device's memory and every buffer that direct I/O reads into come from here: the
//! heap gives neither page alignment nor huge pages, and its zeroing touches every page at once.

use std::io;
use std::ptr::{self, NonNull};

use gpuio_core::{Error, ErrorCode, Result};

/// What every mapping is aligned to and rounded up to, in bytes.
pub const PAGE_BYTES: usize = 4096;

/// The size of a transparent huge page on x86-64, in bytes. Mappings of at least this length are
/// aligned to it, so that the kernel can back them with huge pages.
pub const HUGE_PAGE_BYTES: usize = 2 << 20;

/// An anonymous private mapping, unmapped on drop.
///
/// Its bytes are zero at birth and take physical memory only once they are touched. The mapping
/// hands out addresses, not references: what may read or write the bytes at a given time is the
/// owner's protocol.
#[derive(Debug)]
pub struct Mapping {
    base: NonNull<u8>,
    length_bytes: usize,
}

// SAFETY: a `Mapping` is two numbers and the duty to unmap; it hands out no references, and
// `munmap`, `mlock` and `madvise` may be called from any thread.
unsafe impl Send for Mapping {}
// SAFETY: as for `Send`; no method changes the struct through a shared reference.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps at least `length_bytes` zeroed bytes, rounded up to [`PAGE_BYTES`], aligned to
    /// [`PAGE_BYTES`]; from [`HUGE_PAGE_BYTES`] on aligned to that, with huge pages asked for.
    ///
    /// # Errors
    /// `InvalidArgument` for zero bytes or a length no address space holds; `NoMemory` when the
    /// kernel refuses.
    pub fn new(length_bytes: usize) -> Result<Self> {
        let rounded_bytes = round_up_to_page(length_bytes)?;
        if rounded_bytes < HUGE_PAGE_BYTES {
            let base = map_anonymous(rounded_bytes)?;
            return Ok(Self {
                base,
                length_bytes: rounded_bytes,
            });
        }
        let base = map_huge_aligned(rounded_bytes)?;
        let mapping = Self {
            base,
            length_bytes: rounded_bytes,
        };
        // SAFETY: the range is this mapping's own. Advice only: a kernel without transparent huge
        // pages answers EINVAL and the mapping works as well, only with small pages.
        unsafe {
            libc::madvise(base.as_ptr().cast(), rounded_bytes, libc::MADV_HUGEPAGE);
        }
        Ok(mapping)
    }

    /// The address of the first byte.
    pub fn address(&self) -> usize {
        self.base.as_ptr().expose_provenance()
    }

    /// The first byte, as a pointer.
    pub fn as_ptr(&self) -> *mut u8 {
        self.base.as_ptr()
    }

    /// The length in bytes: the length asked for, rounded up to [`PAGE_BYTES`].
    pub fn length_bytes(&self) -> usize {
        self.length_bytes
    }

    /// Tries to keep the mapping in physical memory (`mlock`), which also touches every page.
    /// Returns whether it is locked: `false` when the process's locked-memory limit
    /// (`RLIMIT_MEMLOCK`, `ulimit -l`) or its privileges do not allow it, which costs speed under
    /// memory pressure and nothing else. The lock ends with the mapping.
    ///
    /// # Errors
    /// `Io` for an answer of the kernel that is none of those.
    pub fn try_lock(&self) -> Result<bool> {
        // SAFETY: the range is this mapping's own, and locking changes no byte of it.
        let status = unsafe { libc::mlock(self.base.as_ptr().cast(), self.length_bytes) };
        if status == 0 {
            return Ok(true);
        }
        match last_errno() {
            libc::ENOMEM | libc::EPERM | libc::EAGAIN => Ok(false),
            errno => Err(Error::from_errno(
                errno,
                "lock memory",
                format!("mlock of {} bytes failed", self.length_bytes),
            )),
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: `base` and `length_bytes` are a whole mapping that this struct owns alone, and
        // whoever uses its addresses must not outlive it. A failure would leave it mapped.
        unsafe {
            libc::munmap(self.base.as_ptr().cast(), self.length_bytes);
        }
    }
}

/// `length_bytes` rounded up to whole pages.
fn round_up_to_page(length_bytes: usize) -> Result<usize> {
    if length_bytes == 0 {
        return Err(Error::new(
            ErrorCode::InvalidArgument,
            "allocate memory",
            "the length is 0 bytes; ask for at least 1",
        ));
    }
    // Twice the huge page covers the rounding here and the slack of `map_huge_aligned`; pointer
    // arithmetic needs every object to fit `isize`.
    let limit_bytes = isize::MAX as usize - 2 * HUGE_PAGE_BYTES;
    if length_bytes > limit_bytes {
        return Err(Error::new(
            ErrorCode::InvalidArgument,
            "allocate memory",
            format!("{length_bytes} bytes exceed the address space; ask for less"),
        ));
    }
    Ok(length_bytes.next_multiple_of(PAGE_BYTES))
}

fn map_anonymous(length_bytes: usize) -> Result<NonNull<u8>> {
    // SAFETY: a fresh anonymous mapping at an address the kernel chooses overlaps nothing.
    let address = unsafe {
        libc::mmap(
            ptr::null_mut(),
            length_bytes,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if address == libc::MAP_FAILED {
        return Err(no_memory(length_bytes, last_errno()));
    }
    // The kernel never places a mapping at address 0 unless it is asked to by MAP_FIXED.
    NonNull::new(address.cast()).ok_or_else(|| no_memory(length_bytes, 0))
}

/// Maps `length_bytes` (a multiple of [`PAGE_BYTES`]) at a multiple of [`HUGE_PAGE_BYTES`]: maps
/// more, then gives back what lies before and behind.
fn map_huge_aligned(length_bytes: usize) -> Result<NonNull<u8>> {
    let slack_bytes = HUGE_PAGE_BYTES - PAGE_BYTES;
    let base = map_anonymous(length_bytes + slack_bytes)?.as_ptr();
    let before_bytes = base.addr().next_multiple_of(HUGE_PAGE_BYTES) - base.addr();
    let behind_bytes = slack_bytes - before_bytes;
    // SAFETY: both pieces are whole pages inside the mapping just made, and nobody else knows its
    // address yet. `munmap` of zero bytes is an error, hence the checks.
    unsafe {
        let aligned = base.add(before_bytes);
        if before_bytes > 0 {
            libc::munmap(base.cast(), before_bytes);
        }
        if behind_bytes > 0 {
            libc::munmap(aligned.add(length_bytes).cast(), behind_bytes);
        }
        Ok(NonNull::new_unchecked(aligned))
    }
}

fn no_memory(length_bytes: usize, errno: i32) -> Error {
    let mut error = Error::new(
        ErrorCode::NoMemory,
        "allocate memory",
        format!(
            "the system refused to map {length_bytes} bytes; make the cache smaller or free \
             memory (limits: `ulimit -v`, vm.max_map_count, vm.overcommit_memory)"
        ),
    );
    error.os_error = errno;
    error
}

fn last_errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

#[cfg(test)]
mod tests;
