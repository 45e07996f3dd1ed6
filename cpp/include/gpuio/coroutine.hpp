/// \file
/// `co_await` on requests: `co_await stream.read(file, memory, bytes);`. Empty for compilers
/// without coroutines.
#pragma once

#include <version>

#if defined(__cpp_impl_coroutine) && defined(__cpp_lib_coroutine)

#include <atomic>
#include <coroutine>
#include <utility>

#include "gpuio/request.hpp"

namespace gpuio {

namespace detail {

/// Suspends until a request has ended.
class RequestAwaiter {
public:
    explicit RequestAwaiter(Request request) : request_(std::move(request)) {}

    bool await_ready() const { return request_.ended(); }

    /// Whoever comes second goes on: the callback by resuming, this by not suspending. So a request
    /// that ends meanwhile resumes nothing within this call, and loops do not nest.
    bool await_suspend(std::coroutine_handle<> waiting) {
        request_.on_complete([this, waiting](const Request&) {
            if (has_come_.exchange(true)) waiting.resume();
        });
        return !has_come_.exchange(true);
    }

    void await_resume() const { request_.wait(); }

private:
    Request request_;
    std::atomic<bool> has_come_{false};
};

}  // namespace detail

/// Suspends the coroutine until the request has ended. It goes on where callbacks are called, on
/// one of the context's `request_workers` threads, and must heed what Request::on_complete says of
/// them; if the request has ended before, it goes on at once, on its own thread. A coroutine that
/// is suspended must not be destroyed: cancel the request, then it goes on.
/// \throws Error in the coroutine: why the request failed; kCanceled.
inline detail::RequestAwaiter operator co_await(Request request) {
    return detail::RequestAwaiter(std::move(request));
}

}  // namespace gpuio

#endif
