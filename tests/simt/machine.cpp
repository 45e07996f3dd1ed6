#include "machine.hpp"

#include <algorithm>
#include <cstring>

#include "gpuio/device/element.hpp"
#include "gpuio/device/frames.hpp"

namespace simt {

namespace device = gpuio::device;
using device::PageEntry;
using device::PageState;

namespace {

constexpr std::uint32_t kSlots = 64;
/// Bytes of a page that belong to no element: nothing may change them.
constexpr std::byte kFiller{0xa7};

}  // namespace

std::size_t element_bytes(ElementKind kind) {
    constexpr std::size_t bytes[] = {1, 4, 8, 12, 24, 100};
    return bytes[static_cast<int>(kind)];
}

std::size_t word_bytes(ElementKind kind) {
    const std::size_t bytes = element_bytes(kind);
    return bytes % 8 == 0 ? 8 : bytes % 4 == 0 ? 4 : 1;
}

Machine::Machine(const Config& wanted, std::uint64_t seed) : config(wanted) {
    Random random(seed ^ 0x6d616368696e65);
    cache.page_shift = config.page_shift;
    for (const ArrayShape& shape : config.arrays) make_array(shape, random);
    for (SimArray& array : arrays) {
        std::byte* mapped = array.shape.mapped ? array.backing_bytes() : nullptr;
        const std::size_t bytes = element_bytes(array.shape.element);
        descriptors_.push_back({array.table.data(), mapped, array.page_count,
                                array.shape.origin + array.shape.element_count * bytes,
                                mapped == nullptr ? array.directory.data() : nullptr});
    }
    frame_words_.assign(config.frames * page_bytes() / 8, 0xeeeeeeeeeeeeeeee);
    frame_owners_.assign(config.frames, device::kFrameFree);
    fills_.assign(config.frames, {});
    // Generations and versions start anywhere, often just before they wrap.
    const std::uint64_t generation = random.percent(50) ? 0xfffd : random.below(0xffff);
    slot_generation_.assign(kSlots, generation);
    reserved_slots_ = ~config.usable_slots;
    slot_bitmap_ = reserved_slots_;
    ring_.assign(kSlots, {});
    completions_.assign(kSlots, {});
    statistics_.assign(device::kStatisticsShards, {});
    l2_words_.assign(kL2Frames * page_bytes() / 8, 0);
    l2_marks_.assign(kL2Frames, 0);
    control.service_alive = 1;

    cache.frames = reinterpret_cast<std::byte*>(frame_words_.data());
    cache.frame_owners = frame_owners_.data();
    cache.fills = fills_.data();
    cache.clock_hand = &clock_hand_;
    cache.queue_tail = &queue_tail_;
    cache.queue_served = &queue_served_;
    cache.slot_bitmap = &slot_bitmap_;
    cache.slot_generation = slot_generation_.data();
    cache.ring_tail = &ring_tail_;
    cache.ring = ring_.data();
    cache.completions = completions_.data();
    cache.control = &control;
    cache.error = &error;
    cache.statistics = statistics_.data();
    cache.arrays = descriptors_.data();
    cache.l2_frames = reinterpret_cast<const std::byte*>(l2_words_.data());
    cache.l2_marks = l2_marks_.data();
    cache.io_timeout_us = config.io_timeout_us;
    cache.frame_count = config.frames;
    cache.slot_count = kSlots;
    cache.ahead_pages = config.ahead_pages;
    cache.queue_limit = std::max(1u, config.frames / 2);
}

void Machine::make_array(const ArrayShape& shape, Random& random) {
    SimArray& array = arrays.emplace_back();
    array.shape = shape;
    array.id = static_cast<std::uint32_t>(arrays.size()) - 1;
    const std::size_t bytes = element_bytes(shape.element);
    const std::size_t word = word_bytes(shape.element);
    const std::uint64_t length = shape.origin + shape.element_count * bytes;
    array.page_count = (length + page_bytes() - 1) / page_bytes();
    array.regular = shape.origin % word == 0 &&
                    (array.page_count == 1 ||
                     (page_bytes() % bytes == 0 && shape.origin % bytes == 0));
    array.oracle = std::make_unique<Oracle>(array.id, shape.element_count, bytes,
                                            array.regular ? word : 1);
    array.counts_hits = random.percent(25);
    const std::uint64_t version = random.percent(50) ? 0x3ffe : 0;
    array.table.assign(array.page_count, version << PageEntry::kVersionShift);
    array.directory.assign(array.page_count, 0);
    array.backing.resize(array.page_count * page_bytes() / 8);
    std::memset(array.backing_bytes(), std::to_integer<int>(kFiller), array.backing.size() * 8);
    for (std::size_t i = 0; i < shape.element_count; ++i) {
        array.oracle->fill(i, 0, array.backing_bytes() + shape.origin + i * bytes);
    }
}

device::ArrayView Machine::view(const SimArray& array) {
    return {
        .cache = &cache,
        .table = cache.arrays[array.id].table,
        .frames = cache.frames,
        .direct = nullptr,
        .origin = array.shape.origin,
        .element_count = array.shape.element_count,
        .quick_count = array.regular && !array.counts_hits ? array.shape.element_count : 0,
        .direct_count = 0,
        .page_shift = cache.page_shift,
        .array = static_cast<std::uint16_t>(array.id),
        .counts_hits = array.counts_hits,
    };
}

std::byte* Machine::current_bytes(SimArray& array, std::uint64_t page) {
    const PageEntry entry = array.entry(page);
    return entry.resident() ? frame(entry.frame()) : array.backing_bytes() + page * page_bytes();
}

std::uint64_t Machine::statistic(std::uint64_t device::StatisticsShard::* field) const {
    std::uint64_t sum = 0;
    for (const device::StatisticsShard& shard : statistics_) sum += shard.*field;
    return sum;
}

std::uint32_t Machine::used_slots() const {
    return static_cast<std::uint32_t>(__builtin_popcountll(slot_bitmap_ & ~reserved_slots_));
}

void Machine::repair() {
    std::uint64_t slots = reserved_slots_;
    for (SimArray& array : arrays) {
        for (std::uint64_t page = 0; page < array.page_count; ++page) {
            const PageEntry entry = array.entry(page);
            if (entry.busy()) {
                slots |= std::uint64_t{1} << device::unpack_slot(fills_[entry.frame()].slot).index;
            } else if (entry.resident() && entry.state() != PageState::kValid) {
                // Whether its write-back was made or not: writing once more is always right.
                array.table[page] = entry.with_state(PageState::kDirty).with_pins(0).word();
            }
        }
    }
    slot_bitmap_ = slots;
}

void Machine::flush(Random& random, std::uint32_t drop_percent) {
    for (SimArray& array : arrays) {
        for (std::uint64_t page = 0; page < array.page_count; ++page) {
            const PageEntry entry = array.entry(page);
            if (!entry.resident()) continue;
            if (entry.state() == PageState::kDirty) {
                std::memcpy(array.backing_bytes() + page * page_bytes(), frame(entry.frame()),
                            page_bytes());
            }
            array.table[page] = entry.with_state(PageState::kValid).word();
            if (!random.percent(drop_percent)) continue;
            array.table[page] = entry.evicted().word();
            frame_owners_[entry.frame()] = device::kFrameFree;
        }
    }
}

void Machine::clear_error() { error = {}; }

}  // namespace simt
