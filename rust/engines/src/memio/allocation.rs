//! Anonymous memory straight from the system.

use gpuio_core::{Error, ErrorCode, Result};

use super::numa;

const PAGE_BYTES: usize = 4096;

/// Zeroed, page-aligned memory. Unmapped on drop.
#[derive(Debug)]
pub(super) struct Allocation {
    address: usize,
    mapped_bytes: usize,
    length_bytes: usize,
}

impl Allocation {
    /// Maps at least `length_bytes`, on the NUMA node if one is given. Pages are made when they are
    /// first touched; `NoMemory` when the system would not promise them.
    pub(super) fn new(length_bytes: u64, node: Option<u32>) -> Result<Self> {
        let no_memory = |errno: i32| {
            let message = format!(
                "the system does not provide {length_bytes} bytes of memory; \
                 use a smaller array or back it by a file (localio:)"
            );
            let mut error = Error::new(ErrorCode::NoMemory, "allocate", message);
            error.os_error = errno;
            error
        };
        let length = usize::try_from(length_bytes).map_err(|_| no_memory(libc::ENOMEM))?;
        let mapped = length.checked_next_multiple_of(PAGE_BYTES);
        let mapped_bytes = mapped.ok_or_else(|| no_memory(libc::ENOMEM))?;
        // SAFETY: a fresh anonymous mapping, at an address of the kernel's choice.
        let address = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                mapped_bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if address == libc::MAP_FAILED {
            let errno = std::io::Error::last_os_error().raw_os_error();
            return Err(no_memory(errno.unwrap_or(libc::ENOMEM)));
        }
        let allocation = Self {
            address: address as usize,
            mapped_bytes,
            length_bytes: length,
        };
        if let Some(node) = node {
            // SAFETY: exactly the mapping made above.
            unsafe { numa::bind(allocation.address, mapped_bytes, node)? };
        }
        Ok(allocation)
    }

    pub(super) fn address(&self) -> usize {
        self.address
    }

    pub(super) fn length_bytes(&self) -> usize {
        self.length_bytes
    }
}

impl Drop for Allocation {
    fn drop(&mut self) {
        // SAFETY: the mapping made in `new`, unmapped once. Users of the address were told that it
        // is valid until the resource is closed.
        unsafe { libc::munmap(self.address as *mut libc::c_void, self.mapped_bytes) };
    }
}
