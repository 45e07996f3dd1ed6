#include <memory>
#include <string>
#include <utility>

#include "completion.hpp"
#include "gpuio/detail/requests.hpp"
#include "gpuio/figures.hpp"
#include "state_impl.hpp"
#include "status.hpp"

namespace gpuio::detail {

namespace {

std::uint64_t count_us(Microseconds timeout) {
    return timeout.count() < 0 ? 0 : static_cast<std::uint64_t>(timeout.count());
}

const bridge::ContextSlot& core_of(ContextState& context) {
    return static_cast<ContextImpl&>(context).core();
}

class RegionImpl final : public RegionState {
public:
    explicit RegionImpl(rust::Box<bridge::RegionSlot> core) : core_(std::move(core)) {}
    ~RegionImpl() override;

    std::uint32_t id() const override { return bridge::region_id(*core_); }
    int kind() const override { return bridge::region_kind(*core_); }
    std::uint64_t length() const override { return bridge::region_length(*core_); }
    bool release(Microseconds timeout) override {
        return bridge::region_release(*core_, count_us(timeout));
    }

private:
    rust::Box<bridge::RegionSlot> core_;
};

/// The memory may go when the region has gone. A request ends: its engine fails what hangs, or the
/// context's end cancels it; the hour is for storage that does neither.
RegionImpl::~RegionImpl() {
    constexpr int kResource = 1;
    if (kind() != kResource) release(std::chrono::hours(1));
}

class StreamImpl final : public StreamState {
public:
    explicit StreamImpl(rust::Box<bridge::StreamSlot> core) : core_(std::move(core)) {}

    std::uint32_t id() const override { return bridge::stream_id(*core_); }
    void wait(EventState& event) override;
    void synchronize(Microseconds timeout) override {
        bridge::Status status;
        bridge::stream_synchronize(*core_, count_us(timeout), status);
        check(status);
    }
    const bridge::StreamSlot& core() const { return *core_; }

private:
    rust::Box<bridge::StreamSlot> core_;
};

class EventImpl final : public EventState {
public:
    explicit EventImpl(rust::Box<bridge::EventSlot> core) : core_(std::move(core)) {}

    void record(StreamState& stream) override {
        bridge::Status status;
        bridge::event_record(*core_, static_cast<StreamImpl&>(stream).core(), status);
        check(status);
    }
    void wait(Microseconds timeout) override {
        bridge::Status status;
        bridge::event_wait(*core_, count_us(timeout), status);
        check(status);
    }
    int query() const override { return bridge::event_query(*core_); }
    std::chrono::nanoseconds elapsed_since(EventState& earlier) override {
        bridge::Status status;
        const auto elapsed_ns = bridge::event_elapsed_ns(
            *core_, static_cast<EventImpl&>(earlier).core(), status);
        check(status);
        return std::chrono::nanoseconds(elapsed_ns);
    }
    const bridge::EventSlot& core() const { return *core_; }

private:
    rust::Box<bridge::EventSlot> core_;
};

void StreamImpl::wait(EventState& event) {
    bridge::Status status;
    bridge::stream_wait(*core_, static_cast<EventImpl&>(event).core(), status);
    check(status);
}

class RequestImpl final : public RequestState {
public:
    explicit RequestImpl(rust::Box<bridge::RequestSlot> core) : core_(std::move(core)) {}

    std::uint64_t id() const override { return bridge::request_id(*core_); }
    int status() const override { return bridge::request_status(*core_); }
    std::uint64_t bytes_completed() const override { return bridge::request_bytes(*core_); }
    bool wait(Microseconds timeout) override {
        return bridge::request_wait(*core_, count_us(timeout));
    }
    void get(Microseconds timeout) override;
    Result<void> result() const override;
    std::optional<std::uint64_t> old_value() const override {
        std::uint64_t value = 0;
        return bridge::request_old_value(*core_, value) ? std::optional(value) : std::nullopt;
    }
    std::vector<Result<void>> parts() const override;
    bool cancel() override { return bridge::request_cancel(*core_); }
    void on_complete(std::function<void()> callback) override {
        bridge::request_on_complete(*core_, std::make_unique<Completion>(std::move(callback)));
    }

