//! The simulated driver's devices, contexts, streams and events.

use std::ffi::{c_char, c_int, c_uint, CStr};
use std::ptr;

use cudarc::driver::sys;

use super::*;

pub(super) unsafe extern "C" fn init(_flags: c_uint) -> Status {
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

pub(super) unsafe extern "C" fn error_name(status: Status, to: *mut *const c_char) -> Status {
    named(status).map_or(INVALID_VALUE, |(name, _)| answer(to, name.as_ptr()))
}

pub(super) unsafe extern "C" fn error_string(status: Status, to: *mut *const c_char) -> Status {
    named(status).map_or(INVALID_VALUE, |(_, words)| answer(to, words.as_ptr()))
}

pub(super) unsafe extern "C" fn device_count(to: *mut c_int) -> Status {
    call("cuDeviceGetCount", |_| answer(to, 1))
}

pub(super) unsafe extern "C" fn device_get(to: *mut sys::CUdevice, ordinal: c_int) -> Status {
    call("cuDeviceGet", |_| {
        if ordinal == 0 {
            answer(to, 0)
        } else {
            101
        }
    })
}

pub(super) unsafe extern "C" fn device_name(
    to: *mut c_char,
    length: c_int,
    _: sys::CUdevice,
) -> Status {
    let name = c"Simulated GPU";
    assert!(length as usize > name.count_bytes());
    // SAFETY: the caller's room was just compared.
    unsafe { ptr::copy_nonoverlapping(name.as_ptr(), to, name.count_bytes() + 1) };
    SUCCESS
}

pub(super) unsafe extern "C" fn device_memory(to: *mut usize, _: sys::CUdevice) -> Status {
    call("cuDeviceTotalMem_v2", |_| answer(to, TOTAL_BYTES))
}

pub(super) unsafe extern "C" fn device_attribute(
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

pub(super) unsafe extern "C" fn context_retain(
    to: *mut sys::CUcontext,
    _: sys::CUdevice,
) -> Status {
    call("cuDevicePrimaryCtxRetain", |state| {
        state.retain_count += 1;
        answer(to, ptr::without_provenance_mut(PRIMARY))
    })
}

pub(super) unsafe extern "C" fn context_release(_: sys::CUdevice) -> Status {
    call("cuDevicePrimaryCtxRelease_v2", |state| {
        state.retain_count -= 1;
        SUCCESS
    })
}

pub(super) unsafe extern "C" fn context_push(context: sys::CUcontext) -> Status {
    let status = call("cuCtxPushCurrent_v2", |_| SUCCESS);
    if status == SUCCESS {
        CURRENT.with_borrow_mut(|stack| stack.push(context.addr()));
    }
    status
}

pub(super) unsafe extern "C" fn context_pop(to: *mut sys::CUcontext) -> Status {
    match CURRENT.with_borrow_mut(Vec::pop) {
        Some(context) => answer(to, ptr::without_provenance_mut(context)),
        None => INVALID_CONTEXT,
    }
}

pub(super) unsafe extern "C" fn stream_create(to: *mut sys::CUstream, flags: c_uint) -> Status {
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

pub(super) unsafe extern "C" fn stream_query(stream: sys::CUstream) -> Status {
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

pub(super) unsafe extern "C" fn stream_synchronize(stream: sys::CUstream) -> Status {
    call("cuStreamSynchronize", |state| finish(state, stream.addr()))
}

pub(super) unsafe extern "C" fn stream_destroy(stream: sys::CUstream) -> Status {
    call("cuStreamDestroy_v2", |state| {
        let status = finish(state, stream.addr());
        state.streams.remove(&stream.addr());
        status
    })
}

pub(super) fn finish(state: &mut State, stream: usize) -> Status {
    let Some(stream) = state.streams.get_mut(&stream) else {
        return INVALID_HANDLE;
    };
    while !stream.queue.is_empty() {
        stream.step();
    }
    SUCCESS
}

pub(super) unsafe extern "C" fn event_create(to: *mut sys::CUevent, _flags: c_uint) -> Status {
    call("cuEventCreate", |state| {
        let handle = new_handle(state);
        state.events.insert(handle, None);
        answer(to, ptr::without_provenance_mut(handle))
    })
}

pub(super) unsafe extern "C" fn event_record(event: sys::CUevent, stream: sys::CUstream) -> Status {
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

pub(super) unsafe extern "C" fn event_query(event: sys::CUevent) -> Status {
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

pub(super) unsafe extern "C" fn event_destroy(event: sys::CUevent) -> Status {
    call("cuEventDestroy_v2", |state| {
        match state.events.remove(&event.addr()) {
            Some(_) => SUCCESS,
            None => INVALID_HANDLE,
        }
    })
}
