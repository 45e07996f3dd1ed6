/// \file
/// Loads kernels while none runs.
///
/// CUDA loads a kernel when it is first launched, and may wait for the kernels that run before it
/// does. One that waits for a page then waits for the service, whose copies wait for the load: all
/// three stand still until the page's deadline. So a kernel that is launched for the first time is
/// loaded ahead, at a moment when no context of the process has kernels running.
/// (CUDA C++ Programming Guide, "Lazy Loading", names the hazard and cudaFuncGetAttributes.)
#pragma once

#include <memory>
#include <mutex>
#include <shared_mutex>
#include <unordered_set>
#include <vector>

namespace gpuio::detail {

class ContextImpl;

class KernelLoader {
public:
    static KernelLoader& instance();

    /// From now on the context's kernels are waited for.
    void add(const std::shared_ptr<ContextImpl>& context);

    /// Calls `load(kernel)` if it has not been called for this kernel yet. Waits until no kernel of
    /// any context runs, at most as long as their accesses may wait; none is launched meanwhile.
    /// Returns what `load` returned, 0 if it was not called; if that is not 0, it is called again
    /// next time.
    int load_once(const void* kernel, int (*load)(const void*));

private:
    bool is_loaded(const void* kernel);

    std::mutex loading_;  ///< taken first
    std::shared_mutex mutex_;
    std::unordered_set<const void*> loaded_;
    std::vector<std::weak_ptr<ContextImpl>> contexts_;
};

}  // namespace gpuio::detail
