/// \file
/// Streams of requests, and events that order them.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "gpuio/context.hpp"
#include "gpuio/detail/requests.hpp"
#include "gpuio/region.hpp"
#include "gpuio/request.hpp"

namespace gpuio {

class Stream;

/// A mark in a stream. A handle: copies stand for the same event. Thread-safe.
class Event {
public:
    /// \throws Error kNoMemory with too many events.
    explicit Event(const Context& context) : state_(detail::EventState::create(*context.state())) {}

    /// The event is reached when everything that was submitted to the stream so far has ended.
    /// \throws Error kBusy if a stream has still to come to it.
    inline void record(const Stream& stream) const;

    /// Whether it was recorded and every stream has come to it.
    bool reached() const { return state_->query() == 2; }

    /// Waits until it is reached; not at all if it was never recorded.
    /// \throws Error kTimeout; kCanceled if the context ended before.
    void wait(std::chrono::microseconds timeout = kLongestWait) const { state_->wait(timeout); }

    /// The time from when `earlier` was reached to when this was.
    /// \throws Error kInvalidArgument if one was never recorded, kBusy if one is not reached.
    std::chrono::nanoseconds elapsed_since(const Event& earlier) const {
        return state_->elapsed_since(*earlier.state_);
    }

private:
    friend class Stream;
    std::shared_ptr<detail::EventState> state_;
};

/// A byte of a region.
struct Place {
    Place(const MemoryRegion& the_region, std::uint64_t the_offset = 0)
        : region(the_region), offset(the_offset) {}

    MemoryRegion region;
    std::uint64_t offset;  ///< bytes from the region's first
};

/// One read of a batch: a resource or an array to memory.
struct BatchRead {
    Place from;
    Place to;
    std::uint64_t length;
};

/// One part of a batch: `read` from a resource or an array to memory, `write` the other way, or
/// `copy` between any two places, as in `Stream`. Atomic operations are no parts: each is one
/// instruction, so there is nothing to put together.
struct BatchPart {
    static BatchPart read(const Place& from, const Place& to, std::uint64_t length) {
        return {RequestType::kRead, from, to, length};
    }
    static BatchPart write(const Place& from, const Place& to, std::uint64_t length) {
        return {RequestType::kWrite, from, to, length};
    }
    static BatchPart copy(const Place& from, const Place& to, std::uint64_t length) {
        return {RequestType::kCopy, from, to, length};
    }

    RequestType type;
    Place from;
    Place to;
    std::uint64_t length;
};

/// Requests that are carried out one after the other; between streams only events order. A handle:
/// copies stand for the same stream. Thread-safe. Submitting does not wait for what is asked.
///
/// Every method that submits throws Error: kInvalidArgument for a range that leaves its region, or
/// regions that do not fit what is asked; kPermission for a target that may not be written;
/// kUnsupported for an atomic operation on anything but host memory; kBusy or kTimeout if there is
/// no room; kTimeout if a deadline cannot be met (policies DEADLINE and ADAPTIVE; submitting with
/// one waits for the service's answer); kCanceled when the context has ended.
class Stream {
public:
    explicit Stream(const Context& context, Priority priority = Priority::kTrainingBw)
        : context_(context),
          state_(detail::StreamState::create(*context.state(), static_cast<int>(priority))) {}

    /// No order at all: its requests wait for nothing, and nothing waits for them.
    static Stream unordered(const Context& context) { return Stream(context, nullptr); }

    /// Reads from a resource or an array to memory.
    Request read(const Place& from, const Place& to, std::uint64_t length,
                 const SubmitOptions& options = {}) const {
        return submit({RequestType::kRead, from, to, length}, options);
    }

    /// Writes memory to a resource or an array.
    Request write(const Place& from, const Place& to, std::uint64_t length,
                  const SubmitOptions& options = {}) const {
        return submit({RequestType::kWrite, from, to, length}, options);
    }

    /// Copies between any two places.
    Request copy(const Place& from, const Place& to, std::uint64_t length,
                 const SubmitOptions& options = {}) const {
        return submit({RequestType::kCopy, from, to, length}, options);
    }

