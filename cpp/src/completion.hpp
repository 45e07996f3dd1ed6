/// \file
/// What is called when a request ends, as the Rust core holds it.
#pragma once

#include <exception>
#include <functional>
#include <utility>

namespace gpuio::detail {

/// A function of the user's. Any thread may call it and destroy it.
class Completion {
public:
    explicit Completion(std::function<void()> body) : body_(std::move(body)) {}

    /// An exception has nowhere to go: the thread belongs to the context.
    void run() noexcept {
        try {
            body_();
        } catch (...) {
        }
    }

private:
    std::function<void()> body_;
};

}  // namespace gpuio::detail
