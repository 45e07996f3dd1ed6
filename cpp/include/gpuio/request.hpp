/// \file
/// Requests: what was asked for, where it stands, and how it ended.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "gpuio/detail/requests.hpp"
#include "gpuio/error.hpp"

namespace gpuio {

/// What a request does: the specification's `gpuio_request_type_t`.
enum class RequestType : int {
    kRead = 0,            ///< a resource or array to memory
    kWrite = 1,           ///< memory to a resource or array
    kCopy = 2,            ///< any place to any other
    kAtomicCmpSwap = 3,   ///< eight bytes of host memory
    kAtomicFetchAdd = 4,  ///< eight bytes of host memory
    kBatch = 5,           ///< many reads, writes and copies as one
};

/// Where a request is: the specification's `gpuio_status_t`. Forwards only.
enum class Status : int {
    kPending = 0,     ///< accepted; waits for its turn in its stream
    kSubmitted = 1,   ///< waits for a slot of its device
    kInProgress = 2,  ///< a part of it was given to the engine
    kCompleted = 3,   ///< every byte was moved
    kError = 4,       ///< it failed, or had to give way to more critical ones
    kCancelled = 5,   ///< it was withdrawn
};

/// How important a request is: the specification's `gpuio_ai_priority_t`.
enum class Priority : int {
    kInferenceRealtime = 0,  ///< high: a person waits for the answer
    kTrainingFw = 1,         ///< medium
    kTrainingBw = 2,         ///< medium; what is ordinary
    kCheckpoint = 3,         ///< low
    kEngramSync = 4,         ///< low
    kBackground = 5,         ///< low: read-ahead, bulk
};

/// By when a request has to be done: the specification's `gpuio_inference_qos_t`.
struct InferenceQos {
    std::uint64_t deadline_us = 0;            ///< from submission: 1 to an hour
    std::uint64_t estimated_duration_us = 0;  ///< on an idle device; 0: unknown
    float criticality = 0.5f;                 ///< from 0, given up first, to 1
};

/// What `submit` does when there is no room for another request.
enum class OnFull { kWait, kFail };

/// What all requests say beside the bytes.
struct SubmitOptions {
    std::optional<Priority> priority;  ///< as the stream says
    std::optional<InferenceQos> qos;   ///< no deadline
    /// kWait: waits for room, at most `io_timeout_us`, then kTimeout. kFail: kBusy at once.
    OnFull on_full = OnFull::kWait;
};

/// Longest wait where none is given.
inline constexpr std::chrono::microseconds kLongestWait = std::chrono::hours(1);

/// A request that was accepted. A handle: copies stand for the same request, and it goes on without
/// any. Thread-safe.
class Request {
public:
    explicit Request(std::shared_ptr<detail::RequestState> state) : state_(std::move(state)) {}

    /// The specification's id, unique in its context.
    std::uint64_t id() const { return state_->id(); }
    /// Where it is. Does not block.
    Status status() const { return static_cast<Status>(state_->status()); }
    /// Whether it has ended.
    bool ended() const { return status() >= Status::kCompleted; }
    /// Bytes moved so far, in any order. Does not block.
    std::uint64_t bytes_completed() const { return state_->bytes_completed(); }

    /// Waits until it has ended, at most `timeout`. Returns whether it has.
    bool wait_for(std::chrono::microseconds timeout) const { return state_->wait(timeout); }

    /// Waits until it has ended.
    /// \throws Error why it failed; kCanceled; kTimeout if it has not ended in time: it goes on.
    void wait(std::chrono::microseconds timeout = kLongestWait) const { state_->get(timeout); }

    /// How it ended, without exceptions. Of one that has not ended: success so far.
    Result<void> result() const { return state_->result(); }

    /// What an atomic operation found; nothing for others and before the end.
    std::optional<std::uint64_t> old_value() const { return state_->old_value(); }

    /// Of a batch that has ended: each part's result, in the order of the parts.
    std::vector<Result<void>> parts() const { return state_->parts(); }

    /// Withdraws it. Returns false if it has ended already. It ends when nothing of it is in flight
    /// any more: as kCancelled, or as it would have if that was the last of it. Does not block.
    bool cancel() const { return state_->cancel(); }

    /// Has `callback` called when it ends, on one of the context's `request_workers` threads; at
    /// once, in this thread, if it has ended and all earlier callbacks of it have begun.
    /// It may wait for requests and submit more, but not for another callback: as many as there are
    /// threads are called at a time, those of one request one after the other. The end of the
    /// context waits for callbacks, at most 30 s, unless it comes in one. If the system grants no
    /// threads, or 65,536 ended requests wait for theirs, it is called by the thread that does all
    /// I/O: what would wait for that fails with kBusy or does not wait there. What it throws is
    /// dropped.
    void on_complete(std::function<void(const Request&)> callback) const {
        state_->on_complete([callback = std::move(callback), self = *this] { callback(self); });
    }

    /// A future of its end; `get` throws why it failed.
    std::future<void> future() const {
        auto promise = std::make_shared<std::promise<void>>();
        on_complete([promise](const Request& self) {
            if (Result<void> end = self.result(); end) {
                promise->set_value();
            } else {
                promise->set_exception(std::make_exception_ptr(end.error()));
            }
        });
        return promise->get_future();
    }

private:
    friend std::optional<std::size_t> wait_any(std::span<const Request> requests,
                                               std::chrono::microseconds timeout);
    std::shared_ptr<detail::RequestState> state_;
};

/// Waits until one of these requests has ended, at most `timeout`. Returns its place, the first
/// one's if several have; nothing if none has in time, or there are none. For a loop that keeps
/// many in flight: take all that have ended, submit as many, wait for any.
/// \throws Error kInvalidArgument if they are of several contexts.
inline std::optional<std::size_t> wait_any(std::span<const Request> requests,
                                           std::chrono::microseconds timeout = kLongestWait) {
    std::vector<detail::RequestState*> states;
    states.reserve(requests.size());
    for (const Request& request : requests) states.push_back(request.state_.get());
    return detail::wait_any(states, timeout);
}

}  // namespace gpuio
