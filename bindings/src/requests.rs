//! Requests, streams, events and regions, as C++ holds them. Empty slots stand for what could not
//! be made.

use crate::ffi;
use crate::ffi::{BatchPart, Completion, RequestSpec, Status, SubmitOptions};
use crate::guard::{guard, status_of};
use crate::handles::{gone, uri_text, ArraySlot, ContextSlot};
use cxx::UniquePtr;
use gpuio_core::scheduling::histogram::Histogram;
use gpuio_core::{Error, ErrorCode, Result};
use gpuio_runtime::requests::{
    self, ClassFigures, Event, EventState, InferenceQos, OnFull, Region, RegionId, RequestClass,
    RequestHandle, RequestKind, RequestStatus, Stream, StreamId,
};
use std::time::Duration;

/// A region, or nothing.
#[derive(Default)]
pub struct RegionSlot(Option<Region>);
/// A stream, or nothing.
#[derive(Default)]
pub struct StreamSlot(Option<Stream>);
/// An event, or nothing.
#[derive(Default)]
pub struct EventSlot(Option<Event>);
/// A request, or nothing.
#[derive(Default)]
pub struct RequestSlot(Option<RequestHandle>);

impl StreamSlot {
    fn get(&self) -> Result<&Stream> {
        self.0.as_ref().ok_or_else(|| gone("stream"))
    }
}

impl EventSlot {
    fn get(&self) -> Result<&Event> {
        self.0.as_ref().ok_or_else(|| gone("event"))
    }
}

fn refuse<T>(operation: &'static str, message: String) -> Result<T> {
    Err(Error::new(ErrorCode::InvalidArgument, operation, message))
}

/// Registers memory of the host, or of the context's device.
pub fn region_of_memory(
    context: &ContextSlot,
    address: u64,
    length: u64,
    on_device: bool,
    status: &mut Status,
) -> Box<RegionSlot> {
    guard(status, || {
        let requests = context.get()?.requests();
        // SAFETY: the caller's contract, stated at gpuio::MemoryRegion: the memory stays until the
        // region is released, and its destructor waits for that.
        let region = unsafe {
            match on_device {
                true => requests.register_device_memory(address, length)?,
                false => requests.register_memory(address as usize, length)?,
            }
        };
        Ok(Box::new(RegionSlot(Some(region))))
    })
}

/// Opens a URI.
pub fn region_open(
    context: &ContextSlot,
    uri: &[u8],
    needed_bytes: u64,
    writable: bool,
    status: &mut Status,
) -> Box<RegionSlot> {
    guard(status, || {
        let requests = context.get()?.requests();
        let region = requests.open_resource(uri_text(uri)?, needed_bytes, writable)?;
        Ok(Box::new(RegionSlot(Some(region))))
    })
}

/// An open array.
pub fn region_of_array(array: &ArraySlot, status: &mut Status) -> Box<RegionSlot> {
    guard(status, || {
        let (context, array) = array.get()?;
        let region = context.requests().register_array(array)?;
        Ok(Box::new(RegionSlot(Some(region))))
    })
}

/// What requests name it by; a number that none has for an empty slot.
pub fn region_id(region: &RegionSlot) -> u32 {
    region.0.as_ref().map_or(u32::MAX, |it| it.id().0)
}

/// `gpuio::RegionKind`.
pub fn region_kind(region: &RegionSlot) -> i32 {
    region.0.as_ref().map_or(0, |it| it.kind() as i32)
}

/// Bytes.
pub fn region_length(region: &RegionSlot) -> u64 {
    region.0.as_ref().map_or(0, Region::length_bytes)
}

/// See `Region::release`.
pub fn region_release(region: &RegionSlot, timeout_us: u64) -> bool {
    let timeout = Duration::from_micros(timeout_us);
    region.0.as_ref().is_none_or(|it| it.release(timeout))
}

fn class_of(number: i32) -> Result<Option<RequestClass>> {
    if number == -1 {
        return Ok(None);
    }
    let class = usize::try_from(number)
        .ok()
        .and_then(|it| RequestClass::ALL.get(it));
    match class {
        Some(class) => Ok(Some(*class)),
        None => refuse("submit", format!("there is no priority class {number}")),
    }
}

/// A new stream.
pub fn stream_create(context: &ContextSlot, class: i32, status: &mut Status) -> Box<StreamSlot> {
    guard(status, || {
        let class = class_of(class)?.unwrap_or(RequestClass::TrainingBw);
        let stream = context.get()?.requests().create_stream(class)?;
        Ok(Box::new(StreamSlot(Some(stream))))
    })
}

