//! The simulated storage, and the oracle that knows what each byte of it must be.

use super::possible::Possible;
use gpuio_core::scheduling::batch::{BatchPart, BatchPlace, BatchPlan, PartResult, Space};
use gpuio_core::scheduling::{RegionId, Request, RequestKind, RequestStatus, Slice, StreamId};

/// Length of each device's storage, region 0 and on.
pub(super) const STORAGE_BYTES: u64 = 64 << 10;

/// The first bytes of each storage are only read, by everyone.
pub(super) const SHARED_BYTES: u64 = 16 << 10;

/// The rest is divided between the streams.
pub(super) const MAX_STREAMS: u64 = 8;

/// What of each storage belongs to one stream alone.
pub(super) const PARTITION_BYTES: u64 = (STORAGE_BYTES - SHARED_BYTES) / MAX_STREAMS;

/// The region of all requests' memory.
pub(super) const MEMORY: RegionId = RegionId(1000);

/// Memory of one request; no request is longer.
pub(super) const BUFFER_BYTES: u64 = 4096;

/// What memory holds before a read.
const POISON: u8 = 0xa5;

/// The first byte of a stream's partition.
pub(super) fn partition(stream: StreamId) -> u64 {
    SHARED_BYTES + u64::from(stream.0 - 1) * PARTITION_BYTES
}

/// Storage and memory as the devices see them, and the storage as it should be.
pub(super) struct Bytes {
    storages: Vec<Vec<u8>>,
    expected: Vec<Vec<u8>>,
    memory: Vec<u8>,
    free_buffers: Vec<u64>,
}

impl Bytes {
    pub fn new(device_count: usize, buffer_count: usize) -> Self {
        let shared = |device: usize| {
            let byte = |at: u64| (at.wrapping_mul(0x9e37_79b9) >> 11) as u8 ^ device as u8;
            (0..STORAGE_BYTES).map(byte).collect::<Vec<u8>>()
        };
        let storages: Vec<_> = (0..device_count).map(shared).collect();
        Self {
            expected: storages.clone(),
            storages,
            memory: vec![0; buffer_count * BUFFER_BYTES as usize],
            free_buffers: (0..buffer_count as u64)
                .map(|it| it * BUFFER_BYTES)
                .collect(),
        }
    }

    /// Memory for a request; it belongs to it until [`Bytes::release`].
    pub fn buffer(&mut self) -> Option<u64> {
        self.free_buffers.pop()
    }

    pub fn release(&mut self, buffer: u64) {
        self.free_buffers.push(buffer);
    }

    /// Fills the memory: with what is to be written, or so that it shows what was read.
    pub fn prepare(&mut self, request: &Request, buffer: u64, tag: usize) {
        let memory = span_mut(&mut self.memory, buffer, BUFFER_BYTES);
        if matches!(request.kind, RequestKind::Write | RequestKind::Batch) {
            let bytes = memory.iter_mut().enumerate();
            bytes.for_each(|(at, byte)| *byte = written(tag, at));
        } else {
            memory.fill(POISON);
        }
    }

    /// Carries out the first `bytes` of a slice. `operand` is added by an atomic operation, or
    /// stored if the value is even; returns the value before.
    pub fn carry_out(
        &mut self,
        slice: &Slice,
        batch: Option<(&BatchPlan, &[BatchPart])>,
        bytes: u64,
        operand: u64,
    ) -> u64 {
        match (slice.kind, batch) {
            (RequestKind::Copy, Some((plan, parts))) => self.copy(slice, plan, parts, bytes),
            (_, Some((plan, _))) => self.scatter(slice, plan, bytes),
            (RequestKind::AtomicCmpSwap | RequestKind::AtomicFetchAdd, _) => {
                let old = value_at(&self.storages, slice.dst, slice.dst_offset);
                let new = atomic(slice.kind, old, operand).to_le_bytes();
                let storage = &mut self.storages[slice.dst.0 as usize];
                span_mut(storage, slice.dst_offset, 8).copy_from_slice(&new);
                return old;
            }
            _ => {
                let data = self.region(slice.src, slice.src_offset, bytes).to_vec();
                let target = self.region_mut(slice.dst, slice.dst_offset, bytes);
                target.copy_from_slice(&data);
            }
        }
        0
    }

