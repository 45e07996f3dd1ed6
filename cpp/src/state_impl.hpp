/// \file
/// The library's side of the public classes: C++ objects around the Rust core's.
#pragma once

#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>

#include "gpuio-bindings/src/bridge.rs.h"
#include "gpuio/detail/state.hpp"
#include "host_executor.hpp"
#include "kernel_gate.hpp"

namespace gpuio::detail {

class ContextImpl final : public ContextState {
public:
    explicit ContextImpl(const Config& config);
    ~ContextImpl() override;

    const DeviceInfo& device() const override { return device_; }
    std::uint64_t page_bytes() const override { return effective_.page_bytes; }
    void* stream() const override { return reinterpret_cast<void*>(effective_.stream); }
    int prepare_kernel(const void* kernel, int (*load)(const void*)) override;
    std::unique_lock<std::shared_mutex> admit_launch() override;
    void launch_on_host(std::uint64_t blocks, std::uint64_t threads_per_block,
                        std::function<void()> body) override;
    void note_launch() override;
    void wait_for_kernels() override;
    void synchronize() override;
    std::string metrics(bool as_json) const override;
    std::string stats_endpoint() const override;
    void pause_service(bool paused) override;
    void stop_service() override;
    std::uint64_t service_sleeps() const override;
    Figures figures() const override;

    /// Waits for the kernels. As long as the result lives, none is launched.
    std::shared_lock<std::shared_mutex> without_kernels();

    const bridge::ContextSlot& core() const { return *core_; }
    HostExecutor& executor() { return executor_; }

private:
    Quiet closing_;  ///< taken by the destructor: the core's memory is freed in a quiet moment
    rust::Box<bridge::ContextSlot> core_;
    bridge::Effective effective_;
    DeviceInfo device_;
    std::mutex door_;              ///< taken first, so that neither kind of lock starves the other
    std::shared_mutex launches_;   ///< exclusive: a launch; shared: calls that look at data
    HostExecutor executor_;  ///< last: its threads end before the core they use
};

class ArrayImpl final : public ArrayState {
public:
    ArrayImpl(std::shared_ptr<ContextImpl> context, std::string_view uri,
              std::uint64_t element_count, std::uint64_t element_bytes, bool writable);
    ~ArrayImpl() override;

    const device::ArrayView& view() const override { return view_; }
    const std::string& path() const override { return path_; }
    void flush() override;
    void prefetch(std::uint64_t first_byte, std::uint64_t length) override;
    void read(std::uint64_t first_byte, void* to, std::size_t length) override;
    void write(std::uint64_t first_byte, const void* from, std::size_t length) override;
    Stats stats() const override;

    const bridge::ArraySlot& core() const { return *core_; }

private:
    std::shared_ptr<ContextImpl> context_;
    device::ArrayView view_{};
    std::string path_;
    rust::Box<bridge::ArraySlot> core_;
};

}  // namespace gpuio::detail
