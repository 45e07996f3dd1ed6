//! Which bytes of a transfer go next, and whether past the page cache.
//!
//! A transfer is carried out front to back, one kernel request at a time: an unaligned head through
//! the page cache, the aligned body past it, an unaligned tail through it again. Nearly every
//! transfer of a page cache is aligned, and so a single request.
//!
//! The split is made at multiples of the [granule](Geometry::granule), which is never smaller than
//! a page of the page cache. So a cached write and a direct write of different transfers never
//! share such a page, where the kernel could not keep the two coherent.

use super::backend::RequestKind;
use crate::engine::MemorySpan;

/// Most `iovec`s in one request (the kernel's own bound is 1024).
pub const MAX_VECTORS: usize = 256;

/// Most bytes in one request: below the kernel's 2 GiB, and a multiple of any granule.
pub const MAX_REQUEST_BYTES: u64 = 1 << 30;

/// What direct I/O asks of a file's requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Direct I/O can be used at all.
    pub direct: bool,
    /// Offsets and lengths are multiples of this: a power of two, at least a page.
    pub granule: u64,
    /// Addresses are multiples of this: a power of two.
    pub memory_alignment: u64,
}

impl Geometry {
    /// Everything through the page cache.
    pub const BUFFERED: Self = Self {
        direct: false,
        granule: 4096,
        memory_alignment: 1,
    };
}

/// The next request of a transfer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    /// Past the page cache.
    pub direct: bool,
    /// Bytes that the transfer gains by it.
    pub wanted_bytes: u64,
    /// Bytes to ask the kernel for: `wanted_bytes`, or more where a direct read is rounded up.
    pub asked_bytes: u64,
}

/// Plans the piece that starts at byte `position` of the file and `within` bytes into `spans[0]`.
/// `spans` are those that are left, and not empty; `within` lies inside the first.
pub fn next_piece(
    kind: RequestKind,
    position: u64,
    spans: &[MemorySpan],
    within: usize,
    geometry: Geometry,
) -> Piece {
    if !geometry.direct {
        return buffered(spans, within, u64::MAX);
    }
    let head = position.wrapping_neg() & (geometry.granule - 1);
    let body = direct_run(kind, spans, within, head, geometry);
    match (head, body.wanted_bytes) {
        (_, 0) => buffered(spans, within, u64::MAX),
        (0, _) => body,
        (head, _) => buffered(spans, within, head),
    }
}

/// As much as one request may carry through the page cache, at most `limit_bytes`.
fn buffered(spans: &[MemorySpan], within: usize, limit_bytes: u64) -> Piece {
    let all: u64 = spans
        .iter()
        .take(MAX_VECTORS)
        .map(|span| span.length_bytes as u64)
        .sum();
    let bytes = (all - within as u64)
        .min(limit_bytes)
        .min(MAX_REQUEST_BYTES);
    Piece {
        direct: false,
        wanted_bytes: bytes,
        asked_bytes: bytes,
    }
}

