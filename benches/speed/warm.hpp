// An array that is whole near the host device, in L1 or pinned, beside a plain copy of it.
#pragma once

#include <gpuio/gpuio.hpp>
#include <stdexcept>
#include <string>

#include "data.hpp"

namespace speed {

template <class T>
GPUIO_KERNEL void touch_pages(gpuio::ArrayRef<const T> a, std::size_t step, T* last) {
    for (std::size_t i = 0; i < a.size(); i += step) *last = a[i];
}

/// See the file's comment.
template <class T>
class WarmArray {
public:
    /// The first `bytes` bytes of the file, on pages of `page_bytes`.
    /// \param policy of the URI: "cached" or "pinned"
    WarmArray(const std::string& path, std::uint64_t bytes, std::uint64_t page_bytes,
              const std::string& policy = "cached")
        : context_(config_for(bytes, page_bytes)),
          array_(context_, "localio://" + path + "?direct=1&policy=" + policy, bytes / sizeof(T)),
          raw_(bytes) {
        raw_.read(path);
        T last{};
        gpuio::launch(context_, 1, 1, touch_pages<T>, array_.ref(), page_bytes / sizeof(T), &last);
        context_.synchronize();
        misses_ = array_.stats().l1_misses;
    }

    gpuio::Context& context() { return context_; }
    gpuio::ArrayRef<const T> ref() const { return array_.ref(); }
    const T* raw() const { return raw_.as<T>(); }
    std::size_t size() const { return array_.size(); }

    /// \throws std::runtime_error if a page had to be fetched: then nothing here was warm.
    void check_warm() const {
        if (array_.stats().l1_misses != misses_) throw std::runtime_error("the array was not warm");
    }

private:
    static gpuio::Config config_for(std::uint64_t bytes, std::uint64_t page_bytes) {
        gpuio::Config config;
        config.device = "host";
        config.page_bytes = page_bytes;
        config.l1_capacity_bytes = bytes + 64 * page_bytes;
        config.l2_capacity_bytes = 32 * kMiB;
        return config;
    }

    gpuio::Context context_;
    gpuio::GPUIOArray<const T> array_;
    RawArray raw_;
    std::uint64_t misses_ = 0;
};

}  // namespace speed
