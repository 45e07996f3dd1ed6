//! Where long transfers are cut.

use super::RequestKind;

/// The shortest slice that can be asked for.
pub const MIN_SLICE_BYTES: u64 = 64;

/// The longest slice that can be asked for.
pub const MAX_SLICE_BYTES: u64 = 64 << 20;

/// Cuts lie on multiples of this where slices are at least as long: direct I/O then needs no
/// bounce buffer in the middle of a transfer.
pub const CUT_ALIGNMENT_BYTES: u64 = 4096;

/// The length of the next slice of a transfer of this kind, `remaining_bytes` of which are left
/// from byte `offset` of the resource on: from 1 to `slice_bytes`, and all of it for what cannot
/// be cut.
///
/// # Panics
/// If nothing is left, or `slice_bytes` is less than [`MIN_SLICE_BYTES`].
pub fn slice_length(kind: RequestKind, offset: u64, remaining_bytes: u64, slice_bytes: u64) -> u64 {
    assert!(remaining_bytes > 0 && slice_bytes >= MIN_SLICE_BYTES);
    if kind.is_atomic() || remaining_bytes <= slice_bytes {
        return remaining_bytes;
    }
    let alignment = CUT_ALIGNMENT_BYTES.min(1 << slice_bytes.ilog2());
    // The first slice may be shorter, so that all others begin and end on a multiple.
    let past_cut = (offset % alignment + slice_bytes % alignment) % alignment;
    if past_cut < slice_bytes {
        slice_bytes - past_cut
    } else {
        slice_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn slices_cover_the_whole_and_are_aligned_inside(
            start in 0u64..100_000, length in 1u64..1_000_000, slice in MIN_SLICE_BYTES..200_000,
        ) {
            let (mut offset, end) = (start, start + length);
            let alignment = CUT_ALIGNMENT_BYTES.min(1 << slice.ilog2());
            let mut count = 0;
            while offset < end {
                let cut = slice_length(RequestKind::Read, offset, end - offset, slice);
                prop_assert!(cut > 0 && cut <= slice);
                offset += cut;
                count += 1;
                prop_assert!(offset == end || offset % alignment == 0);
            }
            prop_assert_eq!(offset, end);
            // Aligning never makes slices shorter than half.
            prop_assert!(count <= 2 * length.div_ceil(slice) + 1);
        }
    }

    #[test]
    fn atomic_operations_are_whole() {
        assert_eq!(slice_length(RequestKind::AtomicFetchAdd, 3, 8, 64), 8);
        assert_eq!(
            slice_length(RequestKind::Write, 100, 1 << 20, 65536),
            65536 - 100
        );
    }
}