/// The longest run that can go direct and starts `skip` bytes after the cursor, which is at a
/// multiple of the granule in the file. Its `wanted_bytes` are 0 when there is none.
fn direct_run(
    kind: RequestKind,
    spans: &[MemorySpan],
    within: usize,
    mut skip: u64,
    geometry: Geometry,
) -> Piece {
    let mask = geometry.granule - 1;
    let mut piece = Piece {
        direct: true,
        wanted_bytes: 0,
        asked_bytes: 0,
    };
    for (index, span) in spans.iter().take(MAX_VECTORS).enumerate() {
        let start = if index == 0 { within } else { 0 };
        let available = (span.length_bytes - start) as u64;
        if skip >= available {
            skip -= available;
            continue;
        }
        let start = start as u64 + skip;
        let length = available - skip;
        skip = 0;
        if (span.address as u64 + start) & (geometry.memory_alignment - 1) != 0 {
            break;
        }
        // Every vector's length counts for the kernel, not only the sum.
        let whole = length & !mask;
        let padded = (length + mask) & !mask;
        let last = index + 1 == spans.len();
        let room = span.capacity_bytes as u64 - start;
        if last && kind == RequestKind::Read && padded <= room {
            piece.wanted_bytes += length;
            piece.asked_bytes += padded;
            break;
        }
        piece.wanted_bytes += whole;
        piece.asked_bytes += whole;
        if whole != length {
            break;
        }
    }
    piece.asked_bytes = piece.asked_bytes.min(MAX_REQUEST_BYTES);
    piece.wanted_bytes = piece.wanted_bytes.min(piece.asked_bytes);
    piece
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIRECT: Geometry = Geometry {
        direct: true,
        granule: 4096,
        memory_alignment: 512,
    };

    fn span(address: usize, length_bytes: usize, capacity_bytes: usize) -> MemorySpan {
        MemorySpan {
            address,
            length_bytes,
            capacity_bytes,
        }
    }

    fn plan(
        kind: RequestKind,
        position: u64,
        spans: &[MemorySpan],
        within: usize,
    ) -> (bool, u64, u64) {
        let piece = next_piece(kind, position, spans, within, DIRECT);
        (piece.direct, piece.wanted_bytes, piece.asked_bytes)
    }

    #[test]
    fn an_aligned_transfer_is_one_direct_request() {
        let spans = [span(0x10000, 65536, 65536)];
        assert_eq!(
            plan(RequestKind::Read, 8192, &spans, 0),
            (true, 65536, 65536)
        );
        assert_eq!(
            plan(RequestKind::Write, 8192, &spans, 0),
            (true, 65536, 65536)
        );
    }

    #[test]
    fn a_read_is_rounded_up_only_where_there_is_room_and_a_write_never() {
        let tight = [span(0x10000, 5000, 5000)];
        let roomy = [span(0x10000, 5000, 8192)];
        assert_eq!(plan(RequestKind::Read, 0, &tight, 0), (true, 4096, 4096));
        assert_eq!(plan(RequestKind::Read, 0, &roomy, 0), (true, 5000, 8192));
        assert_eq!(plan(RequestKind::Write, 0, &roomy, 0), (true, 4096, 4096));
        assert_eq!(
            plan(RequestKind::Write, 4096, &roomy, 4096),
            (false, 904, 904)
        );
    }

    #[test]
    fn a_head_goes_through_the_cache_up_to_the_granule() {
        // The address is so that it becomes aligned together with the offset.
        let spans = [span(0x10000 + 100, 20000, 20000)];
        assert_eq!(
            plan(RequestKind::Read, 4096 + 100, &spans, 0),
            (false, 3996, 3996)
        );
        assert_eq!(
            plan(RequestKind::Read, 8192, &spans, 3996),
            (true, 12288, 12288)
        );
        assert_eq!(
            plan(RequestKind::Read, 8192 + 12288, &spans, 3996 + 12288),
            (false, 3716, 3716)
        );
    }

    #[test]
    fn memory_that_never_aligns_goes_through_the_cache_in_one_request() {
        let spans = [span(0x10001, 65536, 65536)];
        assert_eq!(plan(RequestKind::Read, 0, &spans, 0), (false, 65536, 65536));
        assert_eq!(
            plan(RequestKind::Read, 100, &spans, 0),
            (false, 65536, 65536)
        );
    }

    #[test]
    fn every_vector_but_the_last_has_a_whole_length() {
        let spans = [
            span(0x10000, 4096, 4096),
            span(0x20000, 8192 + 512, 9000),
            span(0x30000, 10, 10),
        ];
        assert_eq!(plan(RequestKind::Read, 0, &spans, 0), (true, 12288, 12288));
        let spans = [span(0x10000, 4096, 4096), span(0x20010, 4096, 4096)];
        assert_eq!(plan(RequestKind::Read, 0, &spans, 0), (true, 4096, 4096));
    }

    #[test]
    fn requests_are_bounded_in_bytes_and_vectors() {
        let huge = [span(0x10000, 5 << 30, 5 << 30)];
        let limit = MAX_REQUEST_BYTES;
        assert_eq!(plan(RequestKind::Read, 0, &huge, 0), (true, limit, limit));
        assert_eq!(plan(RequestKind::Read, 1, &huge, 0), (false, limit, limit));
        let many = vec![span(0x10000, 4096, 4096); MAX_VECTORS + 9];
        assert_eq!(
            plan(RequestKind::Read, 0, &many, 0).1,
            4096 * MAX_VECTORS as u64
        );
        let many = vec![span(0x10001, 1, 1); MAX_VECTORS + 9];
        assert_eq!(plan(RequestKind::Write, 0, &many, 0), (false, 256, 256));
    }
}
