//! The functions of the CUDA driver library that gpuio calls, found at run time.
//!
//! The library is found and loaded by cudarc, and the signatures are cudarc's: the compiler
//! compares each with its binding. The calls themselves go through an own table for three
//! reasons: a driver that lacks a function becomes an error here and not a panic; a newer driver
//! may answer a code that cudarc's enumeration lacks, which must not become an invalid enumerator;
//! and tests put a simulated driver in its place.

use std::ffi::{c_char, c_int, c_uchar, c_uint, c_void, CStr};
use std::sync::OnceLock;

use cudarc::driver::sys;
use gpuio_core::{Error, ErrorCode, Result};

use super::error;

/// What a driver function answers: a `CUresult`, as a plain number.
pub(super) type Status = u32;

/// `CUDA_SUCCESS`.
pub(super) const SUCCESS: Status = 0;
/// `CUDA_ERROR_NO_DEVICE`.
pub(super) const NO_DEVICE: Status = 100;
/// `CUDA_ERROR_NOT_READY`: the stream or event has work left.
pub(super) const NOT_READY: Status = 600;

macro_rules! driver_functions {
    (
        as_bound { $($bound:ident($($bound_type:ty),*);)* }
        by_number { $($number:ident($($number_type:ty),*) as $binding:ty;)* }
    ) => {
        // The same signatures as cudarc's bindings have, or this does not compile.
        $(const _: unsafe fn($($bound_type),*) -> sys::CUresult = sys::$bound;)*
        $(const _: $binding = sys::$number;)*
        driver_table! {
            $($bound($($bound_type),*);)*
            $($number($($number_type),*);)*
        }
    };
}

macro_rules! driver_table {
    ($($name:ident($($type:ty),*);)*) => {
        /// The functions, by their exported names.
        #[allow(non_snake_case)]
        pub(super) struct Driver {
            $(pub(super) $name: unsafe extern "C" fn($($type),*) -> Status,)*
        }

        impl Driver {
            #[allow(non_snake_case)]
            fn find_functions() -> Result<Self> {
                // SAFETY: the caller has seen the library load; loading it again gives the same
                // library and runs nothing.
                let library = unsafe { sys::culib() };
                $(
                    let name = concat!(stringify!($name), "\0");
                    // SAFETY: the type is the function's, as compared above; `u32` is how the
                    // ABI passes the enumeration. cudarc never unloads the library.
                    let symbol = unsafe {
                        library.get::<unsafe extern "C" fn($($type),*) -> Status>(name.as_bytes())
                    };
                    let $name = *symbol.map_err(|_| lacks(stringify!($name)))?;
                )*
                Ok(Self { $($name),* })
            }
        }
    };
}

driver_functions! {
    as_bound {
        cuInit(c_uint);
        cuDeviceGetCount(*mut c_int);
        cuDeviceGet(*mut sys::CUdevice, c_int);
        cuDeviceGetName(*mut c_char, c_int, sys::CUdevice);
        cuDeviceTotalMem_v2(*mut usize, sys::CUdevice);
        cuDeviceGetAttribute(*mut c_int, sys::CUdevice_attribute, sys::CUdevice);
        cuDevicePrimaryCtxRetain(*mut sys::CUcontext, sys::CUdevice);
        cuDevicePrimaryCtxRelease_v2(sys::CUdevice);
        cuCtxPushCurrent_v2(sys::CUcontext);
        cuCtxPopCurrent_v2(*mut sys::CUcontext);
        cuStreamCreate(*mut sys::CUstream, c_uint);
        cuStreamQuery(sys::CUstream);
        cuStreamSynchronize(sys::CUstream);
        cuStreamDestroy_v2(sys::CUstream);
        cuEventCreate(*mut sys::CUevent, c_uint);
        cuEventRecord(sys::CUevent, sys::CUstream);
        cuEventQuery(sys::CUevent);
        cuEventDestroy_v2(sys::CUevent);
        cuMemAlloc_v2(*mut sys::CUdeviceptr, usize);
        cuMemFree_v2(sys::CUdeviceptr);
        cuMemsetD8Async(sys::CUdeviceptr, c_uchar, usize, sys::CUstream);
        cuMemcpyHtoDAsync_v2(sys::CUdeviceptr, *const c_void, usize, sys::CUstream);
        cuMemcpyDtoHAsync_v2(*mut c_void, sys::CUdeviceptr, usize, sys::CUstream);
        cuMemHostAlloc(*mut *mut c_void, usize, c_uint);
        cuMemFreeHost(*mut c_void);
        cuMemHostRegister_v2(*mut c_void, usize, c_uint);
        cuMemHostUnregister(*mut c_void);
        cuMemHostGetDevicePointer_v2(*mut sys::CUdeviceptr, *mut c_void, c_uint);
    }
    // These take a status that the enumeration may lack.
    by_number {
        cuGetErrorName(Status, *mut *const c_char) as ErrorTextFunction;
        cuGetErrorString(Status, *mut *const c_char) as ErrorTextFunction;
    }
}

