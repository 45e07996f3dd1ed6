//! CUDA's status numbers as gpuio's errors.

use gpuio_core::{Error, ErrorCode};

use super::driver::Status;

/// The error for a status other than success, with CUDA's own `text` and what to do about it.
pub(super) fn from_status(status: Status, operation: &'static str, text: &str) -> Error {
    let advice = advice(status);
    let message = if advice.is_empty() {
        text.to_owned()
    } else {
        format!("{text}; {advice}")
    };
    Error::new(code(status), operation, message)
}

/// Numbers of `CUresult`, which are part of the driver's ABI and never change.
fn code(status: Status) -> ErrorCode {
    match status {
        2 => ErrorCode::NoMemory,              // OUT_OF_MEMORY
        1 | 712 => ErrorCode::InvalidArgument, // INVALID_VALUE HOST_MEMORY_ALREADY_REGISTERED
        // INVALID_DEVICE NOT_FOUND HOST_MEMORY_NOT_REGISTERED
        101 | 500 | 713 => ErrorCode::NotFound,
        // STUB_LIBRARY CALL_REQUIRES_NEWER_DRIVER NO_DEVICE NOT_SUPPORTED SYSTEM_DRIVER_MISMATCH
        // COMPAT_NOT_SUPPORTED_ON_DEVICE
        34 | 36 | 100 | 801 | 803 | 804 => ErrorCode::Unsupported,
        46 => ErrorCode::Busy,            // DEVICE_UNAVAILABLE
        800 => ErrorCode::Permission,     // NOT_PERMITTED
        702 | 909 => ErrorCode::Timeout,  // LAUNCH_TIMEOUT TIMEOUT
        214 | 220 | 226 => ErrorCode::Io, // ECC_UNCORRECTABLE NVLINK_UNCORRECTABLE CONTAINED
        _ => ErrorCode::General,
    }
}

fn advice(status: Status) -> &'static str {
    match status {
        2 => "free GPU or pinned memory, or ask for a smaller cache",
        34 => "the toolkit's stub was loaded; take its folder out of LD_LIBRARY_PATH",
        36 | 803 | 804 => "update the NVIDIA driver",
        46 => "another process holds the GPU in exclusive mode",
        101 => "`nvidia-smi -L` lists the devices; CUDA_VISIBLE_DEVICES may hide some",
        712 => "the range, or a part of it, is registered already",
        // After these the context is lost: every later call answers the same.
        214 | 220 | 700 | 702 | 710 | 714..=719 => {
            "a kernel or the GPU failed and the context is lost; restart the process"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_get_the_codes_a_caller_acts_on() {
        let error = from_status(2, "allocate", "CUDA_ERROR_OUT_OF_MEMORY (2), out of memory");
        assert_eq!(error.code, ErrorCode::NoMemory);
        assert!(error
            .message
            .starts_with("CUDA_ERROR_OUT_OF_MEMORY (2), out of memory; free"));
        assert_eq!(code(700), ErrorCode::General);
        assert!(from_status(700, "copy", "x").message.contains("restart"));
        // A number from a future driver is an error like any other.
        assert_eq!(from_status(424_242, "copy", "x").message, "x");
    }

    #[test]
    fn the_numbers_are_cudas() {
        use cudarc::driver::sys::CUresult as R;
        let named = [
            (R::CUDA_ERROR_OUT_OF_MEMORY, 2),
            (R::CUDA_ERROR_STUB_LIBRARY, 34),
            (R::CUDA_ERROR_CALL_REQUIRES_NEWER_DRIVER, 36),
            (R::CUDA_ERROR_DEVICE_UNAVAILABLE, 46),
            (R::CUDA_ERROR_NO_DEVICE, 100),
            (R::CUDA_ERROR_INVALID_DEVICE, 101),
            (R::CUDA_ERROR_ECC_UNCORRECTABLE, 214),
            (R::CUDA_ERROR_NVLINK_UNCORRECTABLE, 220),
            (R::CUDA_ERROR_CONTAINED, 226),
            (R::CUDA_ERROR_NOT_FOUND, 500),
            (R::CUDA_ERROR_NOT_READY, 600),
            (R::CUDA_ERROR_ILLEGAL_ADDRESS, 700),
            (R::CUDA_ERROR_LAUNCH_TIMEOUT, 702),
            (R::CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, 712),
            (R::CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, 713),
            (R::CUDA_ERROR_LAUNCH_FAILED, 719),
            (R::CUDA_ERROR_NOT_PERMITTED, 800),
            (R::CUDA_ERROR_NOT_SUPPORTED, 801),
            (R::CUDA_ERROR_SYSTEM_DRIVER_MISMATCH, 803),
            (R::CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE, 804),
            (R::CUDA_ERROR_TIMEOUT, 909),
        ];
        for (status, number) in named {
            assert_eq!(status as u32, number);
        }
    }
}
