/// \file
/// Errors: the specification's codes, the exception, and a result for those who do not throw.
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "gpuio/detail/export.hpp"

namespace gpuio {

/// The specification's error codes (section 7.1).
enum class ErrorCode : int {
    kSuccess = 0,
    kGeneral = -1,
    kNoMemory = -2,
    kInvalidArgument = -3,
    kNotFound = -4,
    kTimeout = -5,
    kIo = -6,
    kNetwork = -7,
    kUnsupported = -8,
    kPermission = -9,
    kBusy = -10,
    kCanceled = -11,
};

/// The specification's name of a code, such as "GPUIO_ERROR_IO".
GPUIO_EXPORT const char* error_name(ErrorCode code) noexcept;

/// What gpuio throws: what failed, on what, where, and what to do about it.
class GPUIO_EXPORT Error : public std::exception {
public:
    /// The parts of an error. `os_error` is an errno, or 0.
    struct Details {
        ErrorCode code = ErrorCode::kGeneral;
        int os_error = 0;
        std::string operation;
        std::string resource;
        std::optional<std::uint64_t> offset;
        std::uint64_t bytes_done = 0;
        bool retryable = false;
        std::string message;
    };

    explicit Error(Details details);
    ~Error() override;
    Error(const Error&);
    Error& operator=(const Error&);

    /// The whole error in one line.
    const char* what() const noexcept override { return text_.c_str(); }

    /// The specification's code.
    ErrorCode code() const noexcept { return details_.code; }
    /// The operating system's errno, or 0.
    int os_error() const noexcept { return details_.os_error; }
    /// What was being done.
    const std::string& operation() const noexcept { return details_.operation; }
    /// On what: a URI, a path, a configuration key. May be empty.
    const std::string& resource() const noexcept { return details_.resource; }
    /// The byte offset in the resource (for text, the position) where it failed.
    std::optional<std::uint64_t> offset() const noexcept { return details_.offset; }
    /// Bytes of the request that were done.
    std::uint64_t bytes_done() const noexcept { return details_.bytes_done; }
    /// Whether the same request can succeed later without changing anything.
    bool retryable() const noexcept { return details_.retryable; }
    /// What happened and what to do, without the other parts.
    const std::string& message() const noexcept { return details_.message; }

private:
    Details details_;
    std::string text_;
};

/// A value or an error, for code that does not throw. See `attempt`.
template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::move(value)) {}
    Result(Error error) : state_(std::move(error)) {}

    bool has_value() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }
    /// The value; throws the error if there is none.
    T& value() & { return has_value() ? std::get<0>(state_) : throw std::get<1>(state_); }
    T&& value() && { return std::move(value()); }
    T& operator*() & { return value(); }
    T* operator->() { return &value(); }
    /// The error. Only if there is no value.
    const Error& error() const { return std::get<1>(state_); }

private:
    std::variant<T, Error> state_;
};

/// Success or an error.
template <>
class [[nodiscard]] Result<void> {
public:
    Result() = default;
    Result(Error error) : error_(std::move(error)) {}

    bool has_value() const noexcept { return !error_; }
    explicit operator bool() const noexcept { return has_value(); }
    void value() const {
        if (error_) throw *error_;
    }
    const Error& error() const { return *error_; }

private:
    std::optional<Error> error_;
};

/// Calls something of gpuio and gives its outcome as a `Result` instead of an exception:
///
///     if (auto done = gpuio::attempt([&] { array.flush(); }); !done) report(done.error());
template <class Call>
auto attempt(Call&& call) -> Result<std::invoke_result_t<Call>> {
    try {
        if constexpr (std::is_void_v<std::invoke_result_t<Call>>) {
            std::forward<Call>(call)();
            return {};
        } else {
            return std::forward<Call>(call)();
        }
    } catch (const Error& error) {
        return error;
    }
}

}  // namespace gpuio