type ErrorTextFunction = unsafe fn(sys::CUresult, *mut *const c_char) -> sys::CUresult;

impl Driver {
    /// The driver, loaded and initialised once in the life of the process.
    ///
    /// # Errors
    /// `Unsupported` when the library is absent, too old or finds no driver in the kernel; the
    /// same answer every time.
    pub(super) fn get() -> Result<&'static Self> {
        static DRIVER: OnceLock<Result<Driver>> = OnceLock::new();
        DRIVER
            .get_or_init(Self::load)
            .as_ref()
            .map_err(Error::clone)
    }

    fn load() -> Result<Self> {
        // SAFETY: loads libcuda, whose initialisers are made to run in any process.
        if !unsafe { sys::is_culib_present() } {
            return Err(unsupported(format!(
                "the CUDA driver library does not load ({}); install the NVIDIA driver, or use \
                 the host device",
                loader_reason()
            )));
        }
        let driver = Self::find_functions()?;
        driver.initialise()?;
        Ok(driver)
    }

    /// Calls `cuInit`. A driver without any GPU is a driver: its device count is 0.
    pub(super) fn initialise(&self) -> Result<()> {
        // SAFETY: the argument must be 0 and is.
        let status = unsafe { (self.cuInit)(0) };
        match status {
            SUCCESS | NO_DEVICE => Ok(()),
            _ => {
                let error = error::from_status(status, "use CUDA", &self.status_text(status));
                Err(unsupported(format!(
                    "the CUDA driver does not start: {}; check that the kernel module is loaded \
                     (`nvidia-smi`) and /dev/nvidia* are accessible",
                    error.message
                )))
            }
        }
    }

    /// Turns a status into a result.
    pub(super) fn check(&self, operation: &'static str, status: Status) -> Result<()> {
        if status == SUCCESS {
            return Ok(());
        }
        Err(error::from_status(
            status,
            operation,
            &self.status_text(status),
        ))
    }

    /// CUDA's name, number and words for a status.
    fn status_text(&self, status: Status) -> String {
        let name = self.text(self.cuGetErrorName, status);
        let words = self.text(self.cuGetErrorString, status);
        match (name, words) {
            (Some(name), Some(words)) => format!("{name} ({status}), {words}"),
            (Some(name), None) => format!("{name} ({status})"),
            _ => format!("CUDA status {status}, which this driver does not name"),
        }
    }

    fn text(
        &self,
        function: unsafe extern "C" fn(Status, *mut *const c_char) -> Status,
        status: Status,
    ) -> Option<String> {
        let mut text: *const c_char = std::ptr::null();
        // SAFETY: the function writes one pointer: null, or a string that is never freed.
        unsafe {
            if function(status, &mut text) != SUCCESS || text.is_null() {
                return None;
            }
            Some(CStr::from_ptr(text).to_string_lossy().into_owned())
        }
    }
}

fn lacks(function: &str) -> Error {
    unsupported(format!(
        "the CUDA driver library has no {function}; install a driver for CUDA 11.4 or newer"
    ))
}

fn unsupported(message: String) -> Error {
    Error::new(ErrorCode::Unsupported, "use CUDA", message)
}

/// Why the dynamic loader refuses the driver library, in its own words.
fn loader_reason() -> String {
    // SAFETY: the name is a C string; `dlerror` answers null or a string of this thread that
    // stays valid until its next call of the loader. Should the library load after all, keeping
    // it loaded is what cudarc does too.
    unsafe {
        let handle = libc::dlopen(c"libcuda.so.1".as_ptr(), libc::RTLD_LAZY | libc::RTLD_LOCAL);
        let reason = libc::dlerror();
        if !handle.is_null() || reason.is_null() {
            return "no reason given".to_owned();
        }
        CStr::from_ptr(reason).to_string_lossy().into_owned()
    }
}
