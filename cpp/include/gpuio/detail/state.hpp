/// \file
/// What the public classes call in the library. Not for users.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "gpuio/config.hpp"
#include "gpuio/detail/export.hpp"
#include "gpuio/device/array_view.hpp"
#include "gpuio/device_info.hpp"
#include "gpuio/figures.hpp"
#include "gpuio/stats.hpp"

namespace gpuio::detail {

/// A context: the Rust core's, and the host device's threads.
class GPUIO_EXPORT ContextState {
public:
    static std::shared_ptr<ContextState> open(const Config& config);
    /// The context of arrays that name none. Made with the default configuration when first asked.
    static std::shared_ptr<ContextState> default_context();

    virtual ~ContextState();
    virtual const DeviceInfo& device() const = 0;
    virtual std::uint64_t page_bytes() const = 0;
    /// The CUDA stream kernels go to; null on the host device.
    virtual void* stream() const = 0;
    /// Sees that a kernel is loaded before it is launched: calls `load(kernel)` once a device,
    /// while no kernel of any context runs. Returns what that returned, 0 if it was not called.
    virtual int prepare_kernel(const void* kernel, int (*load)(const void*)) = 0;
    /// To be held while a kernel is launched. Waits while another thread's call looks at data,
    /// which kernels must not touch meanwhile.
    virtual std::unique_lock<std::shared_mutex> admit_launch() = 0;
    /// Runs `body` for every thread of the grid on the host device's threads, after what was
    /// launched before. Does not wait.
    virtual void launch_on_host(std::uint64_t blocks, std::uint64_t threads_per_block,
                                std::function<void()> body) = 0;
    /// A kernel was put on `stream()`.
    virtual void note_launch() = 0;
    /// Waits until no kernel runs. What failed in them is kept for `synchronize`.
    virtual void wait_for_kernels() = 0;
    /// Waits, then throws what failed.
    virtual void synchronize() = 0;
    /// What was counted, in Prometheus' text format or as JSON.
    virtual std::string metrics(bool as_json) const = 0;
    /// Where the same is served.
    virtual std::string stats_endpoint() const = 0;
    virtual void pause_service(bool paused) = 0;
    virtual void stop_service() = 0;
    virtual std::uint64_t service_sleeps() const = 0;
    virtual Figures figures() const = 0;
};

/// An open array.
class GPUIO_EXPORT ArrayState {
public:
    static std::unique_ptr<ArrayState> open(std::shared_ptr<ContextState> context,
                                            std::string_view uri, std::uint64_t element_count,
                                            std::uint64_t element_bytes, bool writable);

    virtual ~ArrayState();
    virtual const device::ArrayView& view() const = 0;
    virtual const std::string& path() const = 0;
    virtual void flush() = 0;
    virtual void prefetch(std::uint64_t first_byte, std::uint64_t length) = 0;
    virtual void read(std::uint64_t first_byte, void* to, std::size_t length) = 0;
    virtual void write(std::uint64_t first_byte, const void* from, std::size_t length) = 0;
    virtual Stats stats() const = 0;
};

GPUIO_EXPORT std::vector<DeviceInfo> list_devices();

/// Throws GPUIO_ERROR_UNSUPPORTED: the code and the device do not fit together.
[[noreturn]] GPUIO_EXPORT void throw_wrong_compiler(bool context_has_gpu);
/// Throws for a CUDA call that failed.
[[noreturn]] GPUIO_EXPORT void throw_cuda_error(const char* operation, const char* text);
/// Throws GPUIO_ERROR_INVALID_ARG for a grid that cannot be launched.
[[noreturn]] GPUIO_EXPORT void throw_bad_grid(std::uint64_t blocks, std::uint64_t threads);

}  // namespace gpuio::detail
