//! Which NUMA nodes there are, and memory from one of them.

use gpuio_core::{Error, ErrorCode, Result};

/// Nodes that the mask passed to the kernel has room for; URIs allow 0 to 1023.
const NODES_MAX: usize = 1024;

/// Makes the kernel take the pages of a fresh mapping from `node` only.
///
/// # Safety
/// The range is a whole mapping of the caller's, page-aligned.
pub(super) unsafe fn bind(address: usize, length_bytes: usize, node: u32) -> Result<()> {
    let online = online_nodes();
    if !is_listed(&online, node) {
        let message = format!("there is no NUMA node {node}; this machine has {online}");
        return Err(Error::new(ErrorCode::NotFound, "bind memory", message));
    }
    const WORD_BITS: usize = usize::BITS as usize;
    let mut mask = [0usize; NODES_MAX / WORD_BITS];
    let Some(word) = mask.get_mut(node as usize / WORD_BITS) else {
        let message = format!("NUMA node {node} is beyond the {NODES_MAX} that gpuio knows");
        return Err(Error::new(
            ErrorCode::InvalidArgument,
            "bind memory",
            message,
        ));
    };
    *word = 1 << (node as usize % WORD_BITS);
    // SAFETY: the caller vouches for the range, and the mask has NODES_MAX bits. (The kernel reads
    // one bit fewer than it is told, hence the 1.)
    let status = unsafe {
        libc::syscall(
            libc::SYS_mbind,
            address,
            length_bytes,
            libc::MPOL_BIND,
            mask.as_ptr(),
            NODES_MAX + 1,
            0,
        )
    };
    if status == 0 {
        return Ok(());
    }
    let error = std::io::Error::last_os_error();
    let errno = error.raw_os_error().unwrap_or(libc::EINVAL);
    if errno == libc::ENOSYS && node == 0 {
        // A kernel without NUMA has one node, and all memory is from it.
        return Ok(());
    }
    let message = format!("the system does not give memory of NUMA node {node}: {error}");
    Err(Error::from_errno(errno, "bind memory", message))
}

/// The kernel's list of nodes, such as `0-1,4`; `0` where it has none.
fn online_nodes() -> String {
    match std::fs::read_to_string("/sys/devices/system/node/online") {
        Ok(list) => list.trim().to_string(),
        Err(_) => "0".into(),
    }
}

fn is_listed(list: &str, node: u32) -> bool {
    list.split(',').any(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        match (first.trim().parse::<u32>(), last.trim().parse::<u32>()) {
            (Ok(first), Ok(last)) => (first..=last).contains(&node),
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::is_listed;

    #[test]
    fn node_lists_are_ranges_and_numbers() {
        assert!(is_listed("0", 0) && !is_listed("0", 1));
        assert!(is_listed("0-3,7", 2) && is_listed("0-3,7", 7) && !is_listed("0-3,7", 5));
        assert!(!is_listed("", 0) && !is_listed("x-2", 1));
    }
}
