//! Parts of a list of memory pieces.

use gpuio_engines::engine::MemorySpan;

/// Bytes `first..first + length` of the pieces, in order. A capacity beyond the length is kept
/// where the part ends with the last piece.
pub(super) fn part_of(pieces: &[MemorySpan], first: u64, length: u64) -> Vec<MemorySpan> {
    let mut part = Vec::with_capacity(pieces.len());
    let (mut skip, mut left) = (first as usize, length as usize);
    for piece in pieces {
        if left == 0 {
            break;
        }
        if skip >= piece.length_bytes {
            skip -= piece.length_bytes;
            continue;
        }
        let length_bytes = left.min(piece.length_bytes - skip);
        let ends_here = skip + length_bytes == piece.length_bytes;
        part.push(MemorySpan {
            address: piece.address + skip,
            length_bytes,
            capacity_bytes: match ends_here {
                true => piece.capacity_bytes - skip,
                false => length_bytes,
            },
        });
        skip = 0;
        left -= length_bytes;
    }
    debug_assert_eq!(left, 0, "the pieces are shorter than the request");
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(address: usize, length_bytes: usize, capacity_bytes: usize) -> MemorySpan {
        MemorySpan {
            address,
            length_bytes,
            capacity_bytes,
        }
    }

    #[test]
    fn parts_follow_one_another_and_keep_the_capacity_at_the_end() {
        let pieces = [span(1000, 10, 10), span(2000, 20, 20), span(3000, 5, 64)];
        assert_eq!(part_of(&pieces, 0, 35), pieces);
        assert_eq!(part_of(&pieces, 0, 4), [span(1000, 4, 4)]);
        assert_eq!(
            part_of(&pieces, 4, 10),
            [span(1004, 6, 6), span(2000, 4, 4)]
        );
        assert_eq!(part_of(&pieces, 14, 16), [span(2004, 16, 16)]);
        assert_eq!(
            part_of(&pieces, 29, 6),
            [span(2019, 1, 1), span(3000, 5, 64)]
        );
        assert_eq!(part_of(&pieces, 31, 2), [span(3001, 2, 2)]);
        assert_eq!(part_of(&pieces, 31, 4), [span(3001, 4, 63)]);
    }
}