    /// A copy within a batch says which part it is of, and the part where the bytes are.
    fn copy(&mut self, slice: &Slice, plan: &BatchPlan, parts: &[BatchPart], bytes: u64) {
        let Some(part) = plan.part_of(slice.operation) else {
            return;
        };
        let (part, at) = (&parts[part as usize], slice.memory_offset());
        let data = self.region(region_of(part.src), part.src.first + at, bytes);
        let data = data.to_vec();
        let target = self.region_mut(region_of(part.dst), part.dst.first + at, bytes);
        target.copy_from_slice(&data);
    }

    /// Bytes of an operation go between the storage and the memory of its parts.
    fn scatter(&mut self, slice: &Slice, plan: &BatchPlan, bytes: u64) {
        let operation = &plan.operations[slice.operation as usize];
        let first = slice.memory_offset();
        for scatter in plan.scatters_of(slice.operation) {
            let from = scatter.operation_offset.max(first);
            let to = (scatter.operation_offset + scatter.length_bytes).min(first + bytes);
            if from < to {
                let storage = &mut self.storages[operation.resource.0 as usize];
                let there = span_mut(storage, operation.offset + from, to - from);
                let address = scatter.memory + (from - scatter.operation_offset);
                let here = span_mut(&mut self.memory, address, to - from);
                match slice.kind {
                    RequestKind::Write => there.copy_from_slice(here),
                    _ => here.copy_from_slice(there),
                }
            }
        }
    }

    /// Checks every byte that the request could touch, once it has ended; takes over what is
    /// allowed to be either old or new. Nothing else of its stream is in progress.
    pub fn check(
        &mut self,
        request: &Request,
        status: RequestStatus,
        operand: u64,
        old_value: u64,
    ) -> Result<(), String> {
        let is_done = status == RequestStatus::Completed;
        match request.kind {
            RequestKind::Read => {
                let (src, dst) = (request.src.0 as usize, request.dst_offset);
                let expected = span(
                    &self.expected[src],
                    request.src_offset,
                    request.length_bytes,
                );
                let found = span(&self.memory, dst, request.length_bytes);
                compare(found, expected, (!is_done).then_some(&[POISON][..]))
            }
            RequestKind::Write | RequestKind::Copy => {
                let new = if request.kind == RequestKind::Write {
                    span(&self.memory, request.src_offset, request.length_bytes).to_vec()
                } else {
                    let src = &self.expected[request.src.0 as usize];
                    span(src, request.src_offset, request.length_bytes).to_vec()
                };
                self.check_stored(request, &new, is_done)
            }
            RequestKind::AtomicCmpSwap | RequestKind::AtomicFetchAdd => {
                let old = value_at(&self.expected, request.dst, request.dst_offset);
                let new = atomic(request.kind, old, operand).to_le_bytes();
                if is_done && old_value != old {
                    return Err(format!("an atomic operation saw {old_value}, not {old}"));
                }
                self.check_whole(request, &new, is_done)
            }
            RequestKind::Batch => Ok(()),
        }
    }

    /// Checks what a batch left, and takes it over. Of parts that failed, each byte was moved or
    /// not. Nothing else of its stream is in progress if it writes.
    pub fn check_parts(
        &mut self,
        parts: &[BatchPart],
        results: &[PartResult],
        (buffer, tag): (u64, usize),
    ) -> Result<(), String> {
        if parts.len() != results.len() {
            return Err(format!(
                "{} results of {} parts",
                results.len(),
                parts.len()
            ));
        }
        let Some(first) = parts.first() else {
            return Ok(());
        };
        let storage = first.device.0 as usize; // all are of one
        let before = (0..BUFFER_BYTES as usize).map(|at| written(tag, at));
        let mut memory = Possible::of(buffer, before.collect());
        let ends = parts
            .iter()
            .flat_map(|it| [it.src, it.dst].map(|at| (at, it.length_bytes)));
        let ends: Vec<_> = ends.filter(|(at, _)| at.space != Space::Memory).collect();
        let low = ends
            .iter()
            .map(|(at, _)| at.first)
            .min()
            .unwrap_or_default();
        let high = ends.iter().map(|(at, length)| at.first + length).max();
        let length = high.unwrap_or(low) - low;
        let before = span(&self.expected[storage], low, length);
        let mut stored = Possible::of(low, before.to_vec());
        for (part, result) in parts.iter().zip(results) {
            let from = match part.src.space {
                Space::Memory => memory.clone(),
                _ => stored.clone(),
            };
            let to = match part.dst.space {
                Space::Memory => &mut memory,
                _ => &mut stored,
            };
            let source = (part.src.first, part.length_bytes);
            to.take(part.dst.first, &from, source, result.is_ok());
        }
        memory.check(span(&self.memory, buffer, BUFFER_BYTES))?;
        let found = span(&self.storages[storage], low, length);
        stored.check(found)?;
        span_mut(&mut self.expected[storage], low, length).copy_from_slice(found);
        Ok(())
    }

