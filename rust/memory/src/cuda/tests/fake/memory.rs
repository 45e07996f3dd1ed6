//! The simulated driver's memory, near and pinned, and its copies.

use std::alloc::{alloc, dealloc, Layout};
use std::ffi::{c_uchar, c_uint, c_void};
use std::ptr;

use cudarc::driver::sys;

use super::contexts::finish;
use super::*;

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

pub(super) unsafe extern "C" fn memory_alloc(to: *mut sys::CUdeviceptr, length: usize) -> Status {
    call("cuMemAlloc_v2", |state| match take_block(length) {
        Ok((block, address)) => {
            let address = address as u64 + GPU_OFFSET;
            state.gpu.insert(address, block);
            answer(to, address)
        }
        Err(status) => status,
    })
}

pub(super) unsafe extern "C" fn memory_free(address: sys::CUdeviceptr) -> Status {
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

pub(super) unsafe extern "C" fn memory_set(
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

pub(super) unsafe extern "C" fn copy_to_gpu(
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

pub(super) unsafe extern "C" fn copy_from_gpu(
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

pub(super) unsafe extern "C" fn host_alloc(
    to: *mut *mut c_void,
    length: usize,
    flags: c_uint,
) -> Status {
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

pub(super) unsafe extern "C" fn host_free(address: *mut c_void) -> Status {
    call("cuMemFreeHost", |state| {
        let Some(block) = state.pinned.remove(&address.addr()) else {
            return INVALID_VALUE;
        };
        give_back(&block);
        SUCCESS
    })
}

pub(super) unsafe extern "C" fn host_register(
    address: *mut c_void,
    length: usize,
    flags: c_uint,
) -> Status {
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

pub(super) unsafe extern "C" fn host_unregister(address: *mut c_void) -> Status {
    call("cuMemHostUnregister", |state| {
        match state.registered.remove(&address.addr()) {
            Some(_) => SUCCESS,
            None => NOT_REGISTERED,
        }
    })
}

pub(super) unsafe extern "C" fn host_device_pointer(
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
