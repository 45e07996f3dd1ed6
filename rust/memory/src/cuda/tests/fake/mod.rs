//! A simulated CUDA driver: one GPU whose memory is heap memory and whose streams move only when
//! somebody asks about them, one operation a question. It is stricter than the real one: every
//! call needs a current context, every handle must be alive, memory is never aligned to pages
//! when it is small, never zero, and has other addresses for the GPU than for the CPU.

use std::alloc::Layout;
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::super::driver::{Driver, Status, NOT_READY, SUCCESS};

mod contexts;
mod memory;

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

/// The driver's table.
pub(super) static DRIVER: Driver = Driver {
    cuInit: contexts::init,
    cuGetErrorName: contexts::error_name,
    cuGetErrorString: contexts::error_string,
    cuDeviceGetCount: contexts::device_count,
    cuDeviceGet: contexts::device_get,
    cuDeviceGetName: contexts::device_name,
    cuDeviceTotalMem_v2: contexts::device_memory,
    cuDeviceGetAttribute: contexts::device_attribute,
    cuDevicePrimaryCtxRetain: contexts::context_retain,
    cuDevicePrimaryCtxRelease_v2: contexts::context_release,
    cuCtxPushCurrent_v2: contexts::context_push,
    cuCtxPopCurrent_v2: contexts::context_pop,
    cuStreamCreate: contexts::stream_create,
    cuStreamQuery: contexts::stream_query,
    cuStreamSynchronize: contexts::stream_synchronize,
    cuStreamDestroy_v2: contexts::stream_destroy,
    cuEventCreate: contexts::event_create,
    cuEventRecord: contexts::event_record,
    cuEventQuery: contexts::event_query,
    cuEventDestroy_v2: contexts::event_destroy,
    cuMemAlloc_v2: memory::memory_alloc,
    cuMemFree_v2: memory::memory_free,
    cuMemsetD8Async: memory::memory_set,
    cuMemcpyHtoDAsync_v2: memory::copy_to_gpu,
    cuMemcpyDtoHAsync_v2: memory::copy_from_gpu,
    cuMemHostAlloc: memory::host_alloc,
    cuMemFreeHost: memory::host_free,
    cuMemHostRegister_v2: memory::host_register,
    cuMemHostUnregister: memory::host_unregister,
    cuMemHostGetDevicePointer_v2: memory::host_device_pointer,
};
