//! A simulated CUDA driver: one GPU whose memory is heap memory and whose streams move only when
//! somebody asks about them, one operation a question. It is stricter than the real one: every
//! call needs a current context, every handle must be alive, memory is never aligned to pages
//! when it is small, never zero, and has other addresses for the GPU than for the CPU.

use std::alloc::{alloc, dealloc, Layout};
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::ffi::{c_char, c_int, c_uchar, c_uint, c_void, CStr};
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cudarc::driver::sys;

use super::super::driver::{Driver, Status, NOT_READY, SUCCESS};

const INVALID_VALUE: Status = 1;
const OUT_OF_MEMORY: Status = 2;
const INVALID_CONTEXT: Status = 201;
const INVALID_HANDLE: Status = 400;
const ALREADY_REGISTERED: Status = 712;
const NOT_REGISTERED: Status = 713;

/// What the GPU's addresses are away from the CPU's: beyond all that a process maps.
pub(super) const GPU_OFFSET: u64 = 1 << 47;
const TOTAL_BYTES: usize = 8 << 30;
const PAGE: usize = 4096;
const GARBAGE: u8 = 0xCD;
/// The primary context's handle.
const PRIMARY: usize = 0x1000;

type Operation = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct FakeStream {
    queue: VecDeque<Operation>,
    enqueued_count: u64,
    done_count: u64,
}

impl FakeStream {
    fn push(&mut self, operation: Operation) {
        self.queue.push_back(operation);
        self.enqueued_count += 1;
    }

    fn step(&mut self) {
        if let Some(operation) = self.queue.pop_front() {
            operation();
            self.done_count += 1;
        }
    }
}

/// A block of heap memory that is handed out from `skip` bytes behind its start.
struct Block {
    base: usize,
    layout: Layout,
}

