//! What is refused at once.

use super::names::Names;
use super::order::{Extras, Order, Part, Side};
use super::region::{Place, RegionKind, RegionState};
use super::spec::{BatchPart, RequestSpec, SubmitOptions};
use super::Shared;
use gpuio_core::limits::{MAX_BATCH_PARTS, MAX_FILE_OFFSET};
use gpuio_core::scheduling::{RequestKind, ATOMIC_BYTES};
use gpuio_core::{Error, ErrorCode, Result};
use hashbrown::HashMap;

/// A range of a region, to be checked.
#[derive(Clone, Copy)]
struct Range<'a> {
    region: &'a RegionState,
    offset: u64,
}

impl Range<'_> {
    fn side(&self) -> Side {
        self.region.side(self.offset)
    }
}

fn refuse<T>(kind: RequestKind, message: impl Into<String>) -> Result<T> {
    let code = ErrorCode::InvalidArgument;
    Err(Error::new(code, kind.verb(), message))
}

/// A request, checked.
pub fn request(names: &Names, spec: &RequestSpec) -> Result<Order> {
    let kind = spec.kind;
    if kind == RequestKind::Batch {
        return refuse(kind, "a batch has parts; use submit_batch");
    }
    if spec.length_bytes == 0 {
        return refuse(kind, "the length is 0; ask for at least one byte");
    }
    let length_bytes = spec.length_bytes;
    let range = |id, offset| range(kind, names.region(id)?, offset, length_bytes);
    let dst = range(spec.dst, spec.dst_offset)?;
    let src = match kind.is_atomic() {
        true => dst,
        false => range(spec.src, spec.src_offset)?,
    };
    match kind.is_atomic() {
        true => check_atomic(kind, &dst, length_bytes)?,
        false => check_kind(kind, &src, &dst, length_bytes)?,
    }
    check_writable(kind, dst.region)?;
    let sides = (src.side(), dst.side());
    order(names, kind, sides, length_bytes, spec.options).map(|order| Order {
        operand: spec.operand,
        compare: spec.compare,
        ..order
    })
}

fn order(
    names: &Names,
    kind: RequestKind,
    (src, dst): (Side, Side),
    length_bytes: u64,
    options: SubmitOptions,
) -> Result<Order> {
    let default = names.class_of(options.stream)?;
    let extras = options.qos.map(|qos| Extras {
        qos: Some(qos),
        ..Extras::default()
    });
    Ok(Order {
        kind,
        src,
        dst,
        length_bytes,
        stream: options.stream,
        class: options.class.unwrap_or(default),
        operand: 0,
        compare: 0,
        extras: extras.map(Box::new),
    })
}

/// A range of a region. Where a resource ends, only the engine knows: it may grow.
fn range(
    kind: RequestKind,
    region: &RegionState,
    offset: u64,
    length_bytes: u64,
) -> Result<Range<'_>> {
    let (base, end) = match region.place {
        Place::Resource { base, .. } => (base, MAX_FILE_OFFSET),
        _ => (0, region.length_bytes),
    };
    let last = base
        .checked_add(offset)
        .and_then(|it| it.checked_add(length_bytes));
    if last.is_none_or(|it| it > end) {
        let message = format!(
            "{length_bytes} bytes from {offset} on leave region {} of {} bytes",
            region.id.0, region.length_bytes
        );
        return refuse(kind, message).map_err(|error| error.with_offset(offset));
    }
    Ok(Range { region, offset })
}

fn is_memory(region: &RegionState) -> bool {
    matches!(region.kind, RegionKind::Memory | RegionKind::DeviceMemory)
}

fn check_kind(kind: RequestKind, src: &Range, dst: &Range, length_bytes: u64) -> Result<()> {
    let (from, to) = (is_memory(src.region), is_memory(dst.region));
    match kind {
        RequestKind::Read if from || !to => refuse(
            kind,
            "it goes from a resource or an array to memory; use COPY for other pairs",
        ),
        RequestKind::Write if !from || to => refuse(
            kind,
            "it goes from memory to a resource or an array; use COPY for other pairs",
        ),
        _ if overlap(src, dst, length_bytes) => {
            refuse(kind, "the two ranges overlap; copy by way of a third")
        }
        _ => Ok(()),
    }
}

