#include "kernel_loader.hpp"

#include <algorithm>

#include "gpuio/error.hpp"
#include "state_impl.hpp"

namespace gpuio::detail {

KernelLoader& KernelLoader::instance() {
    static KernelLoader& loader = *new KernelLoader;  // contexts may outlive static destructors
    return loader;
}

void KernelLoader::add(const std::shared_ptr<ContextImpl>& context) {
    std::lock_guard lock(mutex_);
    std::erase_if(contexts_, [](const auto& known) { return known.expired(); });
    contexts_.push_back(context);
}

bool KernelLoader::is_loaded(const void* kernel) {
    std::shared_lock lock(mutex_);
    return loaded_.contains(kernel);
}

int KernelLoader::load_once(const void* kernel, int (*load)(const void*)) {
    if (is_loaded(kernel)) return 0;
    std::lock_guard one_at_a_time(loading_);
    if (is_loaded(kernel)) return 0;
    std::vector<std::shared_ptr<ContextImpl>> contexts;
    {
        std::shared_lock lock(mutex_);
        for (const auto& known : contexts_) {
            if (auto context = known.lock()) contexts.push_back(std::move(context));
        }
    }
    std::vector<std::shared_lock<std::shared_mutex>> quiet;
    for (const auto& context : contexts) {
        try {
            quiet.push_back(context->without_kernels());
        } catch (const Error&) {
            // Its device has failed: it runs no kernel that could be waited for.
        }
    }
    const int status = load(kernel);
    if (status == 0) {
        std::lock_guard lock(mutex_);
        loaded_.insert(kernel);
    }
    return status;
}

}  // namespace gpuio::detail
