/// \file
/// One lane's access that missed, as a state machine. `advance` does what can be done now and never
/// waits, so a warp's lanes, which run in step, issue all their faults before any is awaited.
///
///     looking ── resident ──────────────────────────────────────────► ready (pinned)
///        │ BUSY: help to copy it, look again
///        │ INVALID, or BUSY without owner: take ownership
///        ▼
///     needs frame ──► writing back a dirty victim ──► copying it out ──► needs frame
///        │ the L2 directory names the page: ─────┐
///        ▼                                       ▼
///     needs slot ──► waiting for the host ──► copying ──► publish ──► ready (pinned)
///        ▲                                       │ the directory word or the offer was withdrawn
///        └───────────────────────────────────────┘
///
/// Of all lanes that want one page, in one warp or in many, the one that takes ownership brings it.
/// A fault that fails gives everything back but what the host may still touch.
#pragma once

#include <cstdint>

#include "gpuio/device/directory.hpp"
#include "gpuio/device/errors.hpp"
#include "gpuio/device/fault_ring.hpp"
#include "gpuio/device/frame_queue.hpp"
#include "gpuio/device/frames.hpp"
#include "gpuio/device/layout.hpp"
#include "gpuio/device/macros.hpp"
#include "gpuio/device/page_copy.hpp"
#include "gpuio/device/page_entry.hpp"
#include "gpuio/device/pins.hpp"
#include "gpuio/device/platform.hpp"

namespace gpuio::device {

/// The array and page that are wanted.
struct PageKey {
    std::uint32_t array;
    std::uint64_t page;
};

/// See the file's comment.
class Fault {
public:
    GPUIO_DEVICE Fault(const Cache& cache, std::uint64_t* word, PageKey key)
        : cache_(cache), word_(word), key_(key) {}

    /// Takes the next steps that need no waiting. Out of line: it is large, and all accesses of a
    /// program share it.
    GPUIO_DEVICE GPUIO_NOINLINE void advance() {
        const bool was_copying = step_ == Step::kCopying;
        if (step_ == Step::kLooking) look();
        if (step_ == Step::kNeedsFrame && place_.admitted(cache_)) seek_frame();
        if (step_ == Step::kWritingBack) poll_write_back();
        if (step_ == Step::kCopyingOut) copy_out();
        if (step_ == Step::kNeedsSlot) issue();
        if (step_ == Step::kWaiting) poll_read();
        // Lanes that run in step would stand by while this one copies the whole page, piece by
        // piece: in the next turn they take part.
        if (step_ == Step::kCopying && (was_copying || !platform::kLanesRunInStep)) copy();
    }

    /// The frame's bytes, once the fault is ready.
    GPUIO_DEVICE std::byte* frame_bytes() const { return frame_address(cache_, frame_); }

    GPUIO_DEVICE bool ready() const { return step_ == Step::kReady; }
    GPUIO_DEVICE bool failed() const { return step_ == Step::kFailed; }
    /// Whether it is the host that must act next.
    GPUIO_DEVICE bool waits_for_host() const {
        return step_ == Step::kWaiting || step_ == Step::kWritingBack;
    }
    /// Whether the page was there after all, without this fault bringing it.
    GPUIO_DEVICE bool was_hit() const { return hit_; }

    /// The deadline has passed, or the service is gone: gives up what can be given up. Not a copy
    /// that is under way: that ends soon, whatever the host does, since only lanes take part in it.
    GPUIO_DEVICE GPUIO_NOINLINE void give_up(DeviceError code) {
        switch (step_) {
            case Step::kNeedsFrame:
            case Step::kNeedsSlot: fail(static_cast<std::uint32_t>(code), 0); return;
            case Step::kWaiting:
                // The host may still answer: leave the page BUSY without an owner. Whoever needs it
                // next takes it over; if nobody does, the CLOCK hand or the host will.
                change_to(entry_.with_state(PageState::kBusy));
                break;
            case Step::kWritingBack:
                // The host may still read the victim's frame, so the victim stays FLUSHING, which
                // keeps it in place, until the host repairs the tables. The wanted page is free.
                change_to(entry_.evicted());
                break;
            case Step::kCopying:
            case Step::kCopyingOut: return;
            default: break;
        }
        set_failed(static_cast<std::uint32_t>(code), 0);
    }

    GPUIO_DEVICE std::uint32_t error_code() const { return error_code_; }
    GPUIO_DEVICE std::uint32_t os_error() const { return os_error_; }

private:
    enum class Step {
        kLooking, kNeedsFrame, kWritingBack, kCopyingOut, kNeedsSlot, kWaiting, kCopying, kReady,
        kFailed
    };

    GPUIO_DEVICE void look() {
        std::uint64_t seen = platform::load_acquire(word_);
        const PageEntry entry{seen};
        if (entry.resident()) return join(entry);
        // Another lane brings it.
        if (entry.state() == PageState::kOwned) return help_copy(cache_, entry.frame());
        const PageEntry owned = entry.with_state(PageState::kOwned);
        if (!platform::compare_exchange(word_, seen, owned.word())) return;
        entry_ = owned.without_pins();
        if (entry.state() == PageState::kInvalid) {
            step_ = Step::kNeedsFrame;
            return;
        }
        frame_ = entry.frame();
        slot_ = unpack_slot(platform::load_acquire(&cache_.fills[frame_].slot));
        slot_taken_ = true;
        step_ = Step::kWaiting;
    }