/// What requests name it by; 0, no stream, for an empty slot.
pub fn stream_id(stream: &StreamSlot) -> u32 {
    stream.0.as_ref().map_or(0, |it| it.id().0)
}

/// See `Stream::wait`.
pub fn stream_wait(stream: &StreamSlot, event: &EventSlot, status: &mut Status) {
    guard(status, || stream.get()?.wait(event.get()?));
}

/// See `Stream::synchronize`.
pub fn stream_synchronize(stream: &StreamSlot, timeout_us: u64, status: &mut Status) {
    guard(status, || {
        stream.get()?.synchronize(Duration::from_micros(timeout_us))
    });
}

/// A new event.
pub fn event_create(context: &ContextSlot, status: &mut Status) -> Box<EventSlot> {
    guard(status, || {
        let event = context.get()?.requests().create_event()?;
        Ok(Box::new(EventSlot(Some(event))))
    })
}

/// See `Event::record`.
pub fn event_record(event: &EventSlot, stream: &StreamSlot, status: &mut Status) {
    guard(status, || event.get()?.record(stream.get()?));
}

/// See `Event::wait`.
pub fn event_wait(event: &EventSlot, timeout_us: u64, status: &mut Status) {
    guard(status, || {
        event.get()?.wait(Duration::from_micros(timeout_us))
    });
}

/// 0 never recorded, 1 recorded and not reached, 2 reached.
pub fn event_query(event: &EventSlot) -> i32 {
    match event.0.as_ref().map(Event::query) {
        None | Some(EventState::Unrecorded) => 0,
        Some(EventState::Pending) => 1,
        Some(EventState::Reached { .. }) => 2,
    }
}

/// See `Event::elapsed_ns`.
pub fn event_elapsed_ns(event: &EventSlot, earlier: &EventSlot, status: &mut Status) -> u64 {
    guard(status, || event.get()?.elapsed_ns(earlier.get()?))
}

fn options_of(options: &SubmitOptions) -> Result<requests::SubmitOptions> {
    let qos = match options.has_qos {
        true => Some(InferenceQos::new(
            options.deadline_us,
            options.estimated_duration_us,
            options.criticality,
        )?),
        false => None,
    };
    Ok(requests::SubmitOptions {
        stream: StreamId(options.stream),
        class: class_of(options.priority)?,
        qos,
        on_full: match options.fails_if_full {
            true => OnFull::Fail,
            false => OnFull::Wait,
        },
    })
}

fn kind_of(number: i32) -> Result<RequestKind> {
    let kind = usize::try_from(number)
        .ok()
        .and_then(|it| RequestKind::ALL.get(it));
    let unknown = || refuse("submit", format!("there is no request type {number}"));
    kind.copied().map_or_else(unknown, Ok)
}

/// Submits a request.
pub fn request_submit(
    context: &ContextSlot,
    spec: &RequestSpec,
    options: &SubmitOptions,
    status: &mut Status,
) -> Box<RequestSlot> {
    guard(status, || {
        let request = context.get()?.requests().submit(&requests::RequestSpec {
            kind: kind_of(spec.kind)?,
            src: RegionId(spec.src),
            src_offset: spec.src_offset,
            dst: RegionId(spec.dst),
            dst_offset: spec.dst_offset,
            length_bytes: spec.length,
            operand: spec.operand,
            compare: spec.compare,
            options: options_of(options)?,
        })?;
        Ok(Box::new(RequestSlot(Some(request))))
    })
}

/// Submits a batch.
pub fn batch_submit(
    context: &ContextSlot,
    parts: &[BatchPart],
    options: &SubmitOptions,
    status: &mut Status,
) -> Box<RequestSlot> {
    guard(status, || {
        let part = |part: &BatchPart| {
            Ok(requests::BatchPart {
                kind: kind_of(part.kind)?,
                src: RegionId(part.src),
                src_offset: part.src_offset,
                dst: RegionId(part.dst),
                dst_offset: part.dst_offset,
                length_bytes: part.length,
            })
        };
        let parts = parts.iter().map(part).collect::<Result<Vec<_>>>()?;
        let requests = context.get()?.requests();
        let request = requests.submit_batch(&parts, options_of(options)?)?;
        Ok(Box::new(RequestSlot(Some(request))))
    })
}

/// The specification's id; 0 for an empty slot.
pub fn request_id(request: &RequestSlot) -> u64 {
    request.0.as_ref().map_or(0, RequestHandle::id)
}

/// The specification's number.
pub fn request_status(request: &RequestSlot) -> i32 {
    let status = request.0.as_ref().map(RequestHandle::status);
    status.unwrap_or(RequestStatus::Cancelled) as i32
}

/// Bytes moved so far.
pub fn request_bytes(request: &RequestSlot) -> u64 {
    request.0.as_ref().map_or(0, RequestHandle::bytes_completed)
}

