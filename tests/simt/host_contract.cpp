// What the host service may rely on; each breach ends the run.
#include "gpuio/device/frames.hpp"
#include "host_service.hpp"

namespace simt {

namespace device = gpuio::device;
using device::FaultOperation;
using device::PageEntry;
using device::PageState;

void HostService::refuse(const Request& request, const std::string& why) {
    Scheduler::current().fail(
        "contract", "operation " + std::to_string(static_cast<int>(request.operation)) +
                        " of array " + std::to_string(request.array) + ", page " +
                        std::to_string(request.page) + ", frame " + std::to_string(request.frame) +
                        ", slot " + std::to_string(request.slot) + ": " + why);
}

void HostService::check(const Request& request) {
    const device::Cache& cache = machine_.cache;
    const auto operation = static_cast<std::uint32_t>(request.operation);
    if (operation < 1 || operation > 3) refuse(request, "no such operation");
    if (request.array >= machine_.arrays.size()) refuse(request, "no such array");
    const SimArray& array = machine_.arrays[request.array];
    if (request.page >= array.page_count) refuse(request, "no such page");
    if (request.frame >= cache.frame_count) refuse(request, "no such frame");
    if (request.slot >= cache.slot_count) refuse(request, "no such slot");
    if ((cache.slot_bitmap[request.slot / 64] >> (request.slot % 64) & 1) == 0) {
        refuse(request, "its slot is free");
    }
    if (cache.slot_generation[request.slot] != request.generation || request.generation == 0) {
        refuse(request, "its generation is not the slot's");
    }
    if (cache.completions[request.slot].status >> 16 == request.generation) {
        refuse(request, "its slot's answer is of the same generation");
    }
    for (const Request& other : requests_) {
        if (other.slot == request.slot) refuse(request, "its slot is in use");
        if (other.array == request.array && other.page == request.page) {
            refuse(request, "the page has a request under way");
        }
        if (other.frame == request.frame) refuse(request, "its frame is in use");
    }
    if (array.shape.mapped && request.operation != FaultOperation::kWriteBack) {
        refuse(request, "the array is mapped");
    }
    if (!array.shape.writable && request.operation == FaultOperation::kWriteBack) {
        refuse(request, "the array is read-only");
    }
    check_still_there(request, "asked for");
}

/// The page has to keep its frame, and its frame the page, for as long as the host touches it.
void HostService::check_still_there(const Request& request, const char* what) {
    const PageEntry entry = machine_.arrays[request.array].entry(request.page);
    const bool writes_back = request.operation == FaultOperation::kWriteBack;
    const bool state_fits = writes_back ? entry.resident() && entry.state() != PageState::kValid
                                        : entry.busy();
    // A prefetch enters its frame into the table only after it has been pushed.
    const bool frame_fits = entry.frame() == request.frame ||
                            (request.operation == FaultOperation::kPrefetch &&
                             entry.state() == PageState::kOwned);
    const bool owner_fits = machine_.cache.frame_owners[request.frame] ==
                            device::owner_word(request.array, request.page);
    if (!state_fits || !frame_fits || !owner_fits) {
        refuse(request, std::string("while ") + what + ", the page is in state " +
                            std::to_string(static_cast<int>(entry.state())) + ", frame " +
                            std::to_string(entry.frame()));
    }
}

}  // namespace simt
