/// \file
/// `GPUIOArray<T>`: an array whose elements are wherever its URI says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "gpuio/context.hpp"
#include "gpuio/detail/state.hpp"
#include "gpuio/device/array_ref.hpp"
#include "gpuio/error.hpp"
#include "gpuio/stats.hpp"

namespace gpuio {

/// An array of `size()` elements in a file, in host memory, or wherever its URI says, which kernels
/// index as if it were in the GPU's memory.
///
///     gpuio::GPUIOArray<float> a(context, "localio:///data/a.f32", n);              // read-write
///     gpuio::GPUIOArray<const float> b(context, "localio:///data/b.f32?offset=64", n);  // read
///
/// Elements are raw bytes in the machine's own byte order, one after the other, from the URI's
/// `offset` on. The file may be larger than what the array covers, and than every cache.
///
/// Owns the open resource; movable, not copyable. Kernels get `ref()`, which must not be used after
/// the array is gone. The destructor waits for the context's kernels (on a GPU, for those of all
/// contexts) and writes back what was written, but cannot report a failure (it is logged): call
/// `flush()` to know.
///
/// \tparam T trivially copyable, 1 to 4096 bytes; const for an array that is only read.
template <class T>
class GPUIOArray {
    using Value = std::remove_const_t<T>;
    static_assert(device::kIsElement<Value>,
                  "gpuio: an element must be trivially copyable and of 1 to 4096 bytes");

public:
    using value_type = Value;

    /// Opens the array. Blocks as opening the resource does; on a GPU waits for the context's
    /// kernels first.
    /// \param uri see docs/uris.md; "localio:///path?offset=4096" or "memio://cpu/dram"
    /// \param size elements, at least 1
    /// \throws Error kInvalidArgument (the URI, the size), kNotFound, kPermission, kIo,
    /// kUnsupported,   kNoMemory. A file that is too short is kInvalidArgument or kIo and names
    /// where it ends.
    GPUIOArray(const Context& context, std::string_view uri, std::size_t size)
        : context_(context),
          state_(detail::ArrayState::open(context.state(), uri, size, sizeof(Value),
                                          !std::is_const_v<T>)) {}

    /// Opens the array in the default context.
    GPUIOArray(std::string_view uri, std::size_t size)
        : GPUIOArray(Context::default_context(), uri, size) {}

    /// Elements.
    std::size_t size() const { return state_->view().element_count; }

    /// The array for kernels. Valid as long as this array.
    ArrayRef<T> ref() const { return ArrayRef<T>(state_->view()); }

    /// Elements are read on the device; on the host use `read`.
    Value operator[](std::size_t index) const = delete;

    /// Hints that elements will be read soon: they are brought to the cache in host memory. Does
    /// not wait, may do nothing.
    /// \throws Error kInvalidArgument if the range leaves the array.
    void prefetch(std::size_t first, std::size_t count) {
        check(first, count, "prefetch");
        state_->prefetch(first * sizeof(Value), count * sizeof(Value));
    }

    /// Copies elements to the host. Waits for the context's kernels, and for I/O. Sees what kernels
    /// and the host have written.
    /// \throws Error kInvalidArgument if the range leaves the array, kIo and others if it cannot be
    ///   read; the span's contents are then unspecified.
    void read(std::size_t first, std::span<Value> to) const {
        check(first, to.size(), "read");
        state_->read(first * sizeof(Value), to.data(), to.size_bytes());
    }

    /// Copies elements from the host. Waits for the context's kernels, and for room in the cache;
    /// kernels launched afterwards see them. Durable after `flush`.
    /// \throws Error as `read`.
    void write(std::size_t first, std::span<const Value> from)
        requires(!std::is_const_v<T>)
    {
        check(first, from.size(), "write");
        state_->write(first * sizeof(Value), from.data(), from.size_bytes());
    }

    /// Makes everything that was written durable (as `fdatasync`). Waits for the context's kernels
    /// and for the storage. Nothing to do for memory.
    /// \throws Error the first failure. What could not be written stays in the cache, dirty, and is
    ///   tried again by the next flush; what was durable stays so.
    void flush() { state_->flush(); }

    /// Counters of the context and of this array.
    Stats stats() const { return state_->stats(); }

    /// One line for people: which I/O path is active, and why no faster one.
    const std::string& path() const { return state_->path(); }

    /// The context.
    const Context& context() const { return context_; }

    /// For the library's own templates.
    detail::ArrayState& state() const { return *state_; }

private:
    void check(std::size_t first, std::size_t count, const char* operation) const {
        if (first <= size() && count <= size() - first) return;
        throw Error({.code = ErrorCode::kInvalidArgument,
                     .os_error = 0,
                     .operation = operation,
                     .resource = {},
                     .offset = {},
                     .bytes_done = 0,
                     .retryable = false,
                     .message = std::to_string(count) + " elements from " + std::to_string(first) +
                                " on leave the array of " + std::to_string(size())});
    }

    Context context_;
    std::unique_ptr<detail::ArrayState> state_;
};

}  // namespace gpuio
