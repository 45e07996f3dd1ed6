#include "gpuio/error.hpp"

#include <string>
#include <utility>

#include "gpuio/detail/state.hpp"
#include "status.hpp"

namespace gpuio {

const char* error_name(ErrorCode code) noexcept {
    switch (code) {
        case ErrorCode::kSuccess: return "GPUIO_SUCCESS";
        case ErrorCode::kGeneral: return "GPUIO_ERROR_GENERAL";
        case ErrorCode::kNoMemory: return "GPUIO_ERROR_NOMEM";
        case ErrorCode::kInvalidArgument: return "GPUIO_ERROR_INVALID_ARG";
        case ErrorCode::kNotFound: return "GPUIO_ERROR_NOT_FOUND";
        case ErrorCode::kTimeout: return "GPUIO_ERROR_TIMEOUT";
        case ErrorCode::kIo: return "GPUIO_ERROR_IO";
        case ErrorCode::kNetwork: return "GPUIO_ERROR_NETWORK";
        case ErrorCode::kUnsupported: return "GPUIO_ERROR_UNSUPPORTED";
        case ErrorCode::kPermission: return "GPUIO_ERROR_PERMISSION";
        case ErrorCode::kBusy: return "GPUIO_ERROR_BUSY";
        case ErrorCode::kCanceled: return "GPUIO_ERROR_CANCELED";
    }
    return "GPUIO_ERROR_GENERAL";
}

namespace {

std::string text_of(const Error::Details& details) {
    std::string text = std::string(error_name(details.code)) + ": cannot " + details.operation;
    if (!details.resource.empty()) text += " " + details.resource;
    if (details.offset) text += " at offset " + std::to_string(*details.offset);
    text += ": " + details.message;
    if (details.os_error != 0) text += " (errno " + std::to_string(details.os_error) + ")";
    return text;
}

}  // namespace

Error::Error(Details details) : details_(std::move(details)), text_(text_of(details_)) {}
Error::~Error() = default;
Error::Error(const Error&) = default;
Error& Error::operator=(const Error&) = default;

namespace detail {

void check(const bridge::Status& status) {
    if (status.code == 0) return;
    Error::Details details;
    details.code = static_cast<ErrorCode>(status.code);
    details.os_error = status.os_error;
    details.operation = std::string(status.operation);
    details.resource = std::string(status.resource);
    if (status.has_offset) details.offset = status.offset;
    details.bytes_done = status.bytes_done;
    details.retryable = status.retryable;
    details.message = std::string(status.message);
    throw Error(std::move(details));
}

void throw_wrong_compiler(bool context_has_gpu) {
    Error::Details details;
    details.code = ErrorCode::kUnsupported;
    details.operation = "launch a kernel";
    details.message = context_has_gpu
                          ? "this file was compiled by a C++ compiler, which makes no GPU code: "
                            "compile it with nvcc, or choose device=\"host\""
                          : "this file was compiled by nvcc, which keeps no host version of a "
                            "kernel, and the context has no GPU: launch it from a file that a C++ "
                            "compiler compiled";
    throw Error(std::move(details));
}

void throw_cuda_error(const char* operation, const char* text) {
    Error::Details details;
    details.operation = operation;
    details.message = std::string("CUDA says: ") + text +
                      "; if it is about resources: mark the kernel GPUIO_KERNEL, which lets blocks "
                      "of any size fit, or launch smaller blocks";
    throw Error(std::move(details));
}

void throw_bad_grid(std::uint64_t blocks, std::uint64_t threads) {
    Error::Details details;
    details.code = ErrorCode::kInvalidArgument;
    details.operation = "launch a kernel";
    details.message = "a grid has 1 to 2^31-1 blocks of 1 to 1024 threads, not " +
                      std::to_string(blocks) + " of " + std::to_string(threads);
    throw Error(std::move(details));
}

}  // namespace detail
}  // namespace gpuio
