//! The device's primary context, the streams and the events in it.

use std::ffi::c_int;
use std::marker::PhantomData;
use std::ptr;
use std::sync::Arc;

use cudarc::driver::sys;
use gpuio_core::Result;

use super::driver::{Driver, NOT_READY};

/// A reference to a device's primary context: the one that the CUDA runtime API uses, so kernels
/// launched with `<<<>>>` see this crate's memory. Released on drop.
pub(super) struct Context {
    driver: &'static Driver,
    device: sys::CUdevice,
    raw: sys::CUcontext,
}

// SAFETY: the driver API may be called from any thread; the handle is a name, not memory of ours.
unsafe impl Send for Context {}
// SAFETY: as for `Send`: the driver locks what its calls share.
unsafe impl Sync for Context {}

impl Context {
    pub(super) fn retain(driver: &'static Driver, ordinal: c_int) -> Result<Self> {
        let mut device: sys::CUdevice = 0;
        // SAFETY: writes the one number it is given.
        let status = unsafe { (driver.cuDeviceGet)(&mut device, ordinal) };
        driver.check("find the CUDA device", status)?;
        let mut raw: sys::CUcontext = ptr::null_mut();
        // SAFETY: writes the one handle it is given; `device` is valid.
        let status = unsafe { (driver.cuDevicePrimaryCtxRetain)(&mut raw, device) };
        driver.check("open the CUDA device", status)?;
        Ok(Self {
            driver,
            device,
            raw,
        })
    }

    pub(super) fn device(&self) -> sys::CUdevice {
        self.device
    }

    /// Makes the context the calling thread's current one until the guard drops, then the one
    /// before it again: a program that uses several GPUs must not find its own choice changed.
    pub(super) fn enter(&self) -> Result<Current<'_>> {
        // SAFETY: the context is retained as long as `self` lives.
        let status = unsafe { (self.driver.cuCtxPushCurrent_v2)(self.raw) };
        self.driver.check("use the CUDA device", status)?;
        Ok(Current {
            driver: self.driver,
            context: PhantomData,
        })
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: gives back the one reference that `retain` took. A failure means the driver is
        // shutting down with the process and has nothing left to release.
        unsafe { (self.driver.cuDevicePrimaryCtxRelease_v2)(self.device) };
    }
}

/// Proof that the calling thread has the context current. Not `Send`: the thread matters.
pub(super) struct Current<'a> {
    pub(super) driver: &'static Driver,
    context: PhantomData<(&'a Context, *mut ())>,
}

impl Drop for Current<'_> {
    fn drop(&mut self) {
        let mut popped: sys::CUcontext = ptr::null_mut();
        // SAFETY: takes away what `enter` pushed on this thread; writes the one handle.
        unsafe { (self.driver.cuCtxPopCurrent_v2)(&mut popped) };
    }
}

/// A stream that does not wait for the legacy default stream. Destroyed on drop; work still on
/// it then runs to its end.
pub(super) struct Stream {
    context: Arc<Context>,
    raw: sys::CUstream,
}

// SAFETY: as for `Context`.
unsafe impl Send for Stream {}
// SAFETY: as for `Context`.
unsafe impl Sync for Stream {}

impl Stream {
    pub(super) fn new(context: &Arc<Context>) -> Result<Self> {
        let current = context.enter()?;
        let mut raw: sys::CUstream = ptr::null_mut();
        let flags = sys::CUstream_flags::CU_STREAM_NON_BLOCKING as u32;
        // SAFETY: writes the one handle it is given; a context is current.
        let status = unsafe { (current.driver.cuStreamCreate)(&mut raw, flags) };
        current.driver.check("create a CUDA stream", status)?;
        drop(current);
        Ok(Self {
            context: Arc::clone(context),
            raw,
        })
    }

    pub(super) fn context(&self) -> &Arc<Context> {
        &self.context
    }

    pub(super) fn raw(&self) -> sys::CUstream {
        self.raw
    }

    /// Whether all work on the stream is done.
    pub(super) fn is_idle(&self) -> Result<bool> {
        let current = self.context.enter()?;
        // SAFETY: the stream is alive, its context current.
        let status = unsafe { (current.driver.cuStreamQuery)(self.raw) };
        is_ready(current.driver, "wait for the CUDA stream", status)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Ok(current) = self.context.enter() {
            // SAFETY: the stream is this struct's own and nobody uses it after this.
            unsafe { (current.driver.cuStreamDestroy_v2)(self.raw) };
        }
    }
}

/// A mark in a stream's work, without a time stamp. Destroyed on drop.
pub(super) struct Event {
    context: Arc<Context>,
    raw: sys::CUevent,
}

// SAFETY: as for `Context`.
unsafe impl Send for Event {}
// SAFETY: as for `Context`.
unsafe impl Sync for Event {}

impl Event {
    pub(super) fn new(context: &Arc<Context>) -> Result<Self> {
        let current = context.enter()?;
        let mut raw: sys::CUevent = ptr::null_mut();
        let flags = sys::CUevent_flags::CU_EVENT_DISABLE_TIMING as u32;
        // SAFETY: writes the one handle it is given; a context is current.
        let status = unsafe { (current.driver.cuEventCreate)(&mut raw, flags) };
        current.driver.check("create a CUDA event", status)?;
        drop(current);
        Ok(Self {
            context: Arc::clone(context),
            raw,
        })
    }

    /// Puts the mark behind all work that is on the stream now.
    pub(super) fn record(&self, stream: &Stream) -> Result<()> {
        let current = self.context.enter()?;
        // SAFETY: event and stream are alive and of the context that is current.
        let status = unsafe { (current.driver.cuEventRecord)(self.raw, stream.raw) };
        current.driver.check("record a CUDA event", status)
    }

    /// Whether the work before the mark is done. An event never recorded counts as done.
    pub(super) fn is_done(&self) -> Result<bool> {
        let current = self.context.enter()?;
        // SAFETY: the event is alive, its context current.
        let status = unsafe { (current.driver.cuEventQuery)(self.raw) };
        is_ready(current.driver, "wait for a CUDA copy", status)
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        if let Ok(current) = self.context.enter() {
            // SAFETY: the event is this struct's own; destroying a pending one is allowed.
            unsafe { (current.driver.cuEventDestroy_v2)(self.raw) };
        }
    }
}

fn is_ready(driver: &Driver, operation: &'static str, status: u32) -> Result<bool> {
    if status == NOT_READY {
        return Ok(false);
    }
    driver.check(operation, status)?;
    Ok(true)
}
