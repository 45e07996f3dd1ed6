// Plain memory of the device that kernels run on, for what stays resident beside a GPUIOArray.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <type_traits>
#include <utility>

#if defined(__CUDACC__)
#include <cuda_runtime.h>

#include <stdexcept>
#include <string>
#else
#include <new>
#endif

namespace examples {

#if defined(__CUDACC__)
namespace device_memory {

inline void check(cudaError_t status, const char* operation) {
    if (status != cudaSuccess) {
        throw std::runtime_error(std::string(operation) + ": " + cudaGetErrorString(status));
    }
}
inline void* allocate(std::size_t bytes) {
    void* memory = nullptr;
    check(cudaMalloc(&memory, bytes), "cudaMalloc");
    return memory;
}
inline void release(void* memory) { cudaFree(memory); }
inline void copy(void* to, const void* from, std::size_t bytes) {
    check(cudaMemcpy(to, from, bytes, cudaMemcpyDefault), "cudaMemcpy");
    // A copy from pageable memory may still be under way, and gpuio launches on another stream.
    check(cudaStreamSynchronize(nullptr), "cudaStreamSynchronize");
}

}  // namespace device_memory
#else
namespace device_memory {

inline void* allocate(std::size_t bytes) { return ::operator new(bytes); }
inline void release(void* memory) { ::operator delete(memory); }
inline void copy(void* to, const void* from, std::size_t bytes) { std::memcpy(to, from, bytes); }

}  // namespace device_memory
#endif

/// Owns `size()` elements of device memory: cudaMalloc's under nvcc, ordinary memory for the host
/// device. Copies block; no kernel that uses the elements may be running meanwhile.
template <typename T>
class DeviceBuffer {
    static_assert(std::is_trivially_copyable_v<T>);

public:
    /// Elements with the values of `from`.
    explicit DeviceBuffer(std::span<const T> from)
        : size_(from.size()),
          // One byte at least: cudaMalloc(0) yields a null pointer.
          data_(static_cast<T*>(device_memory::allocate(from.size_bytes() + 1))) {
        copy_from(from);
    }
    ~DeviceBuffer() {
        if (data_ != nullptr) device_memory::release(data_);
    }
    DeviceBuffer(DeviceBuffer&& other) noexcept
        : size_(other.size_), data_(std::exchange(other.data_, nullptr)) {}
    DeviceBuffer(const DeviceBuffer&) = delete;  // would hide a copy of the whole memory
    DeviceBuffer& operator=(const DeviceBuffer&) = delete;

    /// For kernels; host code must not follow it.
    T* data() const { return data_; }
    std::size_t size() const { return size_; }

    /// Overwrites the first `from.size()` elements, at most `size()`.
    void copy_from(std::span<const T> from) {
        device_memory::copy(data_, from.data(), from.size_bytes());
    }
    /// Reads the first `to.size()` elements, at most `size()`.
    void copy_to(std::span<T> to) const { device_memory::copy(to.data(), data_, to.size_bytes()); }

private:
    std::size_t size_;
    T* data_;
};

}  // namespace examples