/// Whether it has ended, after at most this long.
pub fn request_wait(request: &RequestSlot, timeout_us: u64) -> bool {
    let timeout = Duration::from_micros(timeout_us);
    request
        .0
        .as_ref()
        .is_none_or(|it| it.wait(timeout).is_some())
}

/// The place of one that has ended, after at most this long; their number if none has. An empty
/// slot counts as ended.
///
/// # Safety
/// `requests` are addresses of slots, which live meanwhile.
pub unsafe fn request_wait_any(requests: &[usize], timeout_us: u64, status: &mut Status) -> usize {
    // SAFETY: the caller's promise.
    let slot = |address: &usize| unsafe { &*(*address as *const RequestSlot) };
    guard(status, || {
        if let Some(empty) = requests.iter().position(|it| slot(it).0.is_none()) {
            return Ok(empty);
        }
        let handles = requests.iter().filter_map(|it| slot(it).0.as_ref());
        let timeout = Duration::from_micros(timeout_us);
        let ended = RequestHandle::wait_any(handles, timeout)?;
        Ok(ended.unwrap_or(requests.len()))
    })
}

/// Why it ended, if not well.
pub fn request_end(request: &RequestSlot, status: &mut Status) {
    guard(status, || {
        match request.0.as_ref().and_then(RequestHandle::error) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    });
}

/// What an atomic operation found. False: nothing.
pub fn request_old_value(request: &RequestSlot, value: &mut u64) -> bool {
    let found = request.0.as_ref().and_then(RequestHandle::old_value);
    *value = found.unwrap_or(0);
    found.is_some()
}

/// Of a batch that has ended, each part's result.
pub fn request_parts(request: &RequestSlot) -> Vec<Status> {
    let parts = request.0.as_ref().map(RequestHandle::part_results);
    let status = |part: Result<()>| part.err().map_or_else(Status::default, status_of);
    parts.unwrap_or_default().into_iter().map(status).collect()
}

/// See `RequestHandle::cancel`.
pub fn request_cancel(request: &RequestSlot) -> bool {
    request.0.as_ref().is_some_and(RequestHandle::cancel)
}

/// What C++ wants called.
struct Callback(UniquePtr<Completion>);

// SAFETY: `Completion` says that any thread may call it and destroy it.
unsafe impl Send for Callback {}

impl Callback {
    fn run(mut self) {
        if let Some(completion) = self.0.as_mut() {
            completion.run();
        }
    }
}

/// See `RequestHandle::on_complete`. Of an empty slot, at once.
pub fn request_on_complete(request: &RequestSlot, completion: UniquePtr<Completion>) {
    let callback = Callback(completion);
    match &request.0 {
        Some(request) => request.on_complete(move |_| callback.run()),
        None => callback.run(),
    }
}

fn quantiles(histogram: &Histogram) -> ffi::Quantiles {
    ffi::Quantiles {
        count: histogram.count(),
        p50: histogram.quantile(0.5),
        p99: histogram.quantile(0.99),
        p999: histogram.quantile(0.999),
        max: histogram.max(),
    }
}

fn class_figures(class: &ClassFigures) -> ffi::ClassFigures {
    ffi::ClassFigures {
        submitted: class.submitted,
        completed: class.completed,
        failed: class.failed,
        cancelled: class.cancelled,
        deadline_misses: class.deadline_misses,
        refused: class.refused,
        shed: class.shed,
        aged: class.aged,
        wait_ns: quantiles(&class.wait_ns),
        service_ns: quantiles(&class.service_ns),
    }
}

/// See `Requests::figures`.
pub fn context_figures(context: &ContextSlot, status: &mut Status) -> ffi::Figures {
    guard(status, || {
        let snapshot = context.get()?.requests().figures()?;
        let figures = &snapshot.figures;
        let classes = RequestClass::ALL.map(|class| class_figures(figures.class(class)));
        let devices = snapshot.devices.iter().map(|it| ffi::DeviceFigures {
            name: it.name.clone(),
            waiting: it.waiting,
            in_flight: it.in_flight,
            depth: it.depth,
            bulk_depth: it.bulk_depth,
            batch_count: it.batch_count,
            slice_bytes: it.slice_bytes,
        });
        Ok(ffi::Figures {
            classes: classes.into_iter().collect(),
            devices: devices.collect(),
            batch_sizes: quantiles(&figures.batch_sizes),
            slices: figures.slices,
            bytes: figures.bytes,
            retries: figures.retries,
            short_transfers: figures.short_transfers,
            steals: figures.steals,
            requests: snapshot.requests as u64,
        })
    })
}
