/// \file
/// What regions, streams, events and requests call in the library. Not for users.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "gpuio/detail/export.hpp"
#include "gpuio/detail/state.hpp"
#include "gpuio/error.hpp"

namespace gpuio::detail {

using Microseconds = std::chrono::microseconds;

/// Places are region ids and offsets.
struct TransferSpec {
    int type;
    std::uint32_t src;
    std::uint64_t src_offset;
    std::uint32_t dst;
    std::uint64_t dst_offset;
    std::uint64_t length;
    std::uint64_t operand;
    std::uint64_t compare;
};

struct PartSpec {
    int type;
    std::uint32_t src;
    std::uint64_t src_offset;
    std::uint32_t dst;
    std::uint64_t dst_offset;
    std::uint64_t length;
};

struct OptionsSpec {
    std::uint32_t stream = 0;
    int priority = -1;  ///< as the stream says
    bool has_qos = false;
    std::uint64_t deadline_us = 0;
    std::uint64_t estimated_duration_us = 0;
    float criticality = 0;
    bool fails_if_full = false;
};

class GPUIO_EXPORT RegionState {
public:
    static std::shared_ptr<RegionState> of_memory(ContextState& context, std::uintptr_t address,
                                                  std::uint64_t length, bool on_device);
    static std::shared_ptr<RegionState> open(ContextState& context, std::string_view uri,
                                             std::uint64_t needed_bytes, bool writable);
    static std::shared_ptr<RegionState> of_array(ArrayState& array);

    virtual ~RegionState();
    virtual std::uint32_t id() const = 0;
    virtual int kind() const = 0;
    virtual std::uint64_t length() const = 0;
    virtual bool release(Microseconds timeout) = 0;
};

class GPUIO_EXPORT EventState {
public:
    static std::shared_ptr<EventState> create(ContextState& context);

    virtual ~EventState();
    virtual void record(class StreamState& stream) = 0;
    virtual void wait(Microseconds timeout) = 0;
    /// 0 never recorded, 1 not reached, 2 reached.
    virtual int query() const = 0;
    virtual std::chrono::nanoseconds elapsed_since(EventState& earlier) = 0;
};

class GPUIO_EXPORT StreamState {
public:
    static std::shared_ptr<StreamState> create(ContextState& context, int priority);

    virtual ~StreamState();
    virtual std::uint32_t id() const = 0;
    virtual void wait(EventState& event) = 0;
    virtual void synchronize(Microseconds timeout) = 0;
};

class GPUIO_EXPORT RequestState {
public:
    static std::shared_ptr<RequestState> submit(ContextState& context, const TransferSpec& transfer,
                                                const OptionsSpec& options);
    static std::shared_ptr<RequestState> submit_batch(ContextState& context,
                                                      std::span<const PartSpec> parts,
                                                      const OptionsSpec& options);

    virtual ~RequestState();
    virtual std::uint64_t id() const = 0;
    virtual int status() const = 0;
    virtual std::uint64_t bytes_completed() const = 0;
    /// Whether it has ended, after at most this long.
    virtual bool wait(Microseconds timeout) = 0;
    /// Waits, then throws what failed.
    virtual void get(Microseconds timeout) = 0;
    virtual Result<void> result() const = 0;
    virtual std::optional<std::uint64_t> old_value() const = 0;
    virtual std::vector<Result<void>> parts() const = 0;
    virtual bool cancel() = 0;
    virtual void on_complete(std::function<void()> callback) = 0;
};

/// The place of one that has ended, after at most this long; nothing if none has.
GPUIO_EXPORT std::optional<std::size_t> wait_any(std::span<RequestState* const> requests,
                                                 Microseconds timeout);
/// Throws kPermission if a target may not be written.
GPUIO_EXPORT void check_target(bool writable);
/// Throws kInvalidArgument: an unordered stream has no order to wait for.
[[noreturn]] GPUIO_EXPORT void throw_unordered();

}  // namespace gpuio::detail
