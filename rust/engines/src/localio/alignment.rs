//! What direct I/O asks of offsets, lengths and addresses, as the kernel tells it.

use std::os::fd::{AsRawFd, BorrowedFd};

use super::plan::Geometry;

/// Assumed where the kernel does not tell: right for every drive with sectors up to this.
const USUAL_BYTES: u64 = 4096;

/// Above this direct I/O is not worth its restrictions, and something is odd.
const GRANULE_MAX_BYTES: u64 = 1 << 20;

/// `_IO(0x12, 104)`, the logical block size of a device.
const BLKSSZGET: libc::c_ulong = 0x1268;

/// The geometry for a file that was opened with `O_DIRECT`; `None` when the file system accepts
/// the flag but cannot do direct I/O on this file.
pub(super) fn direct_geometry(file: BorrowedFd<'_>, block_device: bool) -> Option<Geometry> {
    let (memory, offset) = match told_by_statx(file) {
        Some((0, _) | (_, 0)) => return None,
        Some(told) => told,
        None if block_device => {
            let sector = sector_bytes(file).unwrap_or(USUAL_BYTES);
            (sector, sector)
        }
        None => (USUAL_BYTES, USUAL_BYTES),
    };
    let granule = offset.max(page_bytes());
    let usable = memory.is_power_of_two() && granule.is_power_of_two();
    (usable && granule <= GRANULE_MAX_BYTES).then_some(Geometry {
        direct: true,
        granule,
        memory_alignment: memory,
    })
}

/// The alignment of memory and of offsets; zeros where direct I/O is not supported. `None` before
/// Linux 6.1 and for file systems that do not tell.
fn told_by_statx(file: BorrowedFd<'_>) -> Option<(u64, u64)> {
    // SAFETY: all zeros is a valid `statx`.
    let mut answer: libc::statx = unsafe { std::mem::zeroed() };
    // SAFETY: the path is an empty C string and `answer` a valid place for the answer.
    let status = unsafe {
        libc::statx(
            file.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            libc::STATX_DIOALIGN,
            &mut answer,
        )
    };
    let told = status == 0 && answer.stx_mask & libc::STATX_DIOALIGN != 0;
    told.then_some((
        answer.stx_dio_mem_align.into(),
        answer.stx_dio_offset_align.into(),
    ))
}

fn sector_bytes(file: BorrowedFd<'_>) -> Option<u64> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: BLKSSZGET writes one int to the given place.
    let status = unsafe { libc::ioctl(file.as_raw_fd(), BLKSSZGET as _, &mut bytes) };
    u64::try_from(bytes)
        .ok()
        .filter(|&bytes| status == 0 && bytes > 0)
}

fn page_bytes() -> u64 {
    // SAFETY: no preconditions.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(bytes).unwrap_or(USUAL_BYTES).max(USUAL_BYTES)
}
