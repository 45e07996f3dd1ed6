#include "kernel_gate.hpp"

#include <utility>

#include "gpuio/error.hpp"
#include "state_impl.hpp"

namespace gpuio::detail {

KernelGate& KernelGate::instance() {
    static KernelGate& gate = *new KernelGate;  // contexts may outlive static destructors
    return gate;
}

void KernelGate::add(const std::shared_ptr<ContextImpl>& context) {
    std::lock_guard lock(mutex_);
    std::erase_if(contexts_, [](const auto& known) { return known.expired(); });
    contexts_.push_back(context);
}

bool KernelGate::is_loaded(const KernelOnDevice& kernel) {
    std::shared_lock lock(mutex_);
    return loaded_.contains(kernel);
}

Quiet KernelGate::quiet(const ContextImpl* except) {
    Quiet quiet;
    quiet.turn = std::unique_lock(turns_);
    {
        std::shared_lock lock(mutex_);
        for (const auto& known : contexts_) {
            auto context = known.lock();
            if (context && context.get() != except) quiet.contexts.push_back(std::move(context));
        }
    }
    for (const auto& context : quiet.contexts) {
        try {
            quiet.kernels.push_back(context->without_kernels());
        } catch (const Error&) {
            // Its device has failed: it runs no kernel that could be waited for.
        }
    }
    return quiet;
}

int KernelGate::load_once(const void* kernel, int device, int (*load)(const void*)) {
    const KernelOnDevice loading(kernel, device);
    if (is_loaded(loading)) return 0;
    const Quiet quiet = this->quiet(nullptr);
    if (is_loaded(loading)) return 0;
    const int status = load(kernel);
    if (status == 0) {
        std::lock_guard lock(mutex_);
        loaded_.insert(loading);
    }
    return status;
}

}  // namespace gpuio::detail