    /// Adds `operand` (wrapping) to eight bytes of host memory, aligned to 8.
    Request fetch_add(const Place& target, std::uint64_t operand,
                      const SubmitOptions& options = {}) const {
        return submit({RequestType::kAtomicFetchAdd, target, target, 8, operand}, options);
    }

    /// Stores `operand` in eight bytes of host memory, aligned to 8, if they are `compare`.
    Request compare_swap(const Place& target, std::uint64_t compare, std::uint64_t operand,
                         const SubmitOptions& options = {}) const {
        return submit({RequestType::kAtomicCmpSwap, target, target, 8, operand, compare}, options);
    }

    /// Reads, writes and copies as one request. Between resources and host memory: sorted by
    /// address, neighbours moved together, bytes that several parts read once. Between other
    /// places: each part as by itself. The batch leaves what the parts would one after the other,
    /// in this order, also where they overlap in a resource, an array or memory: those that do wait
    /// for each other. (A file that was opened twice counts as two, and so do a file and an array
    /// of it.) A part fails only if bytes of its own do, and the others go on; see
    /// `Request::parts`.
    Request batch(std::span<const BatchPart> parts, const SubmitOptions& options = {}) const {
        std::vector<detail::PartSpec> specs;
        specs.reserve(parts.size());
        for (const BatchPart& part : parts) {
            specs.push_back(part_spec(part.type, part.from, part.to, part.length));
        }
        return Request(detail::RequestState::submit_batch(*context_.state(), specs, spec(options)));
    }

    /// The same of reads alone.
    Request read_batch(std::span<const BatchRead> parts, const SubmitOptions& options = {}) const {
        std::vector<detail::PartSpec> specs;
        specs.reserve(parts.size());
        for (const BatchRead& part : parts) {
            specs.push_back(part_spec(RequestType::kRead, part.from, part.to, part.length));
        }
        return Request(detail::RequestState::submit_batch(*context_.state(), specs, spec(options)));
    }

    /// What is submitted from now on begins after the event, as it was recorded last; at once if it
    /// never was. Does not block.
    void wait(const Event& event) const { need_order().wait(*event.state_); }

    /// Waits until everything submitted so far has ended, well or not. \throws Error kTimeout.
    void synchronize(std::chrono::microseconds timeout = kLongestWait) const {
        need_order().synchronize(timeout);
    }

private:
    friend class Event;

    struct Order {
        RequestType type;
        const Place& from;
        const Place& to;
        std::uint64_t length;
        std::uint64_t operand = 0;
        std::uint64_t compare = 0;
    };

    Stream(const Context& context, std::shared_ptr<detail::StreamState> state)
        : context_(context), state_(std::move(state)) {}

    Request submit(const Order& order, const SubmitOptions& options) const {
        detail::check_target(order.to.region.writable());
        return Request(detail::RequestState::submit(
            *context_.state(),
            {static_cast<int>(order.type), order.from.region.id(), order.from.offset,
             order.to.region.id(), order.to.offset, order.length, order.operand, order.compare},
            spec(options)));
    }

    static detail::PartSpec part_spec(RequestType type, const Place& from, const Place& to,
                                      std::uint64_t length) {
        detail::check_target(to.region.writable());
        return {static_cast<int>(type), from.region.id(), from.offset, to.region.id(), to.offset,
                length};
    }

    detail::OptionsSpec spec(const SubmitOptions& options) const {
        detail::OptionsSpec spec;
        spec.stream = state_ == nullptr ? 0 : state_->id();
        if (options.priority) spec.priority = static_cast<int>(*options.priority);
        if (options.qos) {
            spec.has_qos = true;
            spec.deadline_us = options.qos->deadline_us;
            spec.estimated_duration_us = options.qos->estimated_duration_us;
            spec.criticality = options.qos->criticality;
        }
        spec.fails_if_full = options.on_full == OnFull::kFail;
        return spec;
    }

    detail::StreamState& need_order() const {
        if (state_ == nullptr) detail::throw_unordered();
        return *state_;
    }

    Context context_;
    std::shared_ptr<detail::StreamState> state_;  ///< null: unordered
};

void Event::record(const Stream& stream) const { state_->record(stream.need_order()); }

}  // namespace gpuio
