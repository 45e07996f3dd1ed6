/// \file
/// Moments when no kernel of the process runs, and what has to be done in them.
///
/// Some CUDA calls wait for the kernels that run: loading a kernel (CUDA does that when it is first
/// launched), freeing memory, allocating pinned memory. A kernel that waits for a page meanwhile
/// waits for the service, whose copies wait for that call: all three stand still until the page's
/// deadline. So such calls are made when no context of the process has kernels running.
/// (CUDA C++ Programming Guide, "Lazy Loading", names the hazard and cudaFuncGetAttributes.)
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <utility>
#include <vector>

namespace gpuio::detail {

class ContextImpl;

/// While it lives, no kernel of the contexts in it runs or is launched.
struct Quiet {
    // Destroyed from the last to the first: whoever drops the last reference to a context closes
    // it, and needs a quiet moment for that.
    std::vector<std::shared_ptr<ContextImpl>> contexts;
    std::unique_lock<std::mutex> turn;
    std::vector<std::shared_lock<std::shared_mutex>> kernels;
};

class KernelGate {
public:
    static KernelGate& instance();

    /// From now on the context's kernels are waited for.
    void add(const std::shared_ptr<ContextImpl>& context);

    /// Waits until no kernel of any context runs, at most as long as their accesses may wait.
    /// \param except a context whose kernels the caller has seen to itself; may be null
    Quiet quiet(const ContextImpl* except);

    /// Calls `load(kernel)`, in a quiet moment, if it has not been called for this kernel on this
    /// device yet. Returns what `load` returned, 0 if it was not called; if that is not 0, it is
    /// called again next time.
    int load_once(const void* kernel, int device, int (*load)(const void*));

private:
    using KernelOnDevice = std::pair<const void*, int>;

    bool is_loaded(const KernelOnDevice& kernel);

    std::mutex turns_;  ///< taken first
    std::shared_mutex mutex_;
    std::set<KernelOnDevice> loaded_;
    std::vector<std::weak_ptr<ContextImpl>> contexts_;
};

}  // namespace gpuio::detail
