//! Random requests.

use super::bytes::{partition, BUFFER_BYTES, MEMORY, PARTITION_BYTES, SHARED_BYTES};
use crate::random::Seeded;
use gpuio_core::random::Random;
use gpuio_core::scheduling::batch::{BatchPart, Space};
use gpuio_core::scheduling::{
    DeviceId, EngineKind, InferenceQos, RegionId, Request, RequestClass, RequestKind, StreamId,
};

/// Parts of a batch share a buffer.
const MAX_PARTS: u64 = 12;

/// A request of this stream whose memory is at `buffer`, and its parts if it is a batch.
pub(super) fn request(
    random: &mut Seeded,
    stream: StreamId,
    device_count: u64,
    buffer: u64,
    tag: usize,
) -> (Request, Vec<BatchPart>) {
    let device = random.below(device_count) as u32;
    let kind = kind(random, stream);
    let mut request = Request {
        kind,
        engine: EngineKind::Localio,
        device: DeviceId(device),
        src: RegionId(device),
        dst: MEMORY,
        src_offset: 0,
        dst_offset: buffer,
        length_bytes: length(random),
        stream,
        class: random.pick(&RequestClass::ALL),
        qos: None,
        user_data: tag as u64,
    };
    let mut parts = Vec::new();
    match kind {
        RequestKind::Read => {
            let (first, length) = readable(random, stream);
            request.src_offset = place(random, first, length, request.length_bytes, 1);
        }
        RequestKind::Write => {
            (request.src, request.dst) = (MEMORY, RegionId(device));
            request.src_offset = buffer;
            request.dst_offset = own(random, stream, request.length_bytes, 1);
        }
        RequestKind::Copy => {
            request.dst = RegionId(device);
            request.src_offset = place(random, 0, SHARED_BYTES, request.length_bytes, 1);
            request.dst_offset = own(random, stream, request.length_bytes, 1);
        }
        RequestKind::AtomicCmpSwap | RequestKind::AtomicFetchAdd => {
            (request.src, request.dst) = (MEMORY, RegionId(device));
            request.length_bytes = 8;
            request.src_offset = buffer;
            request.dst_offset = own(random, stream, 8, 8);
        }
        RequestKind::Batch => parts = batch(random, stream, device, buffer),
    }
    (request, parts)
}

/// Outside streams there is no order, so only what nobody writes is touched there.
fn kind(random: &mut Seeded, stream: StreamId) -> RequestKind {
    use RequestKind::{AtomicCmpSwap, AtomicFetchAdd, Batch, Copy, Read, Write};
    if stream == StreamId::NONE {
        return random.pick(&[Read, Read, Read, Batch]);
    }
    random.pick(&[
        Read,
        Read,
        Read,
        Write,
        Write,
        Write,
        Copy,
        AtomicCmpSwap,
        AtomicFetchAdd,
        Batch,
    ])
}

/// Mostly short; some are cut into many slices.
fn length(random: &mut Seeded) -> u64 {
    let most = random.pick(&[64, 64, 256, 256, 1024, BUFFER_BYTES]);
    random.within(1, most)
}

/// A deadline, perhaps one that cannot be met.
pub(super) fn qos(random: &mut Seeded) -> Option<InferenceQos> {
    let deadline_us = random.pick(&[50, 1_000, 100_000]);
    let estimated_us = random.below(deadline_us.min(100));
    let criticality = random.next_unit() as f32;
    InferenceQos::new(deadline_us, estimated_us, criticality).ok()
}

/// A batch reads what nobody writes; some read, write and copy what is their stream's.
fn batch(random: &mut Seeded, stream: StreamId, device: u32, buffer: u64) -> Vec<BatchPart> {
    let count = random.within(1, MAX_PARTS);
    let room = BUFFER_BYTES / count;
    let writes = stream != StreamId::NONE && random.chance(0.6);
    // Close together, so that they touch and overlap; some twice.
    let from = match writes {
        true => partition(stream) + random.below(PARTITION_BYTES - 2048),
        false => random.below(SHARED_BYTES - 2048),
    };
    let mut last = (from, 16);
    let part = |index| {
        if !random.chance(0.1) {
            last = (from + random.below(1500), random.within(1, room.min(500)));
        }
        let is_write = writes && random.chance(0.5);
        let kind = [RequestKind::Read, RequestKind::Write][usize::from(is_write)];
        // Some use memory of another one.
        let place = if random.chance(0.1) { 0 } else { index };
        let (way, there) = (
            (EngineKind::Localio, DeviceId(device)),
            (RegionId(device), last.0),
        );
        let part = BatchPart::with_memory(kind, way, there, buffer + place * room, last.1);
        // Decided by what was drawn already: so seeds go on to stand for the same requests.
        match last.0 % 3 {
            1 => as_copy(part, from, writes),
            _ => part,
        }
    };
    (0..count).map(part).collect()
}

/// The same as a copy: between the same places, or within the storage.
fn as_copy(part: BatchPart, from: u64, writes: bool) -> BatchPart {
    let mut copy = BatchPart {
        kind: RequestKind::Copy,
        ..part
    };
    if writes && copy.src.space != Space::Memory && copy.src.first % 2 == 0 {
        copy.dst = copy.src;
        // Among the last bytes that parts read and write; a copy never goes onto itself.
        copy.dst.first = from + 2000 - copy.length_bytes + copy.src.first % 48;
        copy.length_bytes = copy.length_bytes.min(copy.dst.first - copy.src.first);
    }
    copy
}

fn readable(random: &mut Seeded, stream: StreamId) -> (u64, u64) {
    if stream == StreamId::NONE || random.chance(0.3) {
        (0, SHARED_BYTES)
    } else {
        (partition(stream), PARTITION_BYTES)
    }
}

fn own(random: &mut Seeded, stream: StreamId, length: u64, alignment: u64) -> u64 {
    place(
        random,
        partition(stream),
        PARTITION_BYTES,
        length,
        alignment,
    )
}

/// A random place of this length within a range.
fn place(random: &mut Seeded, first: u64, room: u64, length: u64, alignment: u64) -> u64 {
    first + random.below((room - length) / alignment + 1) * alignment
}