    /// The page is there, whoever brought it.
    GPUIO_DEVICE void join(PageEntry entry) {
        if (entry.pins() >= PageEntry::kMaxPins) {
            return set_failed(static_cast<std::uint32_t>(DeviceError::kBusy), 0);
        }
        if (!try_pin(word_, &frame_)) return;
        hit_ = true;
        step_ = Step::kReady;
    }

    GPUIO_DEVICE void seek_frame() {
        // Where pages are used again faster than the hand comes round, nobody's chance ever ends.
        const bool insists = looked_at_ > 2 * std::uint64_t{cache_.frame_count};
        const Victim victim = find_victim(cache_, insists, &looked_at_);
        if (victim.kind == Victim::Kind::kNone) return;
        if (victim.kind == Victim::Kind::kDirty) return begin_write_back(victim.frame);
        frame_ = victim.frame;
        settle_in_frame();
    }

    /// The frame is claimed: enters this page as its owner.
    GPUIO_DEVICE void settle_in_frame() {
        platform::store_release(cache_.frame_owners + frame_, owner_word(key_.array, key_.page));
        change_to(entry_.with_frame(frame_));
        const ArrayDescriptor& array = cache_.arrays[key_.array];
        if (array.mapped != nullptr) {
            platform::count(&statistics(cache_).misses, 1);
            return begin_copy(reinterpret_cast<std::uint64_t>(array.mapped) +
                              (key_.page << cache_.page_shift));
        }
        step_ = Step::kNeedsSlot;
        if (array.directory == nullptr) return;
        vouched_ = look_in_directory(voucher());
        if (vouched_ != 0) begin_copy(use_directory_frame(cache_, vouched_) | kUnsure);
    }

    /// The word that says whether what is copied is the page's: the offer, or the directory's.
    GPUIO_DEVICE const std::uint64_t* voucher() const {
        if (slot_taken_) return &cache_.completions[slot_.index].status;
        return directory_word(cache_.arrays[key_.array], key_.page);
    }

    GPUIO_DEVICE void begin_write_back(std::uint32_t frame) {
        const std::uint64_t owner = platform::load_acquire(cache_.frame_owners + frame);
        if ((owner & kFrameOwned) == 0) return;
        const ArrayDescriptor& array = cache_.arrays[owner_array(owner)];
        std::uint64_t* word = array.table + owner_page(owner);
        std::uint64_t seen = platform::load_acquire(word);
        const PageEntry entry{seen};
        const bool still = entry.state() == PageState::kDirty && entry.frame() == frame &&
                           entry.pins() == 0;
        if (!still || !take_slot(cache_, platform::shard_hint(), kEverySlot, &slot_)) return;
        const PageEntry flushing = entry.with_state(PageState::kFlushing);
        if (!platform::compare_exchange(word, seen, flushing.word())) {
            free_slot(cache_, slot_);
            return;
        }
        platform::count(&statistics(cache_).write_backs, 1);
        victim_frame_ = frame;
        victim_word_ = word;
        push_fault(cache_, FaultOperation::kWriteBack, owner_array(owner), owner_page(owner), slot_,
                   frame);
        step_ = Step::kWritingBack;
    }

    GPUIO_DEVICE void poll_write_back() {
        const Answer answer = poll_answer(cache_, slot_);
        if (answer.outcome == Outcome::kNone) return;
        if (answer.outcome == Outcome::kCopy) {
            open_copy(cache_, victim_frame_, answer.source | kOutward);
            change_to(entry_.with_frame(victim_frame_));  // others who wait for the page help
            step_ = Step::kCopyingOut;
            return;
        }
        if (answer.outcome == Outcome::kFailed) {
            finish_answer(cache_, slot_);
            // Nothing is lost: the victim stays dirty, and it is this access that fails.
            leave_flushing(PageState::kDirty, false);
            return fail_with_answer(answer.source);
        }
        end_write_back();
    }

    GPUIO_DEVICE void copy_out() {
        help_copy(cache_, victim_frame_);
        if (copy_is_done(cache_, victim_frame_)) end_write_back();
    }

    /// The victim's bytes are in the cache below, or the host will find them there.
    GPUIO_DEVICE void end_write_back() {
        finish_answer(cache_, slot_);
        if (!leave_flushing(PageState::kValid, true)) {
            step_ = Step::kNeedsFrame;  // someone wrote to it or pinned it meanwhile
            return;
        }
        frame_ = victim_frame_;
        settle_in_frame();
    }

