//! How an array's bytes lie on pages, and the pages in the resource.
//!
//! Pages line up with multiples of the page size *in the resource*, not in the array: an array that
//! starts at byte 4,312 of a file has its byte 0 at byte 4,312 mod page of its page 0. So direct
//! I/O stays aligned whatever the offset, at the price of a first page that holds bytes before the
//! array. Those are read along, and never written.

use gpuio_core::limits::MAX_FILE_OFFSET;
use gpuio_core::{Error, ErrorCode, Result};
use gpuio_memory::layout::MAX_PAGES;

/// The shape of one array. All numbers are bytes unless they say otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Elements.
    pub element_count: u64,
    /// Bytes of one element.
    pub element_bytes: u64,
    /// Bytes of a page, a power of two.
    pub page_bytes: u64,
    /// From the start of page 0 to the array's byte 0.
    pub origin: u64,
    /// Where page 0 starts in the resource.
    pub base: u64,
    /// Pages.
    pub page_count: u64,
}

/// A piece of a page and where it lies in the resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRange {
    /// Byte offset in the resource.
    pub resource_offset: u64,
    /// Byte offset in the page.
    pub page_offset: u64,
    /// Length.
    pub length: u64,
}

impl Geometry {
    /// The geometry of `element_count` elements from byte `offset` of a resource on.
    ///
    /// # Errors
    /// `InvalidArgument` for no elements, and where the array's end does not fit in 63 bits.
    pub fn new(
        element_count: u64,
        element_bytes: u64,
        offset: u64,
        page_bytes: u64,
    ) -> Result<Self> {
        if element_count == 0 {
            return Err(invalid("an array needs at least one element".into()));
        }
        if element_bytes == 0 || element_bytes > 4096 {
            return Err(invalid(format!(
                "an element has 1 to 4096 bytes, not {element_bytes}"
            )));
        }
        let end = element_count
            .checked_mul(element_bytes)
            .and_then(|bytes| bytes.checked_add(offset))
            .filter(|&end| end <= MAX_FILE_OFFSET);
        let Some(end) = end else {
            return Err(invalid(format!(
                "{element_count} elements of {element_bytes} bytes from offset {offset} on end \
                 beyond byte 2^63; check the element count"
            )));
        };
        let origin = offset % page_bytes;
        let base = offset - origin;
        let page_count = (end - base).div_ceil(page_bytes);
        if page_count > MAX_PAGES {
            return Err(invalid(format!(
                "{page_count} pages are more than 2^48: choose a larger page_bytes"
            )));
        }
        Ok(Self {
            element_count,
            element_bytes,
            page_bytes,
            origin,
            base,
            page_count,
        })
    }

    /// The array's length.
    pub fn array_bytes(&self) -> u64 {
        self.element_count * self.element_bytes
    }

    /// Where the array ends in the resource.
    pub fn resource_end(&self) -> u64 {
        self.base + self.origin + self.array_bytes()
    }

    /// What is read to fill a page: from its start to its end or the array's.
    pub fn read_range(&self, page: u64) -> PageRange {
        let start = self.base + page * self.page_bytes;
        let end = (start + self.page_bytes).min(self.resource_end());
        PageRange {
            resource_offset: start,
            page_offset: 0,
            length: end - start,
        }
    }

    /// What of a page may be written: the array's own bytes.
    pub fn write_range(&self, page: u64) -> PageRange {
        let read = self.read_range(page);
        let skipped = if page == 0 { self.origin } else { 0 };
        PageRange {
            resource_offset: read.resource_offset + skipped,
            page_offset: skipped,
            length: read.length - skipped,
        }
    }

    /// The pages under a byte range of the array (not empty, in range).
    pub fn pages_of(&self, first_byte: u64, length: u64) -> std::ops::Range<u64> {
        let start = self.origin + first_byte;
        start / self.page_bytes..(start + length).div_ceil(self.page_bytes)
    }

    /// The piece of `page` that the array's byte range covers: (offset in the page, offset in the
    /// range, length).
    pub fn overlap(&self, page: u64, first_byte: u64, length: u64) -> (u64, u64, u64) {
        let page_start = page * self.page_bytes;
        let start = (self.origin + first_byte).max(page_start);
        let end = (self.origin + first_byte + length).min(page_start + self.page_bytes);
        (
            start - page_start,
            start - self.origin - first_byte,
            end - start,
        )
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorCode::InvalidArgument, "make array", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_line_up_with_the_resource() {
        let shape = Geometry::new(1000, 4, 4312, 4096).unwrap();
        assert_eq!((shape.origin, shape.base, shape.page_count), (216, 4096, 2));
        assert_eq!(shape.resource_end(), 8312);
        let first = shape.write_range(0);
        assert_eq!(
            (first.resource_offset, first.page_offset, first.length),
            (4312, 216, 3880)
        );
        assert_eq!(shape.read_range(0).length, 4096);
        assert_eq!(shape.read_range(1).length, 120);
        assert_eq!(shape.pages_of(3879, 2), 0..2);
        assert_eq!(shape.overlap(1, 3879, 2), (0, 1, 1));
    }

    #[test]
    fn every_byte_is_on_exactly_one_page() {
        for (count, size, offset, page) in [(7, 3, 0, 512), (1000, 7, 511, 512), (3, 4096, 5, 1024)]
        {
            let shape = Geometry::new(count, size, offset, page).unwrap();
            let pages = shape.pages_of(0, shape.array_bytes());
            assert_eq!(pages, 0..shape.page_count);
            let written: u64 = pages.map(|page| shape.write_range(page).length).sum();
            assert_eq!(written, shape.array_bytes());
        }
    }

    #[test]
    fn absurd_sizes_are_refused() {
        for (count, size, offset) in [
            (0, 4, 0),
            (u64::MAX, 8, 0),
            (1 << 62, 2, 0),
            (1, 1, 1 << 63),
        ] {
            let error = Geometry::new(count, size, offset, 4096).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArgument);
        }
        assert!(Geometry::new(1, 4097, 0, 4096).is_err());
    }
}
