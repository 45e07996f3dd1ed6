//! What every engine demands of a transfer.

use gpuio_core::{Error, ErrorCode, Result};

use crate::engine::{Transfer, TransferKind};

/// Checks the transfer's shape and returns how many bytes it moves.
pub(crate) fn check_transfer(transfer: &Transfer) -> Result<u64> {
    let invalid = |message: &str| Error::new(ErrorCode::InvalidArgument, "queue", message);
    if transfer.kind == TransferKind::Sync && !transfer.memory.is_empty() {
        return Err(invalid("a sync takes no memory"));
    }
    let mut total = 0u64;
    for span in &transfer.memory {
        if span.capacity_bytes < span.length_bytes {
            return Err(invalid("a span's capacity is below its length"));
        }
        if span.length_bytes > 0 && span.address == 0 {
            return Err(invalid("a span of memory has no address"));
        }
        if span.address.checked_add(span.capacity_bytes).is_none() {
            return Err(invalid(
                "a span of memory runs past the end of the address space",
            ));
        }
        total = total
            .checked_add(span.length_bytes as u64)
            .ok_or_else(|| invalid("the spans of memory add up to more than 64 bits"))?;
    }
    match transfer.offset.checked_add(total) {
        Some(end) if end <= i64::MAX as u64 => Ok(total),
        _ => Err(invalid("the transfer reaches past 2^63 bytes").with_offset(transfer.offset)),
    }
}