    /// Ends a write-back: FLUSHING becomes `state`, or the page is evicted if nobody uses it; one
    /// that was written to meanwhile is DIRTY. Returns whether it was evicted. The loop repeats
    /// only when another thread made progress.
    GPUIO_DEVICE bool leave_flushing(PageState state, bool evict) {
        std::uint64_t seen = platform::load_acquire(victim_word_);
        for (;;) {
            const PageEntry entry{seen};
            const bool leaves = evict && !entry.dirty() && entry.pins() == 0;
            const PageEntry stays = entry.with_state(entry.dirty() ? PageState::kDirty : state);
            const PageEntry next = leaves ? entry.evicted() : stays;
            if (!platform::compare_exchange(victim_word_, seen, next.word())) continue;
            if (!leaves) return false;
            platform::store_release(cache_.frame_owners + victim_frame_, kFrameClaimed);
            platform::count(&statistics(cache_).evictions, 1);
            return true;
        }
    }

    GPUIO_DEVICE void issue() {
        if (!take_slot(cache_, platform::shard_hint(), kEverySlot, &slot_)) return;
        slot_taken_ = true;
        platform::store_release(&cache_.fills[frame_].slot, pack_slot(slot_));
        platform::count(&statistics(cache_).misses, 1);
        push_fault(cache_, FaultOperation::kRead, key_.array, key_.page, slot_, frame_);
        step_ = Step::kWaiting;
    }

    GPUIO_DEVICE void poll_read() {
        const Answer answer = poll_answer(cache_, slot_);
        switch (answer.outcome) {
            case Outcome::kNone: return;
            case Outcome::kOffer:
                vouched_ = answer_status(slot_, Outcome::kOffer);
                return begin_copy(answer.source | kUnsure);
            case Outcome::kCopy:
                begin_copy(answer.source);
                return;
            case Outcome::kWithdrawn: ask_again(); return;
            case Outcome::kDone: publish(); return;
            case Outcome::kFailed:
                finish_answer(cache_, slot_);
                slot_taken_ = false;
                return fail_with_answer(answer.source);
        }
    }

    GPUIO_DEVICE void begin_copy(std::uint64_t source) {
        open_copy(cache_, frame_, source);
        step_ = Step::kCopying;
    }

    GPUIO_DEVICE void copy() {
        help_copy(cache_, frame_);
        if (!copy_is_done(cache_, frame_)) return;
        // What was copied may be another page's bytes. Nobody has seen them yet.
        if (vouched_ != 0 && platform::load_again_system(voucher()) != vouched_) return ask_again();
        if (vouched_ != 0 && !slot_taken_) {
            platform::count(&statistics(cache_).misses, 1);
            platform::count(&statistics(cache_).direct_hits, 1);
        }
        publish();
    }

    /// The page has left the cache below, before anyone came for a prefetch's or while it was being
    /// copied: asks the host for it, into the same frame. Not the directory again, so this ends.
    GPUIO_DEVICE void ask_again() {
        if (slot_taken_) finish_answer(cache_, slot_);
        slot_taken_ = false;
        vouched_ = 0;
        step_ = Step::kNeedsSlot;
    }

    /// The bytes are in the frame: lets everyone see the page, pinned for this lane.
    GPUIO_DEVICE void publish() {
        if (slot_taken_) finish_answer(cache_, slot_);
        slot_taken_ = false;
        change_to(entry_.with_state(PageState::kValid).with_accessed(true).with_pins(1));
        place_.leave(cache_);
        platform::count(&statistics(cache_).filled_bytes, std::uint64_t{1} << cache_.page_shift);
        step_ = Step::kReady;
    }

    /// Changes the entry, which this fault owns.
    GPUIO_DEVICE void change_to(PageEntry next) {
        rewrite(word_, entry_, next);
        entry_ = next;
    }

    GPUIO_DEVICE void fail_with_answer(std::uint64_t source) {
        fail(static_cast<std::uint32_t>(source & 0xffffffff),
             static_cast<std::uint32_t>(source >> 32));
    }

    /// Gives back the page, and the frame if there is one, and fails. The page is INVALID again, so
    /// a later access tries anew.
    GPUIO_DEVICE void fail(std::uint32_t code, std::uint32_t os_error) {
        change_to(entry_.evicted());
        if (frame_ != kNoFrame) free_frame(cache_, frame_);
        set_failed(code, os_error);
    }

    GPUIO_DEVICE void set_failed(std::uint32_t code, std::uint32_t os_error) {
        place_.leave(cache_);
        error_code_ = code;
        os_error_ = os_error;
        step_ = Step::kFailed;
    }

    const Cache& cache_;
    std::uint64_t* word_;
    const PageKey key_;
    Step step_ = Step::kLooking;
    bool hit_ = false;
    bool slot_taken_ = false;
    PageEntry entry_{0};  ///< what this fault, as the page's owner, has made of it; without pins
    QueuePlace place_;
    std::uint32_t frame_ = kNoFrame;
    std::uint64_t looked_at_ = 0;  ///< frames, by the CLOCK hand
    /// What `voucher` must still say when all is copied; 0: the source stays as long as it is lent.
    std::uint64_t vouched_ = 0;
    std::uint32_t victim_frame_ = kNoFrame;
    std::uint64_t* victim_word_ = nullptr;
    Slot slot_{};
    std::uint32_t error_code_ = 0;
    std::uint32_t os_error_ = 0;
};

}  // namespace gpuio::device
