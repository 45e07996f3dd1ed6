#include "host_service.hpp"

#include <algorithm>
#include <cstring>

#include "gpuio/device/platform.hpp"

namespace simt {

namespace device = gpuio::device;
namespace platform = gpuio::platform;
using device::FaultOperation;
using device::Outcome;

namespace {

constexpr int kPoison = 0xdb;
constexpr std::size_t kBuffers = 4;  // kept without being lent

}  // namespace

HostService::HostService(Machine& machine, std::uint64_t seed, const HostManner& how)
    : manner(how), machine_(machine), random_(seed ^ 0x686f7374) {
    generation_ = random_.percent(50) ? 0xfffffffd : static_cast<std::uint32_t>(random_.below(9));
}

void HostService::run() {
    stopping_ = Scheduler::current().unfinished_lanes() == 0;
    for (;;) {
        const std::uint64_t now = Scheduler::current().now_ns();
        if (now >= manner.dies_at_ns) {
            platform::store_release_system(&machine_.control.service_alive, 0);
            return;
        }
        if (now >= manner.stalls_from_ns && now < manner.stalls_until_ns) {
            Scheduler::current().sleep_ns(manner.stalls_until_ns - now);
        }
        bool worked = false;
        while (take_entry()) worked = true;
        worked = work() || worked;
        reclaim();
        if (stopping_ && requests_.empty() && !entry_waits()) break;
        if (!worked) idle();
    }
    end_run();
}

/// No kernel runs: everything is written below, where the machine looks and writes meanwhile. What
/// is not lent goes.
void HostService::end_run() {
    keep_taken();
    // Of accesses that gave up: their pages are still dirty above.
    for (auto& target : targets_) spare_frames_.push_back(target->frame);
    targets_.clear();
    for (auto& buffer : buffers_) {
        write_below(*buffer);
        if (still_lent(*buffer) && !buffer->target) continue;
        demote(*buffer);
        buffer.reset();
    }
    std::erase(buffers_, nullptr);
}

void HostService::stop() {
    stopping_ = true;
    Scheduler::current().wake(Scheduler::current().host());
}

bool HostService::entry_waits() const {
    const device::FaultEntry& entry = machine_.cache.ring[head_ % machine_.cache.slot_count];
    const std::uint64_t parity = (head_ / machine_.cache.slot_count & 1) ^ 1;
    return platform::load_relaxed_system(&entry.words[0]) >> 63 == parity &&
           platform::load_relaxed_system(&entry.words[1]) >> 63 == parity;
}

bool HostService::take_entry() {
    if (!entry_waits()) return false;
    const std::uint64_t tail = *machine_.cache.ring_tail;
    if (tail - head_ > machine_.cache.slot_count) {
        Scheduler::current().fail("contract", "a ring entry was overwritten before it was taken");
    }
    const device::FaultEntry entry = machine_.cache.ring[head_++ % machine_.cache.slot_count];
    Request request{};
    request.operation = static_cast<FaultOperation>(entry.words[0] >> 60 & 7);
    request.array = static_cast<std::uint32_t>(entry.words[0] >> 48 & 0xfff);
    request.page = entry.words[0] & (device::kMaxPages - 1);
    request.slot = static_cast<std::uint32_t>(entry.words[1] >> 48 & 0x7fff);
    request.generation = static_cast<std::uint32_t>(entry.words[1] >> 32 & 0xffff);
    request.frame = static_cast<std::uint32_t>(entry.words[1]);
    check(request);

    keep_taken();
    // A slot in use anew: what was lent under it is no longer read.
    for (auto& buffer : buffers_) {
        if (buffer->lent && buffer->slot == request.slot) buffer->lent = false;
    }
    request.due_ns = Scheduler::current().now_ns() + random_.below(manner.latency_ns + 1);
    request.outcome = Outcome::kDone;
    if (random_.percent(manner.fail_percent)) {
        request.outcome = Outcome::kFailed;
    } else if (request.operation == FaultOperation::kPrefetch &&
               random_.percent(manner.offer_percent)) {
        request.outcome = Outcome::kOffer;
    } else if (random_.percent(manner.copy_percent)) {
        request.outcome = Outcome::kCopy;
    }
    counts_.reads += request.operation == FaultOperation::kRead;
    counts_.prefetches += request.operation == FaultOperation::kPrefetch;
    counts_.write_backs += request.operation == FaultOperation::kWriteBack;
    requests_.push_back(std::move(request));
    return true;
}

/// Makes progress with one request that is due, by one word at most.
bool HostService::work() {
    const std::uint64_t now = Scheduler::current().now_ns();
    std::uint32_t due = 0;
    for (const Request& request : requests_) due += request.due_ns <= now;
    if (due == 0) return false;
    std::size_t chosen = random_.below(due);
    for (std::size_t at = 0;; ++at) {
        if (requests_[at].due_ns > now || chosen-- != 0) continue;
        if (advance(requests_[at])) requests_.erase(requests_.begin() + static_cast<long>(at));
        return true;
    }
}

/// Returns whether the request has been answered.
bool HostService::advance(Request& request) {
    if (request.outcome == Outcome::kFailed) {
        injected_.push_back({request.operation, request.array, request.page});
        ++counts_.failures;
        answer(request, Outcome::kFailed, (injected_.size() << 32) | kInjectedCode);
        return true;
    }
    const bool writes_back = request.operation == FaultOperation::kWriteBack;
    if (request.outcome == Outcome::kDone) {
        return writes_back ? read_frame(request) : fill_frame(request);
    }
    if (writes_back) {
        lend_target(request);
        return true;
    }
    lend_source(request);
    return true;
}

/// As a DMA engine does it: word by word into the frame, then the status.
bool HostService::fill_frame(Request& request) {
    const std::size_t count = machine_.page_bytes() / 8;
    if (request.words.empty()) {
        request.words.resize(count);
        const Buffer* buffer = find_buffer(request.array, request.page);
        const void* from = buffer != nullptr ? static_cast<const void*>(words(*buffer))
                                             : page_below(request.array, request.page);
        std::memcpy(request.words.data(), from, machine_.page_bytes());
        if (manner.bug == HostBug::kStatusFirst) answer(request, Outcome::kDone, 0);
    }
    if (manner.bug != HostBug::kStatusFirst) check_still_there(request, "being filled by the host");
    auto* frame = reinterpret_cast<std::uint64_t*>(machine_.frame(request.frame));
    platform::store_data(frame + request.words_done, request.words[request.words_done]);
    if (++request.words_done < count) return false;
    if (manner.bug != HostBug::kStatusFirst) answer(request, Outcome::kDone, 0);
    return true;
}

/// Takes a page into the cache below.
HostService::Buffer* HostService::bring(std::uint32_t array, std::uint64_t page) {
    Buffer* buffer = buffers_.emplace_back(std::make_unique<Buffer>()).get();
    buffer->array = array;
    buffer->page = page;
    buffer->frame = poisoned_frame();
    if (manner.bug == HostBug::kPublishesEarly) {
        publish(*buffer);
        Scheduler::current().point();
    }
    std::memcpy(words(*buffer), page_below(array, page), machine_.page_bytes());
    return buffer;
}

void HostService::lend_source(const Request& request) {
    Buffer* buffer = find_buffer(request.array, request.page);
    if (buffer == nullptr) buffer = bring(request.array, request.page);
    if (still_lent(*buffer)) refuse(request, "the page's last source is still in use");
    buffer->lent = true;
    buffer->target = false;
    buffer->offered = request.outcome == Outcome::kOffer;
    buffer->slot = request.slot;
    buffer->generation = request.generation;
    ++counts_.copies;
    counts_.offers += buffer->offered;
    answer(request, request.outcome, reinterpret_cast<std::uint64_t>(words(*buffer)));
}

/// Names the place that the device is to write the page to. Of mapped memory it is the page's own:
/// lanes read it again without asking.
void HostService::lend_target(const Request& request) {
    check_still_there(request, "being written back");
    ++counts_.copies;
    if (machine_.arrays[request.array].shape.mapped) {
        std::byte* page = page_below(request.array, request.page);
        return answer(request, Outcome::kCopy, reinterpret_cast<std::uint64_t>(page));
    }
    Buffer* below = find_buffer(request.array, request.page);
    if (below != nullptr && !still_lent(*below) && random_.percent(50)) {
        // It may stay in the directory: nobody copies the page until it has been written back.
        below->dirty = below->lent = below->target = true;
        below->offered = false;
        below->slot = request.slot;
        below->generation = request.generation;
        ++counts_.overwritten;
        return answer(request, Outcome::kCopy, reinterpret_cast<std::uint64_t>(words(*below)));
    }
    if (below != nullptr) unpublish(*below);  // soon it is older than the page
    Buffer& target = *targets_.emplace_back(std::make_unique<Buffer>());
    target.array = request.array;
    target.page = request.page;
    target.frame = poisoned_frame();
    target.lent = true;
    target.slot = request.slot;
    target.generation = request.generation;
    answer(request, Outcome::kCopy, reinterpret_cast<std::uint64_t>(words(target)));
}

/// Keeps what the device has written back and acknowledged.
void HostService::keep_taken() {
    for (auto& target : targets_) {
        if (still_lent(*target)) continue;
        const std::uint64_t* taken = words(*target);
        keep(target->array, target->page, {taken, taken + machine_.page_bytes() / 8});
        ++counts_.taken;
        spare_frames_.push_back(target->frame);
        target.reset();
    }
    std::erase(targets_, nullptr);
}

/// Withdraws directory words, and offers that nobody has come for, or is copying from just now. The
/// source stays: a lane may have seen the offer and not yet its source.
void HostService::withdraw_some() {
    for (auto& buffer : buffers_) {
        if (random_.percent(manner.withdraw_percent)) unpublish(*buffer);
        if (!buffer->offered || !still_lent(*buffer)) continue;
        if (!random_.percent(manner.withdraw_percent)) continue;
        device::Completion& completion = machine_.cache.completions[buffer->slot];
        if (manner.bug == HostBug::kWithdrawsSource) {
            platform::store_release_system(&completion.source, 0);
        }
        platform::store_release_system(&completion.status,
                                       std::uint64_t{buffer->generation} << 16 |
                                           static_cast<std::uint64_t>(Outcome::kWithdrawn));
        buffer->lent = false;
        ++counts_.withdrawals;
    }
}

/// Puts pages into the directory: those that are below, and now and then others, as if the host had
/// reasons of its own to bring them.
void HostService::publish_some() {
    if (manner.publish_percent == 0) return;
    SimArray& array = machine_.arrays[random_.below(machine_.arrays.size())];
    const std::uint64_t page = random_.below(array.page_count);
    if (random_.percent(10) && !array.shape.mapped && find_buffer(array.id, page) == nullptr) {
        bring(array.id, page);
    }
    for (auto& buffer : buffers_) {
        if (random_.percent(manner.publish_percent)) publish(*buffer);
    }
}

void HostService::publish(Buffer& buffer) {
    const auto is_newer = [&buffer](const auto& target) {
        return target->array == buffer.array && target->page == buffer.page;
    };
    if (buffer.published || std::any_of(targets_.begin(), targets_.end(), is_newer)) return;
    if (++generation_ == 0) generation_ = 1;
    buffer.published = true;
    ++counts_.published;
    platform::store_release_system(&machine_.arrays[buffer.array].directory[buffer.page],
                                   std::uint64_t{generation_} << 32 | buffer.frame);
}

void HostService::unpublish(Buffer& buffer) {
    if (!buffer.published) return;
    platform::store_release_system(&machine_.arrays[buffer.array].directory[buffer.page], 0);
    buffer.published = false;
    ++counts_.unpublished;
}

/// Takes a page's bytes, word by word, and keeps them once all are there.
bool HostService::read_frame(Request& request) {
    const std::size_t count = machine_.page_bytes() / 8;
    request.words.resize(count);
    check_still_there(request, "being written back");
    const auto* frame = reinterpret_cast<const std::uint64_t*>(machine_.frame(request.frame));
    request.words[request.words_done] = platform::load_data(frame + request.words_done);
    if (++request.words_done < count) return false;
    // Other requests may overtake this one before its bytes are kept.
    Scheduler::current().point();
    check_still_there(request, "being written back");
    keep(request.array, request.page, request.words);
    answer(request, Outcome::kDone, 0);
    return true;
}

void HostService::keep(std::uint32_t array, std::uint64_t page,
                       const std::vector<std::uint64_t>& words) {
    Buffer* buffer = find_buffer(array, page);
    void* to = buffer != nullptr ? static_cast<void*>(machine_.l2_frame(buffer->frame))
                                 : page_below(array, page);
    std::memcpy(to, words.data(), machine_.page_bytes());
    if (buffer != nullptr) buffer->dirty = true;
}

std::uint32_t HostService::poisoned_frame() {
    if (spare_frames_.empty()) {
        if (next_frame_ == kL2Frames) Scheduler::current().fail("memory", "no frame is left below");
        spare_frames_.push_back(next_frame_++);
    }
    const std::uint32_t frame = spare_frames_.back();
    spare_frames_.pop_back();
    std::memset(machine_.l2_frame(frame), kPoison, machine_.page_bytes());
    return frame;
}

void HostService::answer(const Request& request, Outcome outcome, std::uint64_t source) {
    device::Completion& completion = machine_.cache.completions[request.slot];
    platform::store_release_system(&completion.source, source);
    platform::store_release_system(
        &completion.status,
        std::uint64_t{request.generation} << 16 | static_cast<std::uint64_t>(outcome));
}

bool HostService::still_lent(const Buffer& buffer) const {
    const device::Completion& completion = machine_.cache.completions[buffer.slot];
    return buffer.lent && completion.acknowledged != buffer.generation;
}

/// Takes sources back that the device has acknowledged, and often gives their memory away at once.
void HostService::reclaim() {
    keep_taken();
    withdraw_some();
    publish_some();
    std::size_t free_buffers = 0;
    for (auto& buffer : buffers_) {
        buffer->lent = still_lent(*buffer);
        if (buffer->lent) continue;
        if (++free_buffers <= kBuffers && !random_.percent(manner.drop_percent)) continue;
        demote(*buffer);
        buffer.reset();
    }
    std::erase(buffers_, nullptr);
}

void HostService::write_below(Buffer& buffer) {
    if (!buffer.dirty) return;
    std::memcpy(page_below(buffer.array, buffer.page), words(buffer), machine_.page_bytes());
    buffer.dirty = false;
}

/// Gives up a page below, and its frame.
void HostService::demote(Buffer& buffer) {
    if (manner.bug != HostBug::kWithdrawsLate) unpublish(buffer);
    write_below(buffer);
    std::memset(words(buffer), kPoison, machine_.page_bytes());
    unpublish(buffer);
    spare_frames_.push_back(buffer.frame);
}

void HostService::idle() {
    Scheduler& scheduler = Scheduler::current();
    if (!manner.sleeps || stopping_ || !requests_.empty() || random_.percent(50)) {
        scheduler.sleep_until_woken(20 + random_.below(500));
        return;
    }
    std::uint64_t* sleeping = &machine_.control.service_sleeping;
    platform::store_release_system(sleeping, 1);
    if (!entry_waits()) {
        ++counts_.sleeps;
        // Without a doorbell it still has to see its own stall and death come.
        const std::uint64_t now = scheduler.now_ns();
        const std::uint64_t event = std::min(manner.dies_at_ns, manner.stalls_from_ns);
        scheduler.sleep_until_woken(event != ~std::uint64_t{0} && event > now ? event - now
                                                                            : ~std::uint64_t{0});
    }
    platform::store_release_system(sleeping, 0);
}

HostService::Buffer* HostService::find_buffer(std::uint32_t array, std::uint64_t page) {
    for (auto& buffer : buffers_) {
        if (buffer->array == array && buffer->page == page) return buffer.get();
    }
    return nullptr;
}

std::byte* HostService::page_below(std::uint32_t array, std::uint64_t page) {
    return machine_.arrays[array].backing_bytes() + page * machine_.page_bytes();
}

}  // namespace simt