#[derive(Default)]
struct State {
    retain_count: i64,
    last_handle: usize,
    streams: HashMap<usize, FakeStream>,
    /// The stream and how many of its operations lie before the mark; `None` before recording.
    events: HashMap<usize, Option<(usize, u64)>>,
    gpu: HashMap<u64, Block>,
    pinned: HashMap<usize, Block>,
    registered: HashMap<usize, usize>,
    stalled: bool,
    failure: Option<(&'static str, Status)>,
}

static STATE: Mutex<Option<State>> = Mutex::new(None);
static SESSION: Mutex<()> = Mutex::new(());

thread_local! {
    static CURRENT: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

fn with<T>(use_state: impl FnOnce(&mut State) -> T) -> T {
    let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    use_state(state.get_or_insert_default())
}

/// One test's use of the driver: tests take turns, and each must leave nothing behind.
pub(super) struct Session {
    _turn: MutexGuard<'static, ()>,
}

pub(super) fn session() -> Session {
    let turn = SESSION.lock().unwrap_or_else(PoisonError::into_inner);
    with(|state| *state = State::default());
    Session { _turn: turn }
}

impl Session {
    /// Makes the next call of this function fail.
    pub(super) fn fail(&self, function: &'static str, status: Status) {
        with(|state| state.failure = Some((function, status)));
    }

    /// Stops all streams, or lets them go on.
    pub(super) fn stall(&self, stalled: bool) {
        with(|state| state.stalled = stalled);
    }

    /// Puts an operation that does nothing on a stream, as a kernel launch would.
    pub(super) fn launch(&self, stream: u64) {
        with(|state| {
            let stream = state
                .streams
                .get_mut(&(stream as usize))
                .expect("a live stream");
            stream.push(Box::new(|| ()));
        });
    }

    /// How many operations wait on all streams.
    pub(super) fn waiting_count(&self) -> usize {
        with(|state| {
            state
                .streams
                .values()
                .map(|stream| stream.queue.len())
                .sum()
        })
    }

    pub(super) fn registered_count(&self) -> usize {
        with(|state| state.registered.len())
    }

    /// Panics when something is still open.
    pub(super) fn assert_nothing_left(&self) {
        assert_eq!(
            current_stack(),
            Vec::<usize>::new(),
            "contexts current on this thread"
        );
        with(|state| {
            assert_eq!(state.retain_count, 0, "references to the context");
            assert_eq!(state.streams.len(), 0, "streams");
            assert_eq!(state.events.len(), 0, "events");
            assert_eq!(state.gpu.len(), 0, "GPU allocations");
            assert_eq!(state.pinned.len(), 0, "pinned allocations");
            assert_eq!(state.registered.len(), 0, "registrations");
        });
    }
}

pub(super) fn current_stack() -> Vec<usize> {
    CURRENT.with_borrow(Clone::clone)
}

/// Makes a context of somebody else current on this thread.
pub(super) fn set_current(contexts: &[usize]) {
    CURRENT.with_borrow_mut(|stack| *stack = contexts.to_vec());
}

/// The beginning of every call: an ordered failure, then the check for a current context.
fn call(function: &str, body: impl FnOnce(&mut State) -> Status) -> Status {
    let current = CURRENT.with_borrow(|stack| stack.last().copied());
    with(|state| {
        if let Some((failing, status)) = state.failure {
            if failing == function {
                state.failure = None;
                return status;
            }
        }
        let is_free = function.starts_with("cuDevice") || function.starts_with("cuCtx");
        if !is_free && (current != Some(PRIMARY) || state.retain_count <= 0) {
            return INVALID_CONTEXT;
        }
        body(state)
    })
}

/// Writes an answer through a driver function's out-pointer.
fn answer<T>(to: *mut T, value: T) -> Status {
    // SAFETY: the functions of this driver are given valid out-pointers.
    unsafe { to.write(value) };
    SUCCESS
}

fn new_handle(state: &mut State) -> usize {
    state.last_handle += 8;
    state.last_handle
}

unsafe extern "C" fn init(_flags: c_uint) -> Status {
    with(|state| match state.failure {
        Some(("cuInit", status)) => status,
        _ => SUCCESS,
    })
}

fn named(status: Status) -> Option<(&'static CStr, &'static CStr)> {
    Some(match status {
        OUT_OF_MEMORY => (c"CUDA_ERROR_OUT_OF_MEMORY", c"out of memory"),
        700 => (
            c"CUDA_ERROR_ILLEGAL_ADDRESS",
            c"an illegal memory access was encountered",
        ),
        1..=999 => (c"CUDA_ERROR_SOME", c"some error"),
        _ => return None,
    })
}

unsafe extern "C" fn error_name(status: Status, to: *mut *const c_char) -> Status {
    named(status).map_or(INVALID_VALUE, |(name, _)| answer(to, name.as_ptr()))
}

unsafe extern "C" fn error_string(status: Status, to: *mut *const c_char) -> Status {
    named(status).map_or(INVALID_VALUE, |(_, words)| answer(to, words.as_ptr()))
}

unsafe extern "C" fn device_count(to: *mut c_int) -> Status {
    call("cuDeviceGetCount", |_| answer(to, 1))
}

unsafe extern "C" fn device_get(to: *mut sys::CUdevice, ordinal: c_int) -> Status {
    call("cuDeviceGet", |_| {
        if ordinal == 0 {
            answer(to, 0)
        } else {
            101
        }
    })
}

unsafe extern "C" fn device_name(to: *mut c_char, length: c_int, _: sys::CUdevice) -> Status {
    let name = c"Simulated GPU";
    assert!(length as usize > name.count_bytes());
    // SAFETY: the caller's room was just compared.
    unsafe { ptr::copy_nonoverlapping(name.as_ptr(), to, name.count_bytes() + 1) };
    SUCCESS
}

unsafe extern "C" fn device_memory(to: *mut usize, _: sys::CUdevice) -> Status {
    call("cuDeviceTotalMem_v2", |_| answer(to, TOTAL_BYTES))
}

unsafe extern "C" fn device_attribute(
    to: *mut c_int,
    which: sys::CUdevice_attribute,
    _: sys::CUdevice,
) -> Status {
    use sys::CUdevice_attribute_enum as Attribute;
    call("cuDeviceGetAttribute", |_| match which {
        Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR => answer(to, 9),
        Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR => answer(to, 0),
        // As a driver answers that is older than the attribute.
        _ => INVALID_VALUE,
    })
}

unsafe extern "C" fn context_retain(to: *mut sys::CUcontext, _: sys::CUdevice) -> Status {
    call("cuDevicePrimaryCtxRetain", |state| {
        state.retain_count += 1;
        answer(to, ptr::without_provenance_mut(PRIMARY))
    })
}

unsafe extern "C" fn context_release(_: sys::CUdevice) -> Status {
    call("cuDevicePrimaryCtxRelease_v2", |state| {
        state.retain_count -= 1;
        SUCCESS
    })
}

unsafe extern "C" fn context_push(context: sys::CUcontext) -> Status {
    let status = call("cuCtxPushCurrent_v2", |_| SUCCESS);
    if status == SUCCESS {
        CURRENT.with_borrow_mut(|stack| stack.push(context.addr()));
    }
    status
}

unsafe extern "C" fn context_pop(to: *mut sys::CUcontext) -> Status {
    match CURRENT.with_borrow_mut(Vec::pop) {
        Some(context) => answer(to, ptr::without_provenance_mut(context)),
        None => INVALID_CONTEXT,
    }
}

unsafe extern "C" fn stream_create(to: *mut sys::CUstream, flags: c_uint) -> Status {
    call("cuStreamCreate", |state| {
        assert_eq!(
            flags, 1,
            "the legacy default stream would serialise everything"
        );
        let handle = new_handle(state);
        state.streams.insert(handle, FakeStream::default());
        answer(to, ptr::without_provenance_mut(handle))
    })
}

unsafe extern "C" fn stream_query(stream: sys::CUstream) -> Status {
    call("cuStreamQuery", |state| {
        let stalled = state.stalled;
        let Some(stream) = state.streams.get_mut(&stream.addr()) else {
            return INVALID_HANDLE;
        };
        if !stalled {
            stream.step();
        }
        if stream.queue.is_empty() {
            SUCCESS
        } else {
            NOT_READY
        }
    })
}

unsafe extern "C" fn stream_synchronize(stream: sys::CUstream) -> Status {
    call("cuStreamSynchronize", |state| finish(state, stream.addr()))
}

unsafe extern "C" fn stream_destroy(stream: sys::CUstream) -> Status {
    call("cuStreamDestroy_v2", |state| {
        let status = finish(state, stream.addr());
        state.streams.remove(&stream.addr());
        status
    })
}

fn finish(state: &mut State, stream: usize) -> Status {
    let Some(stream) = state.streams.get_mut(&stream) else {
        return INVALID_HANDLE;
    };
    while !stream.queue.is_empty() {
        stream.step();
    }
    SUCCESS
}

unsafe extern "C" fn event_create(to: *mut sys::CUevent, _flags: c_uint) -> Status {
    call("cuEventCreate", |state| {
        let handle = new_handle(state);
        state.events.insert(handle, None);
        answer(to, ptr::without_provenance_mut(handle))
    })
}

unsafe extern "C" fn event_record(event: sys::CUevent, stream: sys::CUstream) -> Status {
    call("cuEventRecord", |state| {
        let Some(position) = state.streams.get(&stream.addr()).map(|s| s.enqueued_count) else {
            return INVALID_HANDLE;
        };
        let Some(mark) = state.events.get_mut(&event.addr()) else {
            return INVALID_HANDLE;
        };
        *mark = Some((stream.addr(), position));
        SUCCESS
    })
}

unsafe extern "C" fn event_query(event: sys::CUevent) -> Status {
    call("cuEventQuery", |state| {
        let Some(&mark) = state.events.get(&event.addr()) else {
            return INVALID_HANDLE;
        };
        let Some((stream, position)) = mark else {
            return SUCCESS;
        };
        let Some(stream) = state.streams.get_mut(&stream) else {
            return SUCCESS;
        };
        if !state.stalled {
            stream.step();
        }
        if stream.done_count >= position {
            SUCCESS
        } else {
            NOT_READY
        }
    })
}

unsafe extern "C" fn event_destroy(event: sys::CUevent) -> Status {
    call("cuEventDestroy_v2", |state| {
        match state.events.remove(&event.addr()) {
            Some(_) => SUCCESS,
            None => INVALID_HANDLE,
        }
    })
}

/// A block of garbage, and the address to hand out: off the page boundary when it is small.
fn take_block(length_bytes: usize) -> Result<(Block, usize), Status> {
    if length_bytes == 0 {
        return Err(INVALID_VALUE);
    }
    if length_bytes > TOTAL_BYTES {
        return Err(OUT_OF_MEMORY);
    }
    let skip = if length_bytes < 2 << 20 { 512 } else { 0 };
    let layout = Layout::from_size_align(length_bytes + skip, PAGE).expect("small enough");
    // SAFETY: the size is not 0, and the whole block may be written.
    let base = unsafe {
        let base = alloc(layout);
        assert!(!base.is_null());
        base.write_bytes(GARBAGE, layout.size());
        base.expose_provenance()
    };
    Ok((Block { base, layout }, base + skip))
}

fn give_back(block: &Block) {
    // SAFETY: the block came from `alloc` with this layout and is given back once.
    unsafe { dealloc(ptr::with_exposed_provenance_mut(block.base), block.layout) };
}

unsafe extern "C" fn memory_alloc(to: *mut sys::CUdeviceptr, length: usize) -> Status {
    call("cuMemAlloc_v2", |state| match take_block(length) {
        Ok((block, address)) => {
            let address = address as u64 + GPU_OFFSET;
            state.gpu.insert(address, block);
            answer(to, address)
        }
        Err(status) => status,
    })
}

unsafe extern "C" fn memory_free(address: sys::CUdeviceptr) -> Status {
    call("cuMemFree_v2", |state| {
        let streams: Vec<usize> = state.streams.keys().copied().collect();
        for stream in streams {
            finish(state, stream);
        }
        let Some(block) = state.gpu.remove(&address) else {
            return INVALID_VALUE;
        };
        give_back(&block);
        SUCCESS
    })
}

/// The CPU's address of GPU memory, which must lie inside one allocation.
fn resolve(state: &State, address: u64, length: usize) -> Option<usize> {
    let inside = state.gpu.iter().any(|(&start, block)| {
        let end = block.base as u64 + GPU_OFFSET + block.layout.size() as u64;
        start <= address && address + length as u64 <= end
    });
    inside.then(|| (address - GPU_OFFSET) as usize)
}

fn enqueue(state: &mut State, stream: usize, operation: Operation) -> Status {
    let Some(stream) = state.streams.get_mut(&stream) else {
        return INVALID_HANDLE;
    };
    stream.push(operation);
    SUCCESS
}

fn enqueue_copy(state: &mut State, stream: usize, to: usize, from: usize, n: usize) -> Status {
    let operation = move || {
        // SAFETY: the driver's caller keeps both ranges valid until the copy is done.
        unsafe {
            let to: *mut u8 = ptr::with_exposed_provenance_mut(to);
            ptr::copy_nonoverlapping(ptr::with_exposed_provenance(from), to, n);
        }
    };
    enqueue(state, stream, Box::new(operation))
}

unsafe extern "C" fn memory_set(
    address: sys::CUdeviceptr,
    value: c_uchar,
    length: usize,
    stream: sys::CUstream,
) -> Status {
    call("cuMemsetD8Async", |state| {
        let Some(to) = resolve(state, address, length) else {
            return INVALID_VALUE;
        };
        let operation = move || {
            // SAFETY: the range lies inside an allocation, as just looked up.
            unsafe { ptr::with_exposed_provenance_mut::<u8>(to).write_bytes(value, length) };
        };
        enqueue(state, stream.addr(), Box::new(operation))
    })
}

unsafe extern "C" fn copy_to_gpu(
    to: sys::CUdeviceptr,
    from: *const c_void,
    length: usize,
    stream: sys::CUstream,
) -> Status {
    let from = from.expose_provenance();
    call("cuMemcpyHtoDAsync_v2", |state| {
        match resolve(state, to, length) {
            Some(to) => enqueue_copy(state, stream.addr(), to, from, length),
            None => INVALID_VALUE,
        }
    })
}

unsafe extern "C" fn copy_from_gpu(
    to: *mut c_void,
    from: sys::CUdeviceptr,
    length: usize,
    stream: sys::CUstream,
) -> Status {
    let to = to.expose_provenance();
    call("cuMemcpyDtoHAsync_v2", |state| {
        match resolve(state, from, length) {
            Some(from) => enqueue_copy(state, stream.addr(), to, from, length),
            None => INVALID_VALUE,
        }
    })
}

unsafe extern "C" fn host_alloc(to: *mut *mut c_void, length: usize, flags: c_uint) -> Status {
    call("cuMemHostAlloc", |state| {
        assert_eq!(flags, 3, "portable and mapped");
        match take_block(length) {
            Ok((block, address)) => {
                state.pinned.insert(address, block);
                answer(to, ptr::with_exposed_provenance_mut(address))
            }
            Err(status) => status,
        }
    })
}

unsafe extern "C" fn host_free(address: *mut c_void) -> Status {
    call("cuMemFreeHost", |state| {
        let Some(block) = state.pinned.remove(&address.addr()) else {
            return INVALID_VALUE;
        };
        give_back(&block);
        SUCCESS
    })
}

unsafe extern "C" fn host_register(address: *mut c_void, length: usize, flags: c_uint) -> Status {
    call("cuMemHostRegister_v2", |state| {
        assert_eq!(flags, 3, "portable and mapped");
        let start = address.addr();
        let mut taken = state
            .registered
            .iter()
            .map(|(&at, &length)| (at, at + length));
        if taken.any(|(at, end)| start < end && at < start + length) {
            return ALREADY_REGISTERED;
        }
        state.registered.insert(start, length);
        SUCCESS
    })
}

unsafe extern "C" fn host_unregister(address: *mut c_void) -> Status {
    call("cuMemHostUnregister", |state| {
        match state.registered.remove(&address.addr()) {
            Some(_) => SUCCESS,
            None => NOT_REGISTERED,
        }
    })
}

unsafe extern "C" fn host_device_pointer(
    to: *mut sys::CUdeviceptr,
    address: *mut c_void,
    _flags: c_uint,
) -> Status {
    call("cuMemHostGetDevicePointer_v2", |state| {
        let start = address.addr();
        if !state.pinned.contains_key(&start) && !state.registered.contains_key(&start) {
            return INVALID_VALUE;
        }
        answer(to, start as u64 + GPU_OFFSET)
    })
}

/// The driver's table.
pub(super) static DRIVER: Driver = Driver {
    cuInit: init,
    cuGetErrorName: error_name,
    cuGetErrorString: error_string,
    cuDeviceGetCount: device_count,
    cuDeviceGet: device_get,
    cuDeviceGetName: device_name,
    cuDeviceTotalMem_v2: device_memory,
    cuDeviceGetAttribute: device_attribute,
    cuDevicePrimaryCtxRetain: context_retain,
    cuDevicePrimaryCtxRelease_v2: context_release,
    cuCtxPushCurrent_v2: context_push,
    cuCtxPopCurrent_v2: context_pop,
    cuStreamCreate: stream_create,
    cuStreamQuery: stream_query,
    cuStreamSynchronize: stream_synchronize,
    cuStreamDestroy_v2: stream_destroy,
    cuEventCreate: event_create,
    cuEventRecord: event_record,
    cuEventQuery: event_query,
    cuEventDestroy_v2: event_destroy,
    cuMemAlloc_v2: memory_alloc,
    cuMemFree_v2: memory_free,
    cuMemsetD8Async: memory_set,
    cuMemcpyHtoDAsync_v2: copy_to_gpu,
    cuMemcpyDtoHAsync_v2: copy_from_gpu,
    cuMemHostAlloc: host_alloc,
    cuMemFreeHost: host_free,
    cuMemHostRegister_v2: host_register,
    cuMemHostUnregister: host_unregister,
    cuMemHostGetDevicePointer_v2: host_device_pointer,
};
