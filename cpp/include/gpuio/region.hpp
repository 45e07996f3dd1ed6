/// \file
/// Places that requests move bytes between.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "gpuio/array.hpp"
#include "gpuio/context.hpp"
#include "gpuio/detail/requests.hpp"

namespace gpuio {

/// What a region is.
enum class RegionKind : int {
    kMemory = 0,        ///< memory of this host
    kResource = 1,      ///< an opened URI
    kArray = 2,         ///< a GPUIOArray
    kDeviceMemory = 3,  ///< memory of the context's GPU
};

/// Whether a resource is opened for writing, too.
enum class Access { kRead, kReadWrite };

/// A registered place: memory, an opened URI, an array. A handle: copies share the same region,
/// which is unregistered when the last one goes.
///
/// **Lifetime.** The memory of a region must stay until no request uses it any more: until
/// `release` has returned true, or the last handle's destructor has returned, which waits for that
/// (in a completion callback, too, unless the context has no threads for them, see
/// Request::on_complete). A resource is closed after its last request. An array must outlive its
/// region.
class MemoryRegion {
public:
    /// Memory of the host. \throws Error kInvalidArgument if there are no bytes, kNoMemory with too
    /// many regions.
    template <class T>
    static MemoryRegion host(const Context& context, std::span<T> memory) {
        static_assert(std::is_trivially_copyable_v<std::remove_const_t<T>>,
                      "gpuio: a region's bytes are moved as they are");
        const auto address = reinterpret_cast<std::uintptr_t>(memory.data());
        auto state = detail::RegionState::of_memory(*context.state(), address,
                                                    memory.size_bytes(), false);
        return MemoryRegion(std::move(state), !std::is_const_v<T>);
    }

    /// Memory of the context's GPU (cudaMalloc); on the host device, of the host. No kernel uses
    /// what a request names meanwhile.
    static MemoryRegion device(const Context& context, void* address, std::size_t bytes) {
        auto state = detail::RegionState::of_memory(
            *context.state(), reinterpret_cast<std::uintptr_t>(address), bytes, true);
        return MemoryRegion(std::move(state), true);
    }

    /// Opens a URI. Blocks as opening a file does. Offsets are counted from the URI's `offset`.
    /// \param needed_bytes a shorter file is an error, unless the URI says `create=1`; 0: any
    static MemoryRegion open(const Context& context, std::string_view uri,
                             Access access = Access::kRead, std::uint64_t needed_bytes = 0) {
        const bool writable = access == Access::kReadWrite;
        auto state = detail::RegionState::open(*context.state(), uri, needed_bytes, writable);
        return MemoryRegion(std::move(state), writable);
    }

    /// The elements of an array, as bytes. While a request reads them no kernel writes to them;
    /// while one writes them no kernel uses them. Requests see what kernels have written before
    /// the last `Context::synchronize`.
    template <class T>
    static MemoryRegion of(const GPUIOArray<T>& array) {
        return MemoryRegion(detail::RegionState::of_array(array.state()), !std::is_const_v<T>);
    }

    /// What it is.
    RegionKind kind() const { return static_cast<RegionKind>(state_->kind()); }
    /// Bytes. Of a resource, when it was opened.
    std::uint64_t size_bytes() const { return state_->length(); }
    /// Whether requests may write to it.
    bool writable() const { return writable_; }

    /// Unregisters it and waits until no request uses it, at most `timeout`. Returns whether that
    /// is so: its memory is then the caller's again.
    bool release(std::chrono::microseconds timeout) { return state_->release(timeout); }

    /// What requests name it by.
    std::uint32_t id() const { return state_->id(); }

private:
    MemoryRegion(std::shared_ptr<detail::RegionState> state, bool writable)
        : state_(std::move(state)), writable_(writable) {}

    std::shared_ptr<detail::RegionState> state_;
    bool writable_;
};

}  // namespace gpuio
