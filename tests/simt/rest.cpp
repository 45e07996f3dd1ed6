// What must hold of a machine when no kernel runs and the host has answered everything.
#include <cstring>

#include "gpuio/device/frames.hpp"
#include "machine.hpp"

namespace simt {

namespace device = gpuio::device;
using device::PageEntry;
using device::PageState;

std::string Machine::check_entry(const SimArray& array, std::uint64_t page,
                                 std::vector<int>& frame_uses) const {
    const PageEntry entry = array.entry(page);
    if (entry.state() == PageState::kInvalid) {
        return entry.pins() == 0 ? "" : "INVALID and pinned";
    }
    if (entry.state() == PageState::kOwned) return "OWNED, with nobody there";
    if (entry.pins() != 0) return std::to_string(entry.pins()) + " pins are left";
    if (entry.state() != PageState::kValid && entry.state() != PageState::kDirty &&
        entry.state() != PageState::kBusy) {
        return "state " + std::to_string(static_cast<int>(entry.state())) + " is left";
    }
    if (entry.frame() >= cache.frame_count) return "its frame is out of range";
    if (frame_owners_[entry.frame()] != device::owner_word(array.id, page)) {
        return "frame " + std::to_string(entry.frame()) + " does not know it is the page's";
    }
    if (++frame_uses[entry.frame()] > 1) return "its frame holds another page too";
    if (entry.busy()) {
        const device::Slot slot = device::unpack_slot(fills_[entry.frame()].slot);
        if ((slot_bitmap_ >> slot.index & 1) == 0) return "BUSY, and its slot is free";
        if (slot_generation_[slot.index] != slot.generation) {
            return "BUSY, and its slot is another's";
        }
    }
    return {};
}

std::string Machine::check_frames(const std::vector<int>& frame_uses) const {
    for (std::uint32_t frame = 0; frame < cache.frame_count; ++frame) {
        const std::uint64_t owner = frame_owners_[frame];
        const char* wrong = owner == device::kFrameClaimed ? " is claimed, with nobody there"
                            : owner != device::kFrameFree && frame_uses[frame] == 0
                                ? " is owned by a page that is not in it"
                                : nullptr;
        if (wrong != nullptr) return "frame " + std::to_string(frame) + wrong;
    }
    return {};
}

/// Every element holds what was written, the rest of every page is untouched, and a VALID page is
/// the same above and below.
std::string Machine::check_bytes(SimArray& array) {
    std::vector<std::byte> now(array.page_count * page_bytes());
    for (std::uint64_t page = 0; page < array.page_count; ++page) {
        const std::byte* current = current_bytes(array, page);
        const std::byte* below = array.backing_bytes() + page * page_bytes();
        std::memcpy(now.data() + page * page_bytes(), current, page_bytes());
        if (array.entry(page).state() == PageState::kValid &&
            std::memcmp(current, below, page_bytes()) != 0) {
            return "page " + std::to_string(page) + " is VALID, and differs from its backing";
        }
    }
    const std::size_t bytes = element_bytes(array.shape.element);
    for (std::size_t i = 0; i < array.shape.element_count; ++i) {
        const std::string wrong = array.oracle->end_read(
            array.oracle->begin_read(i, 0), now.data() + array.shape.origin + i * bytes, 0);
        if (!wrong.empty()) return wrong;
    }
    const std::size_t end = array.shape.origin + array.shape.element_count * bytes;
    for (std::size_t at = 0; at < now.size(); ++at) {
        if ((at < array.shape.origin || at >= end) && now[at] != std::byte{0xa7}) {
            return "byte " + std::to_string(at) + " is no element's, and was changed";
        }
    }
    return {};
}

std::string Machine::check_at_rest() {
    std::vector<int> frame_uses(cache.frame_count);
    std::uint32_t busy = 0;
    for (SimArray& array : arrays) {
        const std::string name = "array " + std::to_string(array.id);
        for (std::uint64_t page = 0; page < array.page_count; ++page) {
            const std::string wrong = check_entry(array, page, frame_uses);
            if (!wrong.empty()) return name + ", page " + std::to_string(page) + ": " + wrong;
            busy += array.entry(page).state() == PageState::kBusy;
        }
        const std::string wrong = check_bytes(array);
        if (!wrong.empty()) return name + ": " + wrong;
    }
    if (queue_tail_ != queue_served_) {
        return std::to_string(queue_tail_ - queue_served_) + " places in the queue are left";
    }
    if (used_slots() != busy) {
        return std::to_string(used_slots()) + " slots are taken, for " + std::to_string(busy) +
               " pages on their way";
    }
    return check_frames(frame_uses);
}

}  // namespace simt