    /// What is stored must be new; if the request did not complete, each byte old or new.
    fn check_stored(&mut self, request: &Request, new: &[u8], is_done: bool) -> Result<(), String> {
        let (dst, offset) = (request.dst.0 as usize, request.dst_offset);
        let found = span(&self.storages[dst], offset, request.length_bytes);
        let expected = span_mut(&mut self.expected[dst], offset, request.length_bytes);
        compare(found, new, (!is_done).then_some(&*expected))?;
        expected.copy_from_slice(found);
        Ok(())
    }

    /// The same for what is stored as a whole or not at all.
    fn check_whole(&mut self, request: &Request, new: &[u8], is_done: bool) -> Result<(), String> {
        let (dst, offset) = (request.dst.0 as usize, request.dst_offset);
        let found = span(&self.storages[dst], offset, request.length_bytes);
        let expected = span_mut(&mut self.expected[dst], offset, request.length_bytes);
        if found != new && (is_done || found != expected) {
            return Err("an atomic operation was carried out more than once, or in part".into());
        }
        expected.copy_from_slice(found);
        Ok(())
    }

    /// Compares every byte of every storage with what it should be.
    pub fn check_all(&self) -> Result<(), String> {
        let pairs = self.storages.iter().zip(&self.expected);
        pairs
            .enumerate()
            .try_for_each(|(device, (found, expected))| {
                compare(found, expected, None).map_err(|what| format!("storage {device}: {what}"))
            })
    }

    fn region(&self, region: RegionId, offset: u64, length: u64) -> &[u8] {
        let bytes = match region {
            MEMORY => &self.memory,
            RegionId(storage) => &self.storages[storage as usize],
        };
        span(bytes, offset, length)
    }

    fn region_mut(&mut self, region: RegionId, offset: u64, length: u64) -> &mut [u8] {
        let bytes = match region {
            MEMORY => &mut self.memory,
            RegionId(storage) => &mut self.storages[storage as usize],
        };
        span_mut(bytes, offset, length)
    }
}

fn region_of(place: BatchPlace) -> RegionId {
    match place.space {
        Space::Resource(resource) => resource,
        _ => MEMORY,
    }
}

/// Byte `at` of the memory of what writes.
fn written(tag: usize, at: usize) -> u8 {
    tag.wrapping_mul(31).wrapping_add(at.wrapping_mul(7)) as u8
}

/// What an atomic operation makes of a value.
fn atomic(kind: RequestKind, old: u64, operand: u64) -> u64 {
    match kind {
        RequestKind::AtomicCmpSwap if old % 2 == 1 => old,
        RequestKind::AtomicCmpSwap => operand,
        _ => old.wrapping_add(operand),
    }
}

fn value_at(storages: &[Vec<u8>], region: RegionId, offset: u64) -> u64 {
    let bytes = span(&storages[region.0 as usize], offset, 8);
    u64::from_le_bytes(bytes.try_into().expect("eight bytes"))
}

/// Whether each byte is as expected, or as allowed instead: one byte for all, or each its own.
fn compare(found: &[u8], expected: &[u8], instead: Option<&[u8]>) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    for (at, (byte, wanted)) in found.iter().zip(expected).enumerate() {
        let allowed = instead.map(|it| it[at % it.len()]);
        if byte != wanted && allowed != Some(*byte) {
            return Err(format!("byte {at} is {byte}, not {wanted}"));
        }
    }
    Ok(())
}

fn span(bytes: &[u8], offset: u64, length: u64) -> &[u8] {
    &bytes[offset as usize..(offset + length) as usize]
}

fn span_mut(bytes: &mut [u8], offset: u64, length: u64) -> &mut [u8] {
    &mut bytes[offset as usize..(offset + length) as usize]
}