    const bridge::RequestSlot& core() const { return *core_; }

private:
    rust::Box<bridge::RequestSlot> core_;
};

void RequestImpl::get(Microseconds timeout) {
    if (!wait(timeout)) {
        Error::Details details;
        details.code = ErrorCode::kTimeout;
        details.operation = "wait for a request";
        details.message = "it has not ended in the time given; it goes on";
        details.retryable = true;
        throw Error(std::move(details));
    }
    bridge::Status status;
    bridge::request_end(*core_, status);
    check(status);
}

Result<void> RequestImpl::result() const {
    bridge::Status status;
    bridge::request_end(*core_, status);
    return attempt([&] { check(status); });
}

std::vector<Result<void>> RequestImpl::parts() const {
    std::vector<Result<void>> results;
    for (const bridge::Status& part : bridge::request_parts(*core_)) {
        results.push_back(attempt([&] { check(part); }));
    }
    return results;
}

bridge::SubmitOptions options_of(const OptionsSpec& options) {
    return {
        .stream = options.stream,
        .priority = options.priority,
        .has_qos = options.has_qos,
        .deadline_us = options.deadline_us,
        .estimated_duration_us = options.estimated_duration_us,
        .criticality = options.criticality,
        .fails_if_full = options.fails_if_full,
    };
}

/// Wraps what the core made, or throws why it made nothing.
template <class Impl, class Make>
std::shared_ptr<Impl> made(Make&& make) {
    bridge::Status status;
    auto core = make(status);
    check(status);
    return std::make_shared<Impl>(std::move(core));
}

Quantiles quantiles_of(const bridge::Quantiles& from) {
    return {.count = from.count, .p50 = from.p50, .p99 = from.p99, .p999 = from.p999,
            .max = from.max};
}

ClassFigures class_of(const bridge::ClassFigures& from) {
    return {
        .submitted = from.submitted,
        .completed = from.completed,
        .failed = from.failed,
        .cancelled = from.cancelled,
        .deadline_misses = from.deadline_misses,
        .refused = from.refused,
        .shed = from.shed,
        .aged = from.aged,
        .wait_ns = quantiles_of(from.wait_ns),
        .service_ns = quantiles_of(from.service_ns),
    };
}

}  // namespace

RegionState::~RegionState() = default;
StreamState::~StreamState() = default;
EventState::~EventState() = default;
RequestState::~RequestState() = default;

std::shared_ptr<RegionState> RegionState::of_memory(ContextState& context, std::uintptr_t address,
                                                    std::uint64_t length, bool on_device) {
    return made<RegionImpl>([&](bridge::Status& status) {
        return bridge::region_of_memory(core_of(context), address, length, on_device, status);
    });
}

std::shared_ptr<RegionState> RegionState::open(ContextState& context, std::string_view uri,
                                               std::uint64_t needed_bytes, bool writable) {
    const rust::Slice<const std::uint8_t> text(reinterpret_cast<const std::uint8_t*>(uri.data()),
                                               uri.size());
    return made<RegionImpl>([&](bridge::Status& status) {
        return bridge::region_open(core_of(context), text, needed_bytes, writable, status);
    });
}

std::shared_ptr<RegionState> RegionState::of_array(ArrayState& array) {
    return made<RegionImpl>([&](bridge::Status& status) {
        return bridge::region_of_array(static_cast<ArrayImpl&>(array).core(), status);
    });
}

std::shared_ptr<StreamState> StreamState::create(ContextState& context, int priority) {
    return made<StreamImpl>([&](bridge::Status& status) {
        return bridge::stream_create(core_of(context), priority, status);
    });
}

std::shared_ptr<EventState> EventState::create(ContextState& context) {
    return made<EventImpl>(
        [&](bridge::Status& status) { return bridge::event_create(core_of(context), status); });
}

std::shared_ptr<RequestState> RequestState::submit(ContextState& context,
                                                   const TransferSpec& transfer,
                                                   const OptionsSpec& options) {
    const bridge::RequestSpec spec{
        .kind = transfer.type,
        .src = transfer.src,
        .src_offset = transfer.src_offset,
        .dst = transfer.dst,
        .dst_offset = transfer.dst_offset,
        .length = transfer.length,
        .operand = transfer.operand,
        .compare = transfer.compare,
    };
    return made<RequestImpl>([&](bridge::Status& status) {
        return bridge::request_submit(core_of(context), spec, options_of(options), status);
    });
}

std::shared_ptr<RequestState> RequestState::submit_batch(ContextState& context,
                                                         std::span<const PartSpec> parts,
                                                         const OptionsSpec& options) {
    std::vector<bridge::BatchPart> batch;
    batch.reserve(parts.size());
    for (const PartSpec& part : parts) {
        batch.push_back({.kind = part.type, .src = part.src, .src_offset = part.src_offset,
                         .dst = part.dst, .dst_offset = part.dst_offset, .length = part.length});
    }
    return made<RequestImpl>([&](bridge::Status& status) {
        return bridge::batch_submit(core_of(context), {batch.data(), batch.size()},
                                    options_of(options), status);
    });
}

Figures ContextImpl::figures() const {
    bridge::Status status;
    const bridge::Figures from = bridge::context_figures(*core_, status);
    check(status);
    Figures figures;
    for (std::size_t k = 0; k < figures.classes.size() && k < from.classes.size(); ++k) {
        figures.classes[k] = class_of(from.classes[k]);
    }
    for (const bridge::DeviceFigures& device : from.devices) {
        figures.devices.push_back({
            .name = std::string(device.name),
            .waiting = device.waiting,
            .in_flight = device.in_flight,
            .depth = device.depth,
            .bulk_depth = device.bulk_depth,
            .batch_count = device.batch_count,
            .slice_bytes = device.slice_bytes,
        });
    }
    figures.batch_sizes = quantiles_of(from.batch_sizes);
    figures.slices = from.slices;
    figures.bytes = from.bytes;
    figures.retries = from.retries;
    figures.short_transfers = from.short_transfers;
    figures.steals = from.steals;
    figures.requests = from.requests;
    return figures;
}

std::optional<std::size_t> wait_any(std::span<RequestState* const> requests,
                                    Microseconds timeout) {
    std::vector<std::size_t> slots;
    slots.reserve(requests.size());
    for (RequestState* const request : requests) {
        const bridge::RequestSlot& slot = static_cast<RequestImpl*>(request)->core();
        slots.push_back(reinterpret_cast<std::size_t>(&slot));
    }
    bridge::Status status;
    const std::size_t place =
        bridge::request_wait_any({slots.data(), slots.size()}, count_us(timeout), status);
    check(status);
    return place < slots.size() ? std::optional(place) : std::nullopt;
}

void check_target(bool writable) {
    if (writable) return;
    Error::Details details;
    details.code = ErrorCode::kPermission;
    details.operation = "submit";
    details.message = "the target was registered or opened for reading only";
    throw Error(std::move(details));
}

void throw_unordered() {
    Error::Details details;
    details.code = ErrorCode::kInvalidArgument;
    details.operation = "use a stream";
    details.message = "an unordered stream has no order; make a stream for that";
    throw Error(std::move(details));
}

}  // namespace gpuio::detail