/// Whether both are the same kind of place and share bytes.
fn overlap(src: &Range, dst: &Range, length_bytes: u64) -> bool {
    let starts = match (src.region.place, dst.region.place) {
        (Place::Memory(from), Place::Memory(to)) => (from as u64, to as u64),
        (Place::Device(from), Place::Device(to)) => (from, to),
        (Place::Array(from), Place::Array(to)) if from == to => (0, 0),
        (Place::Resource { .. }, Place::Resource { .. }) if src.region.id == dst.region.id => {
            (0, 0)
        }
        _ => return false,
    };
    let (from, to) = (starts.0 + src.offset, starts.1 + dst.offset);
    from.abs_diff(to) < length_bytes
}

fn check_atomic(kind: RequestKind, dst: &Range, length_bytes: u64) -> Result<()> {
    if length_bytes != ATOMIC_BYTES {
        let message =
            format!("{length_bytes} bytes; an atomic operation works on {ATOMIC_BYTES} of them");
        return refuse(kind, message);
    }
    let Place::Memory(address) = dst.region.place else {
        return unsupported(kind);
    };
    if dst.region.kind != RegionKind::Memory {
        return unsupported(kind);
    }
    if (address as u64 + dst.offset) % ATOMIC_BYTES != 0 {
        let message = format!(
            "byte {} of the region is not at a multiple of 8; atomic operations need that",
            dst.offset
        );
        return refuse::<()>(kind, message).map_err(|error| error.with_offset(dst.offset));
    }
    Ok(())
}

fn unsupported<T>(kind: RequestKind) -> Result<T> {
    let message = "atomic operations are for host memory; for arrays use the atomics of kernels, \
                   for files read and write in one stream";
    Err(Error::new(ErrorCode::Unsupported, kind.verb(), message))
}

fn check_writable(kind: RequestKind, region: &RegionState) -> Result<()> {
    if region.is_writable {
        return Ok(());
    }
    let message = format!("region {} was opened for reading only", region.id.0);
    Err(Error::new(ErrorCode::Permission, kind.verb(), message))
}

/// A batch, checked. Takes the lock for each part anew: there may be many.
pub fn batch(shared: &Shared, parts: &[BatchPart], options: SubmitOptions) -> Result<Order> {
    let kind = RequestKind::Batch;
    if parts.is_empty() || parts.len() > MAX_BATCH_PARTS {
        let message = format!("{} parts; a batch has 1 to {MAX_BATCH_PARTS}", parts.len());
        return refuse(kind, message);
    }
    let mut checked = Vec::with_capacity(parts.len());
    let mut uses = HashMap::new();
    for (index, part) in parts.iter().enumerate() {
        let name = |error: Error| Error {
            message: format!("part {index}: {}", error.message),
            ..error
        };
        let part = self::part(&shared.inbox.lock().names, part).map_err(name)?;
        for side in [&part.src, &part.dst] {
            *uses.entry(side.region).or_default() += 1;
        }
        checked.push(part);
    }
    let sides = (checked[0].src, checked[0].dst);
    // Only a figure: each part is in range, and the plan bounds their number.
    let lengths = checked.iter().map(|it| it.length_bytes);
    let length_bytes = lengths.fold(0, u64::saturating_add);
    let extras = Extras {
        qos: options.qos,
        parts: checked,
        uses: uses.into_iter().collect(),
    };
    let names = &shared.inbox.lock().names;
    order(names, kind, sides, length_bytes, options).map(|order| Order {
        extras: Some(Box::new(extras)),
        ..order
    })
}

fn part(names: &Names, part: &BatchPart) -> Result<Part> {
    let (kind, length_bytes) = (part.kind, part.length_bytes);
    if kind.is_atomic() || kind == RequestKind::Batch {
        let message = "it is no part of a batch; an atomic operation is one instruction, so there \
                       is nothing to put together: submit it by itself";
        return refuse(kind, message);
    }
    if length_bytes == 0 {
        return refuse(kind, "the length is 0; ask for at least one byte");
    }
    let src = range(kind, names.region(part.src)?, part.src_offset, length_bytes)?;
    let dst = range(kind, names.region(part.dst)?, part.dst_offset, length_bytes)?;
    check_kind(kind, &src, &dst, length_bytes)?;
    check_writable(kind, dst.region)?;
    Ok(Part {
        kind,
        src: src.side(),
        dst: dst.side(),
        length_bytes,
    })
}
