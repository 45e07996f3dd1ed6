#include <charconv>
#include <iterator>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gpuio-bindings/src/bridge.rs.h"
#include "gpuio/detail/state.hpp"
#include "gpuio/error.hpp"
#include "host_executor.hpp"
#include "kernel_gate.hpp"
#include "state_impl.hpp"
#include "status.hpp"

namespace gpuio::detail {

namespace {

/// Collects the keys that are set, as text.
class Settings {
public:
    template <class T>
    void add(const char* name, const std::optional<T>& value) {
        if (value) entries_.push_back({name, to_text(*value)});
    }
    std::vector<bridge::Setting>& entries() { return entries_; }

private:
    static std::string to_text(const std::string& text) { return text; }
    static std::string to_text(bool value) { return value ? "true" : "false"; }
    /// All digits, and a point whatever the program's locale says.
    static std::string to_text(double value) {
        char text[32];  // the shortest text of a double has at most 24 characters
        return {text, std::to_chars(std::begin(text), std::end(text), value).ptr};
    }
    static std::string to_text(LogLevel level) {
        static constexpr const char* names[] = {"off", "error", "warn", "info", "debug", "trace"};
        const auto index = static_cast<std::size_t>(level);
        return index < std::size(names) ? names[index] : std::to_string(index);
    }
    static std::string to_text(CachePolicy policy) {
        static constexpr const char* names[] = {"lru", "clock", "sieve", "s3-fifo"};
        const auto index = static_cast<std::size_t>(policy);
        return index < std::size(names) ? names[index] : std::to_string(index);
    }
    static std::string to_text(SchedulerPolicy policy) {
        static constexpr const char* names[] = {"fifo", "priority", "deadline", "adaptive"};
        const auto index = static_cast<std::size_t>(policy);
        return index < std::size(names) ? names[index] : std::to_string(index);
    }
    template <class Integer>
    static std::string to_text(Integer value) {
        return std::to_string(value);
    }

    std::vector<bridge::Setting> entries_;
};

std::vector<bridge::Setting> settings_of(const Config& config) {
    Settings settings;
    settings.add("api_version", config.api_version);
    settings.add("flags", config.flags);
    settings.add("max_gpus", config.max_gpus);
    settings.add("memory_pool_size", config.memory_pool_size);
    settings.add("log_level", config.log_level);
    settings.add("config_file", config.config_file);
    settings.add("l1_capacity_bytes", config.l1_capacity_bytes);
    settings.add("l2_capacity_bytes", config.l2_capacity_bytes);
    settings.add("page_bytes", config.page_bytes);
    settings.add("io_timeout_us", config.io_timeout_us);
    settings.add("l1_ratio", config.l1_ratio);
    settings.add("cache_policy", config.cache_policy);
    settings.add("device", config.device);
    settings.add("host_threads", config.host_threads);
    settings.add("queue_depth", config.queue_depth);
    settings.add("request_slots", config.request_slots);
    settings.add("prefetch", config.prefetch);
    settings.add("prefetch_window_bytes", config.prefetch_window_bytes);
    settings.add("copy_engine_bytes", config.copy_engine_bytes);
    settings.add("stats_endpoint", config.stats_endpoint);
    settings.add("scheduler_policy", config.scheduler_policy);
    settings.add("queued_requests_max", config.queued_requests_max);
    settings.add("request_workers", config.request_workers);
    return std::move(settings.entries());
}

DeviceInfo info_of(const bridge::DeviceInfo& info) {
    DeviceInfo result;
    result.device_id = info.device_id;
    result.vendor = static_cast<Vendor>(info.vendor);
    result.total_memory = info.total_memory;
    result.compute_capability_major = info.compute_capability_major;
    result.compute_capability_minor = info.compute_capability_minor;
    result.supports_gds = info.supports_gds;
    result.supports_gdr = info.supports_gdr;
    result.supports_cxl = info.supports_cxl;
    result.name = std::string(info.name);
    return result;
}

rust::Box<bridge::ContextSlot> open_core(const Config& config) {
    bridge::Status status;
    const std::vector<bridge::Setting> settings = settings_of(config);
    auto core = bridge::context_open({settings.data(), settings.size()}, status);
    check(status);
    return core;
}

}  // namespace

ContextState::~ContextState() = default;

ContextImpl::ContextImpl(const Config& config)
    : core_(open_core(config)),
      effective_(bridge::config_of(*core_)),
      device_(info_of(bridge::device_of(*core_))),
      executor_(effective_.host_threads) {}

ContextImpl::~ContextImpl() {
    executor_.wait();
    if (stream() != nullptr) closing_ = KernelGate::instance().quiet(this);
}

int ContextImpl::prepare_kernel(const void* kernel, int (*load)(const void*)) {
    return KernelGate::instance().load_once(kernel, device_.device_id, load);
}

std::unique_lock<std::shared_mutex> ContextImpl::admit_launch() {
    std::lock_guard turn(door_);
    return std::unique_lock(launches_);
}

std::shared_lock<std::shared_mutex> ContextImpl::without_kernels() {
    std::shared_lock<std::shared_mutex> held;
    {
        std::lock_guard turn(door_);
        held = std::shared_lock(launches_);
    }
    wait_for_kernels();
    return held;
}

void ContextImpl::launch_on_host(std::uint64_t blocks, std::uint64_t threads_per_block,
                                 std::function<void()> body) {
    executor_.launch(blocks, threads_per_block, std::move(body));
}

void ContextImpl::note_launch() { bridge::context_kernels_launched(*core_); }

void ContextImpl::wait_for_kernels() {
    executor_.wait();
    bridge::Status status;
    bridge::context_wait_for_kernels(*core_, status);
    check(status);
}

void ContextImpl::synchronize() {
    const auto quiet = without_kernels();
    bridge::Status status;
    bridge::context_settle(*core_, status);
    if (std::exception_ptr thrown = executor_.take_exception()) std::rethrow_exception(thrown);
    check(status);
}

std::string ContextImpl::metrics(bool as_json) const {
    bridge::Status status;
    const rust::String text = bridge::context_metrics(*core_, as_json, status);
    check(status);
    return std::string(text);
}

std::string ContextImpl::stats_endpoint() const {
    return std::string(bridge::context_stats_endpoint(*core_));
}

void ContextImpl::pause_service(bool paused) { bridge::context_pause_service(*core_, paused); }
void ContextImpl::stop_service() { bridge::context_stop_service(*core_); }
std::uint64_t ContextImpl::service_sleeps() const { return bridge::context_sleeps(*core_); }

std::shared_ptr<ContextState> ContextState::open(const Config& config) {
    std::shared_ptr<ContextImpl> context;
    {
        // Pinned memory is allocated.
        std::optional<Quiet> quiet;
        if (config.device != "host") quiet = KernelGate::instance().quiet(nullptr);
        context = std::make_shared<ContextImpl>(config);
    }
    KernelGate::instance().add(context);
    return context;
}

std::shared_ptr<ContextState> ContextState::default_context() {
    // Not destroyed at exit: threads of the program may outlive static destructors.
    static std::mutex& mutex = *new std::mutex;
    static auto& context = *new std::shared_ptr<ContextState>;
    std::lock_guard lock(mutex);
    if (!context) context = open(Config{});
    return context;
}

std::vector<DeviceInfo> list_devices() {
    bridge::Status status;
    const auto found = bridge::list_devices(status);
    check(status);
    std::vector<DeviceInfo> devices;
    for (const bridge::DeviceInfo& info : found) devices.push_back(info_of(info));
    return devices;
}

}  // namespace gpuio::detail
