#include <optional>
#include <shared_mutex>
#include <utility>

#include "gpuio/detail/state.hpp"
#include "gpuio/error.hpp"
#include "state_impl.hpp"
#include "status.hpp"

namespace gpuio::detail {

namespace {

device::ArrayView view_of(const bridge::View& view) {
    return {
        .cache = reinterpret_cast<const device::Cache*>(view.cache),
        .table = reinterpret_cast<std::uint64_t*>(view.table),
        .frames = reinterpret_cast<std::byte*>(view.frames),
        .direct = reinterpret_cast<std::byte*>(view.direct),
        .origin = view.origin,
        .element_count = view.element_count,
        .quick_count = view.quick_count,
        .direct_count = view.direct_count,
        .page_shift = view.page_shift,
        .array = view.array,
        .counts_hits = view.counts_hits,
    };
}

rust::Box<bridge::ArraySlot> open_core(ContextImpl& context, std::string_view uri,
                                       std::uint64_t element_count, std::uint64_t element_bytes,
                                       bool writable, device::ArrayView& view, std::string& path) {
    bridge::Opened opened{};
    // Memory of a GPU is allocated, and by the service: meanwhile it answers no kernel.
    std::shared_lock<std::shared_mutex> quiet;
    if (context.stream() != nullptr) quiet = context.without_kernels();
    bridge::Status status;
    const rust::Slice<const std::uint8_t> text(reinterpret_cast<const std::uint8_t*>(uri.data()),
                                               uri.size());
    auto core = bridge::array_open(context.core(), text, element_count, element_bytes, writable,
                                   opened, status);
    check(status);
    view = view_of(opened.view);
    path = std::string(opened.path);
    return core;
}

}  // namespace

ArrayState::~ArrayState() = default;

ArrayImpl::ArrayImpl(std::shared_ptr<ContextImpl> context, std::string_view uri,
                     std::uint64_t element_count, std::uint64_t element_bytes, bool writable)
    : context_(std::move(context)),
      core_(open_core(*context_, uri, element_count, element_bytes, writable, view_, path_)) {
    if (context_->stream() == nullptr) context_->executor().watch(view_.cache);
}

ArrayImpl::~ArrayImpl() {
    try {
        std::optional<Quiet> others;  // memory of a GPU is freed
        if (context_->stream() != nullptr) others = KernelGate::instance().quiet(context_.get());
        const auto quiet = context_->without_kernels();
        bridge::Status status;
        bridge::array_close(*core_, status);
    } catch (const Error&) {
        // The core has logged it: a destructor cannot do more.
    }
}

void ArrayImpl::flush() {
    const auto quiet = context_->without_kernels();
    bridge::Status status;
    bridge::array_flush(*core_, status);
    check(status);
}

void ArrayImpl::prefetch(std::uint64_t first_byte, std::uint64_t length) {
    bridge::Status status;
    bridge::array_prefetch(*core_, first_byte, length, status);
    check(status);
}

void ArrayImpl::read(std::uint64_t first_byte, void* to, std::size_t length) {
    const auto quiet = context_->without_kernels();
    bridge::Status status;
    bridge::array_read(*core_, first_byte, {static_cast<std::uint8_t*>(to), length}, status);
    check(status);
}

void ArrayImpl::write(std::uint64_t first_byte, const void* from, std::size_t length) {
    const auto quiet = context_->without_kernels();
    bridge::Status status;
    bridge::array_write(*core_, first_byte, {static_cast<const std::uint8_t*>(from), length},
                        status);
    check(status);
}

Stats ArrayImpl::stats() const {
    bridge::Status status;
    const bridge::Stats counters = bridge::array_stats(*core_, status);
    check(status);
    return {
        .l1_hits = counters.l1_hits,
        .l1_misses = counters.l1_misses,
        .l1_joined = counters.l1_joined,
        .l1_evictions = counters.l1_evictions,
        .l1_write_backs = counters.l1_write_backs,
        .l1_prefetches = counters.l1_prefetches,
        .l1_filled_bytes = counters.l1_filled_bytes,
        .l2_hits = counters.l2_hits,
        .l2_misses = counters.l2_misses,
        .l2_evictions = counters.l2_evictions,
        .read_ahead_pages = counters.read_ahead_pages,
        .read_bytes = counters.read_bytes,
        .written_bytes = counters.written_bytes,
    };
}

std::unique_ptr<ArrayState> ArrayState::open(std::shared_ptr<ContextState> context,
                                             std::string_view uri, std::uint64_t element_count,
                                             std::uint64_t element_bytes, bool writable) {
    // Every ContextState is a ContextImpl: the constructor is the library's alone.
    auto impl = std::static_pointer_cast<ContextImpl>(std::move(context));
    return std::make_unique<ArrayImpl>(std::move(impl), uri, element_count, element_bytes,
                                       writable);
}

}  // namespace gpuio::detail
