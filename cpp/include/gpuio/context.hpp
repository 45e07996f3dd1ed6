/// \file
/// The context: a device, its caches and its I/O service.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gpuio/config.hpp"
#include "gpuio/detail/state.hpp"
#include "gpuio/device_info.hpp"
#include "gpuio/error.hpp"
#include "gpuio/figures.hpp"

namespace gpuio {

/// A device with its two tiers of cache and the service that fills them. A handle: copies share
/// the same context, which lives until its last handle and its last array are gone.
///
/// Thread safety: any thread may call anything. Host-side calls that look at data (`synchronize`,
/// and `flush`, `read`, `write` of arrays) first wait for the kernels of the context.
class Context {
public:
    /// Makes a context. Allocates both tiers; blocks for as long as that takes. Unless
    /// `device` is "host", also until no kernel of another context runs; so does its end on a GPU,
    /// because CUDA allocates and frees such memory only then.
    /// \throws Error kInvalidArgument for a bad configuration, naming the key and where it was set;
    ///   kNoMemory, kUnsupported (no such device), kNotFound (no such configuration file), kBusy
    ///   (`stats_endpoint` is taken).
    explicit Context(const Config& config = {}) : state_(detail::ContextState::open(config)) {}

    /// The context that arrays without one share, made with `Config{}` when first used.
    static Context default_context() { return Context(detail::ContextState::default_context()); }

    /// The devices of this machine: GPUs that work, then the host device.
    std::vector<DeviceInfo> devices() const { return detail::list_devices(); }

    /// The device this context runs kernels on.
    const DeviceInfo& device() const { return state_->device(); }

    /// Whether kernels run on a GPU; else on CPU threads.
    bool on_gpu() const { return state_->stream() != nullptr; }

    /// Bytes of a page.
    std::uint64_t page_bytes() const { return state_->page_bytes(); }

    /// Waits until every kernel that was launched has ended. Each of their accesses is bounded by
    /// `io_timeout_us`; the kernels' own work is not.
    /// \throws Error the first failure of an access since the last call: its code, array, offset.
    ///   The context can be used on; what was not reached read as `T{}`, or was not written.
    void synchronize() { state_->synchronize(); }

    /// What the context has counted since it was made, in Prometheus' text format 0.0.4: about
    /// 40 KB. docs/figures.md lists the metrics. May be called while kernels run; waits for the
    /// service, two seconds at most.
    /// \throws Error kTimeout, kBusy: the service did not answer in time; kGeneral: it has stopped.
    std::string metrics() const { return state_->metrics(false); }

    /// The same as one JSON object, with quantiles; durations in nanoseconds.
    /// \throws Error as `metrics`.
    std::string metrics_json() const { return state_->metrics(true); }

    /// Where the two are served over HTTP, at /metrics and /stats.json: `Config::stats_endpoint`
    /// with the port that the system chose; "off" where they are not.
    std::string stats_endpoint() const { return state_->stats_endpoint(); }

    /// What the context's scheduler did so far, and what it has at hand. Blocks until the service
    /// has a moment. \throws Error kGeneral or kTimeout if the service has ended or hangs.
    Figures figures() const { return state_->figures(); }

    /// For the library's own templates.
    const std::shared_ptr<detail::ContextState>& state() const { return state_; }

private:
    explicit Context(std::shared_ptr<detail::ContextState> state) : state_(std::move(state)) {}

    std::shared_ptr<detail::ContextState> state_;
};

}  // namespace gpuio
