/// \file
/// How a kernel asks the host service for something, and how it learns the answer.
///
/// A fault needs a **slot**: a bit in a bitmap, a generation, and a `Completion` in shared memory.
/// Then it is pushed on the **ring**. There are as many ring entries as slots and a slot is held
/// until its fault is answered, so an entry is always free: pushing never waits, and only the
/// number of slots bounds what is in flight. The host takes entries in order and answers in any.
#pragma once

#include <cstdint>

#include "gpuio/device/layout.hpp"
#include "gpuio/device/macros.hpp"
#include "gpuio/device/platform.hpp"

namespace gpuio::device {

/// A slot in use: its index, and the generation that tells this use from the ones before.
struct Slot {
    std::uint32_t index;
    std::uint32_t generation;  ///< 16 bits, never 0
};

/// What the host answered.
struct Answer {
    Outcome outcome;
    std::uint64_t source;
};

/// Packs a slot into the word that a BUSY frame keeps in `FrameFill::slot`.
GPUIO_DEVICE inline std::uint64_t pack_slot(Slot slot) {
    return (std::uint64_t{slot.index} << 16) | slot.generation;
}
GPUIO_DEVICE inline Slot unpack_slot(std::uint64_t word) {
    return {static_cast<std::uint32_t>(word >> 16), static_cast<std::uint32_t>(word & 0xffff)};
}

/// Which bits of a bitmap word may be taken. Prefetches keep to one half: a prefetch that nobody
/// comes for holds its slot until the CLOCK hand meets its frame, and whoever waits for a page must
/// not have to wait for that.
inline constexpr std::uint64_t kEverySlot = ~std::uint64_t{0};
inline constexpr std::uint64_t kPrefetchSlots = 0xffffffff;

/// Takes a free slot of those in `usable`. Does not wait: one pass over the bitmap, then false.
GPUIO_DEVICE inline bool take_slot(const Cache& cache, std::uint32_t hint, std::uint64_t usable,
                                   Slot* slot) {
    const std::uint32_t words = cache.slot_count / 64;
    for (std::uint32_t step = 0; step < words; ++step) {
        const std::uint32_t at = (hint + step) & (words - 1);
        std::uint64_t used = platform::load_relaxed(cache.slot_bitmap + at) | ~usable;
        while (~used != 0) {
            const std::uint64_t free_bit = ~used & (used + 1);
            used = platform::fetch_or(cache.slot_bitmap + at, free_bit) | ~usable;
            if ((used & free_bit) != 0) continue;  // another thread was faster; look again
            std::uint32_t bit = 0;
            for (std::uint64_t rest = free_bit; rest != 1; rest >>= 1) ++bit;
            slot->index = at * 64 + bit;
            const std::uint64_t last = platform::load_relaxed(cache.slot_generation + slot->index);
            slot->generation = static_cast<std::uint32_t>(last) % 0xffff + 1;
            platform::store_relaxed(cache.slot_generation + slot->index, slot->generation);
            return true;
        }
    }
    return false;
}

/// Gives a slot back. The answer has been used, or nothing was asked.
GPUIO_DEVICE inline void free_slot(const Cache& cache, Slot slot) {
    platform::fetch_and(cache.slot_bitmap + slot.index / 64,
                        ~(std::uint64_t{1} << (slot.index % 64)));
}

/// Pushes a fault and wakes the service if it sleeps.
GPUIO_DEVICE inline void push_fault(const Cache& cache, FaultOperation operation,
                                    std::uint64_t array, std::uint64_t page, Slot slot,
                                    std::uint32_t frame) {
    const std::uint64_t ticket = platform::fetch_add_relaxed(cache.ring_tail, 1);
    // The ring is born zeroed, so lap 0 writes 1. The number of slots is a power of two.
    const std::uint64_t parity = std::uint64_t{(ticket & cache.slot_count) == 0} << 63;
    FaultEntry* entry = cache.ring + (ticket & (cache.slot_count - 1));
    const std::uint64_t what = (static_cast<std::uint64_t>(operation) << 60) | (array << 48) | page;
    const std::uint64_t where = (std::uint64_t{slot.index} << 48) |
                                (std::uint64_t{slot.generation} << 32) | frame;
    platform::store_pair_release_system(entry->words, parity | what, parity | where);
    platform::ring_doorbell(cache.control);
}

/// The status of this answer to the fault in `slot`.
GPUIO_DEVICE inline std::uint64_t answer_status(Slot slot, Outcome outcome) {
    return (std::uint64_t{slot.generation} << 16) | static_cast<std::uint64_t>(outcome);
}

/// Looks for the answer to the fault in `slot`. Does not wait.
GPUIO_DEVICE inline Answer poll_answer(const Cache& cache, Slot slot) {
    const Completion* completion = cache.completions + slot.index;
    const std::uint64_t status = platform::load_relaxed_system(&completion->status);
    if ((status >> 16) != slot.generation) return {Outcome::kNone, 0};
    platform::fence_acquire_system();
    return {static_cast<Outcome>(status & 0xffff),
            platform::load_relaxed_system(&completion->source)};
}

/// Tells the host that the answer's source is no longer read, then frees the slot.
GPUIO_DEVICE inline void finish_answer(const Cache& cache, Slot slot) {
    platform::store_release_system(&cache.completions[slot.index].acknowledged, slot.generation);
    free_slot(cache, slot);
}

}  // namespace gpuio::device
